/** What an open file or folder is and holds. */
import { fstatSync, read, readdirSync, type Stats, statfsSync } from "node:fs";
import { promisify } from "node:util";
import type { OpenFile } from "./open-file.ts";

const readAsync = promisify(read);
const READ_BYTES = 64 * 1024;

/** The file holds more than the caller wants to take. */
export class FileTooLong extends Error {
  override readonly name = "FileTooLong";
}

export function describeFile(file: OpenFile): Stats {
  return fstatSync(file.fd);
}

/** @throws {FileTooLong} when there is more than `bytesMax` in it, also when it grows while it is read */
export async function readWhole(file: OpenFile, bytesMax: number): Promise<Buffer> {
  const bytes = await readUpTo(file, bytesMax + 1);
  if (bytes.length > bytesMax) throw new FileTooLong(`the file is longer than ${bytesMax} bytes`);
  return bytes;
}

/** What the file begins with: all of it when it is no longer than `bytesMax`. */
export async function readUpTo(file: OpenFile, bytesMax: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for (let total = 0; total < bytesMax; ) {
    const piece = Buffer.alloc(Math.min(READ_BYTES, bytesMax - total));
    const { bytesRead } = await readAsync(file.fd, piece, 0, piece.length, total);
    if (bytesRead === 0) break;
    total += bytesRead;
    pieces.push(piece.subarray(0, bytesRead));
  }
  return Buffer.concat(pieces);
}

/** Names in the folder, sorted, without "." and "..". */
export function namesIn(folder: OpenFile): string[] {
  return readdirSync(`/proc/self/fd/${folder.fd}`).sort();
}

/** Bytes of the file system that the folder lies on: all of it, and what is still free to be written. */
export function spaceOf(folder: OpenFile): { readonly capacityBytes: number; readonly freeBytes: number } {
  const { bsize, blocks, bavail } = statfsSync(`/proc/self/fd/${folder.fd}`);
  return { capacityBytes: blocks * bsize, freeBytes: bavail * bsize };
}
