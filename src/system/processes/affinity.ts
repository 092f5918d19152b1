/** On which processors a process may run. Source: sched_setaffinity(2), sched_getaffinity(2). */
import { readdirSync, readFileSync } from "node:fs";
import { SystemError } from "../../base/index.ts";
import { parseProcessorList } from "../hardware/topology.ts";
import { errnoCode, libcCall } from "../libc.ts";

const MASK_BYTES = 128; // 1,024 processors, as glibc's cpu_set_t
const setMask = libcCall<[tid: number, bytes: number, mask: Buffer]>("int sched_setaffinity(int tid, size_t bytes, void *mask)");
const getMask = libcCall<[tid: number, bytes: number, mask: Buffer]>("int sched_getaffinity(int tid, size_t bytes, void *mask)");

/** Numbers of the processors that the machine has in use. */
export function onlineProcessors(): readonly number[] {
  return parseProcessorList(readFileSync("/sys/devices/system/cpu/online", "utf8"));
}

/**
 * Binds every thread of a process to these processors; threads that they start are bound alike.
 * @throws {SystemError} when none of them is there
 */
export function setAffinity(pid: number, processors: readonly number[]): void {
  const mask = Buffer.alloc(MASK_BYTES);
  for (const number of processors) mask.writeUInt8(mask.readUInt8(number >> 3) | (1 << (number & 7)), number >> 3);
  // A thread that was started by one that was not bound yet is found at the second look.
  for (let look = 0; look < 2; look++) for (const tid of threadIds(pid)) setThread(tid, mask);
}

function setThread(tid: number, mask: Buffer): void {
  try {
    setMask(tid, MASK_BYTES, mask);
  } catch (cause) {
    if (errnoCode(cause) !== "ESRCH") throw new SystemError(`binding thread ${tid} to processors`, { cause });
  }
}

/** Of one thread; the process's first where a process is named. */
export function affinityOf(tid: number): readonly number[] {
  const mask = Buffer.alloc(MASK_BYTES);
  getMask(tid, MASK_BYTES, mask);
  return Array.from({ length: MASK_BYTES * 8 }, (_, number) => number).filter(
    (number) => (mask.readUInt8(number >> 3) & (1 << (number & 7))) !== 0,
  );
}

function threadIds(pid: number): readonly number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).map(Number);
  } catch {
    return []; // it has ended
  }
}
