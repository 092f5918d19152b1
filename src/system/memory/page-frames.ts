/**
 * Which machine page is behind each page of a process: the kernel's own page tables, as root may read them.
 * Source: kernel admin-guide/mm/pagemap; include/uapi/linux/kernel-page-flags.h.
 *
 *   /proc/PID/pagemap   a 64-bit word a page:  | present 63 | swapped 62 | file or shared 61 | … | frame 0–54 |
 *   /proc/kpageflags    a 64-bit word a frame: | … | zero page 24 | … | ksm 21 | … |
 */
import { closeSync, openSync, readSync } from "node:fs";
import { SystemError } from "../../base/index.ts";
import type { Mapping } from "./mappings.ts";

export const PAGE_BYTES = 4096;
const WORD_BYTES = 8;
const CHUNK_PAGES = 128 * 1024; // a MiB of the table: half a GiB of the process
/** Of the upper half of a word, little-endian. */
const PRESENT = 2 ** 31;
const SWAPPED = 2 ** 30;
const OF_FILE = 2 ** 29;
const FRAME_HIGH = 2 ** 23 - 1;

/** A process's own pages: those that it shares with whoever maps the same file are none of them. */
export interface OwnPages {
  /** Frame numbers; each is a page of {@link PAGE_BYTES} of the machine. */
  readonly frames: Float64Array;
  readonly swapped: number;
}

/**
 * @returns the frames behind all memory that is the process's: anonymous memory, what it has changed of files that it maps privately,
 * and memory files, which others might map as well
 * @throws {SystemError} when it has ended, or without root
 */
export function ownPagesOf(pid: number, mappings: readonly Mapping[]): OwnPages {
  const found: number[] = [];
  let swapped = 0;
  readEntries(pid, mappings, (mapping, low, high) => {
    if ((high & SWAPPED) !== 0) swapped += 1;
    if (high < PRESENT) return;
    if (mapping.inode !== 0 && !isMemoryFile(mapping) && (high & OF_FILE) !== 0) return;
    found.push(frameOf(low, high));
  });
  return { frames: Float64Array.from(found), swapped };
}

/** What is in a page's place where no machine page is behind it. */
export const NO_FRAME = { untouched: -1, swapped: -2 } as const;

/** @returns for each page from `start` its frame, or one of {@link NO_FRAME} */
export function framesBehind(pid: number, { start, bytes }: { readonly start: number; readonly bytes: number }): Float64Array {
  const frames = new Float64Array(Math.ceil(bytes / PAGE_BYTES)).fill(NO_FRAME.untouched);
  let at = 0;
  const mapping = {
    start,
    end: start + frames.length * PAGE_BYTES,
    isWritable: true,
    isExecutable: false,
    isShared: false,
    inode: 0,
    name: "",
  };
  readEntries(pid, [mapping], (_, low, high) => {
    if (high >= PRESENT) frames[at] = frameOf(low, high);
    else if ((high & SWAPPED) !== 0) frames[at] = NO_FRAME.swapped;
    at += 1;
  });
  return frames;
}

const frameOf = (low: number, high: number): number => (high & FRAME_HIGH) * 2 ** 32 + low;

/** memfd_create(2) or shared anonymous memory: it has an inode, and no name that a path leads to. */
const isMemoryFile = ({ name }: Mapping): boolean => /^\/(?:memfd:|dev\/zero|dev\/shm\/)/.test(name);

/** Pages that the kernel itself has behind the vsyscall and vdso mappings are every process's. */
const isOfKernel = ({ name }: Mapping): boolean => /^\[v(?:dso|var|var_vclock|syscall)\]$/.test(name);

function readEntries(pid: number, mappings: readonly Mapping[], take: (mapping: Mapping, low: number, high: number) => void): void {
  const words = new Uint32Array(CHUNK_PAGES * 2); // lower half, upper half: page tables are read on machines of this one's byte order
  const path = `/proc/${pid}/pagemap`;
  try {
    const fd = openSync(path, "r");
    try {
      for (const mapping of mappings) {
        if (isOfKernel(mapping)) continue;
        const last = mapping.end / PAGE_BYTES;
        for (let page = mapping.start / PAGE_BYTES; page < last; page += CHUNK_PAGES) {
          const pages = Math.min(CHUNK_PAGES, last - page);
          const bytes = readSync(fd, words, 0, pages * WORD_BYTES, page * WORD_BYTES);
          for (let at = 0; at < Math.floor(bytes / WORD_BYTES) * 2; at += 2) take(mapping, words[at] ?? 0, words[at + 1] ?? 0);
        }
      }
    } finally {
      closeSync(fd);
    }
  } catch (cause) {
    throw new SystemError(`reading ${path}`, { cause });
  }
}

/** What the kernel says of a page that several processes have. */
export type SharedFrame = "ksm" | "zeroPage" | "other";
const KSM_BIT = 2 ** 21;
const ZERO_PAGE_BIT = 2 ** 24;

/** "ksm" and "zeroPage" are copied for whoever writes to them. */
export function describeFrames(frames: readonly number[]): readonly SharedFrame[] {
  const word = Buffer.alloc(WORD_BYTES);
  const path = "/proc/kpageflags";
  try {
    const fd = openSync(path, "r");
    try {
      return frames.map((frame) => {
        readSync(fd, word, 0, WORD_BYTES, frame * WORD_BYTES);
        const flags = word.readUInt32LE(0);
        return (flags & KSM_BIT) !== 0 ? "ksm" : (flags & ZERO_PAGE_BIT) !== 0 ? "zeroPage" : "other";
      });
    } finally {
      closeSync(fd);
    }
  } catch (cause) {
    throw new SystemError(`reading ${path}`, { cause });
  }
}
