/** Bytes of a file that somebody else opened: all there is of it here is a descriptor. */
import { fdatasync, fstatSync, ftruncateSync, read, writev } from "node:fs";
import { promisify } from "node:util";

const readAsync = promisify(read);
const writevAsync = promisify(writev);

/** Brings to the disk what was written so far. @throws what the disk says against it */
export const syncData: (fd: number) => Promise<void> = promisify(fdatasync);

/** Fills as much of `piece` as the file has from `position` on. @returns how many bytes; 0 at its end */
export async function readAt(fd: number, piece: Buffer, position: number): Promise<number> {
  return (await readAsync(fd, piece, 0, piece.length, position)).bytesRead;
}

/** Writes the pieces one after another from `position` on. */
export async function writeAllAt(fd: number, pieces: readonly Buffer[], position: number): Promise<void> {
  let at = position;
  for (let left = pieces; left.length > 0; ) {
    const { bytesWritten } = await writevAsync(fd, left, at);
    at += bytesWritten;
    left = after(left, bytesWritten);
  }
}

/** What is left of the pieces when so many bytes of them are written. */
function after(pieces: readonly Buffer[], bytes: number): Buffer[] {
  let skip = bytes;
  return pieces.flatMap((piece) => {
    const written = Math.min(skip, piece.length);
    skip -= written;
    return written === piece.length ? [] : [piece.subarray(written)];
  });
}

export interface FileVersion {
  readonly sizeBytes: number;
  readonly modifiedAtMs: number;
  /** Another after every change of what the file holds, and for every other file of this file system. */
  readonly version: string;
}

export function versionOf(fd: number): FileVersion {
  const { ino, size, mtimeNs } = fstatSync(fd, { bigint: true });
  const version = [ino, size, mtimeNs].map((number) => number.toString(16)).join("-");
  return { sizeBytes: Number(size), modifiedAtMs: Number(mtimeNs / 1_000_000n), version };
}

export function cutTo(fd: number, lengthBytes: number): void {
  ftruncateSync(fd, lengthBytes);
}

/** Bytes at places of a file, which it need not have yet. */
export async function writeAllPieces(fd: number, pieces: readonly { readonly offset: number; readonly bytes: Buffer }[]): Promise<void> {
  for (const { offset, bytes } of pieces) await writeAllAt(fd, [bytes], offset);
}
