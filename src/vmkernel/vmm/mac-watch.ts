/**
 * Which MAC each of a guest's drivers has set, by now. virtio's QEMU tells unasked that it changed; of the others it must be asked.
 * Paper «Virtual Ports»: a port learns its address from the adapter itself, never from frames.
 */
import { isDeepStrictEqual } from "node:util";
import { parseNetClients } from "./parse-net-clients.ts";

/** Until then a guest's new address is not known, and what it sends from it is forged. */
const LOOK_INTERVAL_MS = 1000;

export interface MacWatchParts {
  /** QEMU's answer to `info network`. */
  readonly ask: () => Promise<unknown>;
  readonly onChange: (macs: ReadonlyMap<number, string>) => void;
}

export class MacWatch {
  readonly #parts: MacWatchParts;
  #macs: ReadonlyMap<number, string> = new Map();
  #timer: NodeJS.Timeout | undefined;
  #isLooking = false;

  constructor(parts: MacWatchParts) {
    this.#parts = parts;
  }

  /** By the key of the NIC, as last seen. */
  get macs(): ReadonlyMap<number, string> {
    return this.#macs;
  }

  /** Resolves when the first look has been taken. */
  async start(): Promise<void> {
    this.#timer ??= setInterval(() => void this.look(), LOOK_INTERVAL_MS);
    this.#timer.unref();
    await this.look();
  }

  async look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    try {
      const { macs } = parseNetClients(await this.#parts.ask());
      if (isDeepStrictEqual(macs, this.#macs)) return;
      this.#macs = macs;
      this.#parts.onChange(macs);
    } catch {
      // a monitor that does not answer is asked again next time, or has ended
    } finally {
      this.#isLooking = false;
    }
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
