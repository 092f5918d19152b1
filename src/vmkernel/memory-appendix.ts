/**
 * What lies behind a suspended guest's memory in its file, where QEMU has no use for it: what the ports of its NICs knew, last. So it goes where
 * the file goes, and with it.
 *   memory | NIC's key:32, length:32, bytes | … | length of all those:32, unused:32, milliseconds of the epoch when saved:64, MARK:128 |
 * QEMU reads its own stream to the end that is marked in it, and nothing behind that (migration/savevm.c, qemu_loadvm_state). Anybody may
 * have written such a file: what does not fit is not there.
 */
import { fstatSync, readSync, writeSync } from "node:fs";

const MARK = Buffer.from("bulkhead.ports.1");
const TAIL_BYTES = 16 + MARK.length;
const HEADER_BYTES = 8;
/** Ten NICs with as many connections as ports remember. */
const BYTES_MAX = 16 * 1024 * 1024;

/** By the keys of NICs. */
export type Carried = ReadonlyMap<number, Buffer>;

/** Pure. @returns nothing where there is nothing to carry */
export function encodeAppendix(carried: Carried, savedAtMs: number): Buffer {
  const blocks = [...carried].flatMap(([key, bytes]) => {
    if (bytes.length === 0) return [];
    const header = Buffer.alloc(HEADER_BYTES);
    header.writeUInt32LE(key, 0);
    header.writeUInt32LE(bytes.length, 4);
    return [header, bytes];
  });
  if (blocks.length === 0) return Buffer.alloc(0);
  const body = Buffer.concat(blocks);
  const tail = Buffer.alloc(TAIL_BYTES);
  tail.writeUInt32LE(body.length, 0);
  tail.writeBigUInt64LE(BigInt(savedAtMs), 8);
  MARK.copy(tail, 16);
  return Buffer.concat([body, tail]);
}

/** Behind all that is in the file. */
export function appendToFile(fd: number, bytes: Buffer): void {
  for (let written = 0, at = fstatSync(fd).size; written < bytes.length; )
    written += writeSync(fd, bytes, written, bytes.length - written, at + written);
}

export interface Appendix {
  readonly carried: Carried;
  readonly savedAtMs: number;
}

/** @returns undefined where there is none, or none that fits */
export function readAppendix(fd: number): Appendix | undefined {
  const { size } = fstatSync(fd);
  const tail = readTail(fd);
  if (tail === undefined) return undefined;
  const length = tail.readUInt32LE(0);
  const body = length > BYTES_MAX ? undefined : readExactly(fd, size - TAIL_BYTES - length, length);
  const carried = body && parseBlocks(body);
  return carried && { carried, savedAtMs: Number(tail.readBigUInt64LE(8)) };
}

/** How much of the file's end it takes; 0 where there is none. */
export function appendixLength(fd: number): number {
  const tail = readTail(fd);
  return tail === undefined ? 0 : tail.readUInt32LE(0) + TAIL_BYTES;
}

function readTail(fd: number): Buffer | undefined {
  const tail = readExactly(fd, fstatSync(fd).size - TAIL_BYTES, TAIL_BYTES);
  return tail?.subarray(16).equals(MARK) === true ? tail : undefined;
}

function parseBlocks(body: Buffer): Carried | undefined {
  const carried = new Map<number, Buffer>();
  for (let at = 0; at < body.length; ) {
    if (body.length - at < HEADER_BYTES) return undefined;
    const [key, length] = [body.readUInt32LE(at), body.readUInt32LE(at + 4)];
    at += HEADER_BYTES;
    if (length > body.length - at) return undefined;
    carried.set(key, body.subarray(at, at + length));
    at += length;
  }
  return carried;
}

/** @returns undefined where the file has not that many bytes there */
export function readExactly(fd: number, position: number, length: number): Buffer | undefined {
  if (position < 0) return undefined;
  const bytes = Buffer.alloc(length);
  for (let read = 0; read < length; ) {
    const count = readSync(fd, bytes, read, length - read, position + read);
    if (count === 0) return undefined;
    read += count;
  }
  return bytes;
}
