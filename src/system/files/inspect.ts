/** What an open file or folder is and holds. */
import { fstatSync, read, readdirSync, type Stats, statfsSync } from "node:fs";
import { promisify } from "node:util";
import type { OpenFile } from "./open-file.ts";

const readAsync = promisify(read);

/** The file holds more than the caller wants to take. */
export class FileTooLong extends Error {
  override readonly name = "FileTooLong";
}

export function describeFile(file: OpenFile): Stats {
  return fstatSync(file.fd);
}

/** @throws {FileTooLong} when there is more than `bytesMax` in it, also when it grows while it is read */
export async function readWhole(file: OpenFile, bytesMax: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let total = 0;
  for (;;) {
    const piece = Buffer.alloc(READ_BYTES);
    const { bytesRead } = await readAsync(file.fd, piece, 0, READ_BYTES, total);
    if (bytesRead === 0) return Buffer.concat(pieces);
    total += bytesRead;
    if (total > bytesMax) throw new FileTooLong(`the file is longer than ${bytesMax} bytes`);
    pieces.push(piece.subarray(0, bytesRead));
  }
}

const READ_BYTES = 64 * 1024;

/** Names in the folder, sorted, without "." and "..". */
export function namesIn(folder: OpenFile): string[] {
  return readdirSync(`/proc/self/fd/${folder.fd}`).sort();
}

/** Bytes of the file system that the folder lies on: all of it, and what is still free to be written. */
export function spaceOf(folder: OpenFile): { readonly capacityBytes: number; readonly freeBytes: number } {
  const { bsize, blocks, bavail } = statfsSync(`/proc/self/fd/${folder.fd}`);
  return { capacityBytes: blocks * bsize, freeBytes: bavail * bsize };
}
