/** Reads the logs of the host: hostd's own from its folder, the others through vmkernel. */
import { join } from "node:path";
import { readChunk } from "../../system/index.ts";
import type { LogName } from "../../vmkernel/index.ts";
import type { Vmkernel } from "../vmkernel.ts";
import type { LogSource } from "./log-catalogue.ts";

/** Over the bound of every log of this host: what grows past it meanwhile is left for the next reading. */
const LOG_BYTES_MAX = 32 * 1024 * 1024;
const CHUNK_BYTES = 1024 * 1024;

export class HostLogs {
  readonly #folder: string;
  readonly #vmkernel: Pick<Vmkernel, "request">;

  constructor(folder: string, vmkernel: Pick<Vmkernel, "request">) {
    this.#folder = folder;
    this.#vmkernel = vmkernel;
  }

  /** The whole log; "" where nobody has written to it. */
  async read(source: LogSource): Promise<string> {
    const chunks: Uint8Array[] = [];
    for (let fromByte = 0; fromByte < LOG_BYTES_MAX; ) {
      const chunk = await this.#readChunk(source, fromByte);
      if (chunk.length === 0) break;
      chunks.push(chunk);
      fromByte += chunk.length;
    }
    return Buffer.concat(chunks).toString("utf8");
  }

  #readChunk(source: LogSource, fromByte: number): Promise<Uint8Array> {
    return source.kind === "own" ? this.#readOwn(source.file, fromByte) : this.#readRoots(source.log, fromByte);
  }

  async #readOwn(file: string, fromByte: number): Promise<Uint8Array> {
    return (await readChunk(join(this.#folder, file), fromByte, CHUNK_BYTES)).bytes;
  }

  async #readRoots(log: LogName, fromByte: number): Promise<Uint8Array> {
    const { base64 } = await this.#vmkernel.request({ kind: "readLog", log, fromByte });
    return Buffer.from(base64, "base64");
  }
}
