/**
 * Tar archives, to write: a header of 512 bytes before each file, and two empty ones at the end. Pure.
 * Source: POSIX.1-2017 pax, «ustar Interchange Format».
 */
import { assert } from "../../base/index.ts";

export interface TarFile {
  /** Relative; at most 100 bytes. */
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly modifiedAtMs: number;
}

const BLOCK_BYTES = 512;
const NAME_BYTES_MAX = 100;
const SIZE_BYTES_MAX = 8 ** 11 - 1; // eleven octal digits
const CHECKSUM = { offset: 148, bytes: 8 };

/** | name:100 mode:8 uid:8 gid:8 size:12 mtime:12 checksum:8 type:1 … magic:6 at 257, version:2 | contents, filled up to whole blocks. */
export function encodeTarFile({ name, bytes, modifiedAtMs }: TarFile): Buffer[] {
  assert(Buffer.byteLength(name) <= NAME_BYTES_MAX && bytes.length <= SIZE_BYTES_MAX, `${name} has no place in a tar archive`);
  const header = Buffer.alloc(BLOCK_BYTES);
  header.write(name, 0, "utf8");
  writeOctal(header, { offset: 100, bytes: 8 }, 0o644);
  writeOctal(header, { offset: 108, bytes: 8 }, 0);
  writeOctal(header, { offset: 116, bytes: 8 }, 0);
  writeOctal(header, { offset: 124, bytes: 12 }, bytes.length);
  writeOctal(header, { offset: 136, bytes: 12 }, Math.max(0, Math.floor(modifiedAtMs / 1000)));
  header.write("0", 156, "latin1"); // an ordinary file
  header.write("ustar\0", 257, "latin1");
  header.write("00", 263, "latin1");
  header.fill(" ", CHECKSUM.offset, CHECKSUM.offset + CHECKSUM.bytes); // the sum is taken with spaces in its own place
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, CHECKSUM.offset, "latin1");
  return [header, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), Buffer.alloc(-bytes.length & (BLOCK_BYTES - 1))];
}

export const TAR_END: Buffer = Buffer.alloc(2 * BLOCK_BYTES);

function writeOctal(header: Buffer, { offset, bytes }: { readonly offset: number; readonly bytes: number }, value: number): void {
  header.write(`${value.toString(8).padStart(bytes - 1, "0")}\0`, offset, "latin1");
}
