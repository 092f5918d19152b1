/**
 * Files that the kernel swaps memory to, and the compressed store before them. Both are the machine's: the kernel has no swap of a
 * process's own; how much of whom is swapped is for cgroups to say. Source: swapon(2), proc(5) swaps, kernel admin-guide mm/zswap.
 *
 *   header, a page:  | … | 1024 version 1 | 1028 last page | … | 4086 "SWAPSPACE2" |
 */
import { accessSync, closeSync, constants, openSync, readFileSync, statfsSync, writeFileSync, writeSync } from "node:fs";
import { rm } from "node:fs/promises";
import { dirname } from "node:path";
import { SystemError } from "../../base/index.ts";
import { allocate } from "../files/syscalls.ts";
import { libcCall } from "../libc.ts";
import { PAGE_BYTES } from "./page-frames.ts";

const swapon = libcCall<[path: string, flags: number]>("int swapon(const char *path, int flags)");
const swapoff = libcCall<[path: string]>("int swapoff(const char *path)");

const VERSION = 1;
const VERSION_AT = 1024;
const LAST_PAGE_AT = 1028;
const MAGIC = "SWAPSPACE2";
const SWAP_FLAG_DISCARD = 0x10000; // a page that is needed no more is not kept on a disk that can forget

export interface SwapFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly usedBytes: number;
}

/** Of the file system that swap files are on: that much stays free, for logs and all else that must be written. */
const FREE_PART_MIN = 1 / 20;

/**
 * Makes a file that only root reads, all of it there, and has the kernel swap to it.
 * @throws {SystemError} when there is no room, the file system cannot be swapped to, or root may not; then it is not there
 */
export async function addSwapFile(path: string, sizeBytes: number): Promise<void> {
  try {
    requireRoom(roomForSwap(dirname(path)), sizeBytes);
    const fd = openSync(path, "wx", 0o600);
    try {
      allocate(fd, { offset: 0, length: sizeBytes });
      writeSync(fd, swapHeader(sizeBytes), 0, PAGE_BYTES, 0);
    } finally {
      closeSync(fd);
    }
    swapon(path, SWAP_FLAG_DISCARD);
  } catch (cause) {
    await rm(path, { force: true });
    throw new SystemError(`swapping to ${path}`, { cause });
  }
}

/** What swap files in a folder can take more, in bytes; less than 0 where more is taken already than should be. */
export function roomForSwap(folder: string): number {
  const { bsize, blocks, bavail } = statfsSync(folder);
  return (bavail - Math.ceil(FREE_PART_MIN * blocks)) * bsize;
}

/** Before a block is taken: one that filled the disk, though but for a moment, would have the host's logs fail. */
function requireRoom(roomBytes: number, sizeBytes: number): void {
  const [room, size] = [roomBytes, sizeBytes].map((bytes) => Math.round(bytes / 2 ** 20));
  if (sizeBytes > roomBytes)
    throw new Error(`it needs ${size} MiB; there is room for ${room}, for a twentieth of the file system is to stay free`);
}

export function swapHeader(sizeBytes: number): Buffer {
  const header = Buffer.alloc(PAGE_BYTES);
  header.writeUInt32LE(VERSION, VERSION_AT);
  header.writeUInt32LE(Math.floor(sizeBytes / PAGE_BYTES) - 1, LAST_PAGE_AT);
  header.write(MAGIC, PAGE_BYTES - MAGIC.length, "latin1");
  return header;
}

/** What is in it comes back into memory first. @throws {SystemError} when there is not so much memory; then it is used on */
export async function removeSwapFile(path: string): Promise<void> {
  try {
    swapoff(path);
    await rm(path);
  } catch (cause) {
    throw new SystemError(`giving up swapping to ${path}`, { cause });
  }
}

export function swapFiles(): readonly SwapFile[] {
  return parseSwaps(readFileSync("/proc/swaps", "utf8"));
}

/** /proc/swaps: | name type size used priority | a line, in KiB, after one of headings; a name's spaces are "\040". Pure. */
export function parseSwaps(text: string): readonly SwapFile[] {
  return text.split("\n").flatMap((line) => {
    const [, name, size, used] = /^(\/\S*)\s+file\s+(\d+)\s+(\d+)\s/.exec(line) ?? [];
    if (name === undefined) return [];
    const path = name.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
    return { path, sizeBytes: Number(size) * 1024, usedBytes: Number(used) * 1024 };
  });
}

const ZSWAP = "/sys/module/zswap/parameters";

/** Whether this kernel can compress what is to be swapped, and lets us say so. */
export function canCompressMemory(): boolean {
  try {
    accessSync(`${ZSWAP}/enabled`, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** @param percentMax of the machine's memory that may hold what is compressed; 0: nothing more is. @throws {SystemError} */
export function setCompression(percentMax: number): void {
  const settings =
    percentMax === 0
      ? [["enabled", "N"]]
      : [
          ["max_pool_percent", String(percentMax)],
          ["enabled", "Y"],
        ];
  for (const [name, value] of settings) {
    try {
      writeFileSync(`${ZSWAP}/${name}`, value ?? "");
    } catch (cause) {
      throw new SystemError(`writing ${value} to ${ZSWAP}/${name}`, { cause });
    }
  }
}
