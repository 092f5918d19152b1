/**
 * Core scheduling: the kernel lets threads of one group alone run on a core's threads at one time.
 * Source: prctl(2) PR_SCHED_CORE, kernel admin-guide/hw-vuln/core-scheduling.
 */
import { SystemError } from "../../base/index.ts";
import { errnoCode, libcCall } from "../libc.ts";

const PR_SCHED_CORE = 62;
const GET = 0;
const CREATE = 1;
const SHARE_TO = 2;
const OF_THREAD = 0; // enum pid_type, as the kernel has it
const OF_PROCESS = 1;

type PrctlArguments = [option: number, command: number, pid: number, type: number, cookie: Buffer | null];
const prctl = libcCall<PrctlArguments>("int prctl(int option, unsigned long command, unsigned long pid, unsigned long type, void *cookie)");

/** Whether the kernel has it and the machine has hyperthreads: on one without, the kernel says that there is nothing to schedule. */
export function hasCoreScheduling(): boolean {
  try {
    coreGroupOf(process.pid);
    return true;
  } catch {
    return false;
  }
}

/** The group that a thread is of; 0n for one that is of none. @throws {Error} ESRCH, EINVAL or ENODEV where there is no such thing */
export function coreGroupOf(tid: number): bigint {
  const cookie = Buffer.alloc(8);
  prctl(PR_SCHED_CORE, GET, tid, OF_THREAD, cookie);
  return cookie.readBigUInt64LE();
}

/** Gives a process a group of its own, with all its threads and those that they start. Nothing for one that has ended. */
export function makeCoreGroup(pid: number): void {
  change(CREATE, pid);
}

/** Makes a process one of no group, as its caller is. Nothing for one that has ended. */
export function leaveCoreGroup(pid: number): void {
  change(SHARE_TO, pid);
}

function change(command: number, pid: number): void {
  try {
    prctl(PR_SCHED_CORE, command, pid, OF_PROCESS, null);
  } catch (cause) {
    if (errnoCode(cause) !== "ESRCH") throw new SystemError(`changing the core scheduling group of process ${pid}`, { cause });
  }
}
