/**
 * Ends processes: asks, waits, then kills. Each is held by a pidfd while that lasts, so a signal never reaches a process
 * that was given the same number afterwards. Source: pidfd_open(2), pidfd_send_signal(2).
 */
import { closeSync } from "node:fs";
import { constants } from "node:os";
import { SystemError } from "../../base/index.ts";
import { errnoCode, systemCall } from "../libc.ts";
import { isAlive, type ProcessRef } from "./process-ref.ts";

const pidfdSendSignal = systemCall<[pidfd: number, signal: number, info: null, flags: number]>(
  424,
  "int pidfd, int signal, void *info, unsigned int flags",
);
const pidfdOpen = systemCall<[pid: number, flags: number]>(434, "int pid, unsigned int flags");
/** A process that was killed is gone when the kernel has taken its memory apart: a second for a guest of many gigabytes. */
const KILL_TIMEOUT_MS = 10_000;
const POLL_MS = 10;

/**
 * Resolves when none of them is left. One that is gone already is no error.
 * @param graceMs how long they may take after being asked (SIGTERM); 0 kills them at once
 * @throws {SystemError} when one does not even end when it is killed
 */
export async function terminate(processes: readonly ProcessRef[], graceMs: number): Promise<void> {
  if (graceMs > 0) {
    for (const process of processes) signalProcess(process, "SIGTERM");
    if (await areGone(processes, graceMs)) return;
  }
  for (const process of processes) signalProcess(process, "SIGKILL");
  if (await areGone(processes, KILL_TIMEOUT_MS)) return;
  const left = processes.filter(isAlive).map(({ pid }) => pid);
  throw new SystemError(`ending the processes ${left.join(", ")}: killed ${KILL_TIMEOUT_MS} ms ago and still there`);
}

/** @returns whether the process was there to get the signal */
export function signalProcess(process: ProcessRef, signal: NodeJS.Signals): boolean {
  let pidfd: number | undefined;
  try {
    pidfd = pidfdOpen(process.pid, 0);
    // The number is held from here on: if it is still the same process, it stays that.
    if (!isAlive(process)) return false;
    pidfdSendSignal(pidfd, constants.signals[signal], null, 0);
    return true;
  } catch (cause) {
    if (errnoCode(cause) === "ESRCH") return false;
    throw new SystemError(`sending ${signal} to process ${process.pid}`, { cause });
  } finally {
    if (pidfd !== undefined) closeSync(pidfd);
  }
}

async function areGone(processes: readonly ProcessRef[], timeoutMs: number): Promise<boolean> {
  const deadline = Date.now() + timeoutMs;
  while (processes.some(isAlive)) {
    if (Date.now() >= deadline) return false;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  return true;
}
