/** A folder of whole files that wait to be fetched, and that nobody misses when they are gone. Names are the caller's to choose safely. */
import { createReadStream, createWriteStream, mkdirSync, rmSync } from "node:fs";
import { rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { Undo } from "../../base/index.ts";

export interface SpooledFile {
  readonly sizeBytes: number;
  read(): Readable;
}

export class Spool {
  readonly #folder: string;

  /** Makes the folder, and empties one that is there. */
  constructor(folder: string) {
    this.#folder = folder;
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  }

  /** The file is there when it is whole, or not at all. */
  async write(name: string, bytes: AsyncIterable<Uint8Array>): Promise<void> {
    const part = join(this.#folder, `${name}.part`);
    await using undo = new Undo();
    undo.add(() => rm(part, { force: true }));
    await pipeline(bytes, createWriteStream(part, { flags: "wx", mode: 0o600 }));
    await rename(part, join(this.#folder, name));
    undo.release();
  }

  async open(name: string): Promise<SpooledFile> {
    const path = join(this.#folder, name);
    const { size } = await stat(path);
    return { sizeBytes: size, read: () => createReadStream(path) };
  }

  async remove(name: string): Promise<void> {
    await rm(join(this.#folder, name), { force: true });
  }
}
