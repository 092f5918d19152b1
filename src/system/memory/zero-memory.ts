/** Writes zeros over another process's memory, as far as it is in the machine's. Source: proc_pid_mem(5). */
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { SystemError } from "../../base/index.ts";
import { errnoCode } from "../libc.ts";
import { framesBehind, NO_FRAME, PAGE_BYTES } from "./page-frames.ts";

const CHUNK_BYTES = 2 ** 20;
const ZEROS = Buffer.alloc(CHUNK_BYTES);

export interface MemoryRange {
  /** Of the process; a whole number of pages, as `bytes`. */
  readonly start: number;
  readonly bytes: number;
}

/**
 * What it never touched stays untouched, and a page that it shares with others is theirs as it was: it gets one of its own.
 * @returns the bytes that were written
 * @throws {SystemError} when it has ended, or without root
 */
export async function zeroMemory(pid: number, range: MemoryRange): Promise<number> {
  const path = `/proc/${pid}/mem`;
  try {
    await using memory = await open(path, constants.O_WRONLY);
    let written = 0;
    for (const { start, bytes } of residentRuns(framesBehind(pid, range), range.start)) {
      for (let at = 0; at < bytes; at += CHUNK_BYTES) {
        const length = Math.min(CHUNK_BYTES, bytes - at);
        await memory.write(ZEROS, 0, length, start + at);
        written += length;
      }
    }
    return written;
  } catch (cause) {
    if (errnoCode(cause) === "ENOENT" || errnoCode(cause) === "ESRCH") throw new SystemError(`process ${pid} has ended`, { cause });
    throw new SystemError(`writing ${path}`, { cause });
  }
}

/** Runs of pages that have a frame. Pure. */
export function residentRuns(frames: Float64Array, start: number): readonly MemoryRange[] {
  const runs: MemoryRange[] = [];
  for (let from = 0; from < frames.length; ) {
    const isResident = (page: number): boolean => (frames[page] ?? NO_FRAME.untouched) >= 0;
    let to = from + 1;
    while (to < frames.length && isResident(to) === isResident(from)) to += 1;
    if (isResident(from)) runs.push({ start: start + from * PAGE_BYTES, bytes: (to - from) * PAGE_BYTES });
    from = to;
  }
  return runs;
}
