/**
 * The files that a host's guests are swapped to: there are none until they are needed, and none when they are needed no more.
 * In the host's own folder, for the kernel swaps whom it likes to what there is: a file cannot be one VM's.
 */
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "../../base/index.ts";
import { addSwapFile, canCompressMemory, removeSwapFile, roomForSwap, setCompression, swapFiles } from "../../system/index.ts";

const STEP_BYTES = 256 * 2 ** 20;
/** Of all that is there already, a new file has at least as much: the kernel has room for some twenty, which so hold a tebibyte. */
const GROWTH = 0.5;
/** While more is in a file than this, it is not given up: what comes back holds up everything else. */
const LEFT_BYTES_MAX = 64 * 2 ** 20;

export class SwapSpace {
  readonly #folder: string;
  readonly #log: (line: string) => void;
  #compressedPercent = 0;

  constructor(folder: string, log: (line: string) => void) {
    this.#folder = folder;
    this.#log = log;
    this.#clear();
  }

  get sizeBytes(): number {
    return this.#files().reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  }

  /** @throws {SystemError} when there is no room for so much, or it cannot be swapped to; then there is as much as before */
  async ensure(bytes: number): Promise<void> {
    const missing = bytes - this.sizeBytes;
    if (missing <= 0) return;
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    const sizeBytes = fileSize(missing, this.sizeBytes, roomForSwap(this.#folder));
    const path = join(this.#folder, `swap-${this.#nextNumber()}`);
    await addSwapFile(path, sizeBytes);
    this.#log(`guests can be swapped to ${path}: ${Math.round(sizeBytes / 2 ** 20)} MiB`);
  }

  /** Gives up what is needed no more, if nearly nothing is in it. */
  async release(neededBytes: number): Promise<void> {
    for (const { path, sizeBytes, usedBytes } of this.#files().toReversed()) {
      if (this.sizeBytes - sizeBytes < neededBytes || usedBytes > LEFT_BYTES_MAX) continue;
      try {
        await removeSwapFile(path);
        this.#log(`guests are no more swapped to ${path}`);
      } catch (error) {
        this.#log(messageOf(error)); // the next time it may be possible
      }
    }
    if (this.sizeBytes === 0) this.compress(0);
  }

  /** @param percent of the machine's memory that may hold what is compressed instead of being written; where there is swap at all */
  compress(percent: number): void {
    const wanted = this.sizeBytes === 0 ? 0 : percent;
    if (wanted === this.#compressedPercent || !canCompressMemory()) return;
    try {
      setCompression(wanted);
      this.#compressedPercent = wanted;
    } catch (error) {
      this.#log(`compressing memory: ${messageOf(error)}`);
    }
  }

  #files() {
    return swapFiles().filter(({ path }) => path.startsWith(`${this.#folder}/`));
  }

  #nextNumber(): number {
    const numbers = this.#files().map(({ path }) => Number(/\d+$/.exec(path)?.[0] ?? 0));
    return 1 + Math.max(0, ...numbers);
  }

  /** What an earlier run of the machine left is used by nobody. */
  #clear(): void {
    const used = new Set(this.#files().map(({ path }) => path));
    let names: readonly string[] = [];
    try {
      names = readdirSync(this.#folder);
    } catch {
      // there is no folder yet
    }
    for (const name of names) if (!used.has(join(this.#folder, name))) rmSync(join(this.#folder, name), { force: true });
  }
}

/** Of the next file, in bytes: what is missing, and more while the disk has room for twice that. Pure. */
export function fileSize(missingBytes: number, presentBytes: number, roomBytes: number): number {
  const ahead = Math.min(GROWTH * presentBytes, roomBytes / 2);
  return Math.ceil(Math.max(missingBytes, ahead) / STEP_BYTES) * STEP_BYTES + STEP_BYTES / 256; // and its header
}
