/** A process that can't be taken for another: numbers are given out again, but not with the same start time. */
import { readFileSync } from "node:fs";
import { SystemError } from "../../base/index.ts";
import { parseStat } from "./parse-proc.ts";

export interface ProcessRef {
  readonly pid: number;
  /** When it was started, in clock ticks since the machine was. */
  readonly startTicks: number;
}

/** @throws {SystemError} when there is no such process */
export function processRef(pid: number): ProcessRef {
  const found = findProcess(pid);
  if (found === undefined) throw new SystemError(`there is no process ${pid}`);
  return found;
}

/** @returns undefined when there is none, or only its remains, which its parent has not yet reaped */
export function findProcess(pid: number): ProcessRef | undefined {
  try {
    const { startTicks, state } = parseStat(readFileSync(`/proc/${pid}/stat`, "utf8"));
    return state === "Z" || state === "X" ? undefined : { pid, startTicks };
  } catch {
    return undefined; // ENOENT, or ESRCH when it ends while it is read
  }
}

export function isAlive({ pid, startTicks }: ProcessRef): boolean {
  return findProcess(pid)?.startTicks === startTicks;
}
