/** What QEMU has written to its standard error since somebody looked last. It is in the monitor's hands, so each look is bounded. */
import { readChunk } from "../../system/index.ts";

const LOOK_BYTES_MAX = 16 * 1024;

export class Complaints {
  readonly #path: string;
  #position: number | undefined;

  /** @param from its beginning, or what is in it already is left out */
  constructor(path: string, from: "start" | "end") {
    this.#path = path;
    this.#position = from === "start" ? 0 : undefined;
  }

  /** @returns the end of what is new, where it is too much; "" for nothing */
  async read(): Promise<string> {
    const { sizeBytes } = await readChunk(this.#path, 0, 0);
    const known = this.#position ?? sizeBytes;
    const from = known > sizeBytes ? 0 : known; // it was cut off meanwhile
    const { bytes } = await readChunk(this.#path, Math.max(from, sizeBytes - LOOK_BYTES_MAX), LOOK_BYTES_MAX);
    this.#position = sizeBytes;
    return Buffer.from(bytes).toString("utf8");
  }
}
