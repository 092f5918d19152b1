/** Finding processes: by user, by ancestor, by program. A process may end at any moment, and is then simply not found. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { parseStatus } from "./parse-proc.ts";
import { findProcess, type ProcessRef } from "./process-ref.ts";

/** @returns undefined when the process ends meanwhile, or is not ours to look at */
function look<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

export function allPids(): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/** Every uid that a process of this machine has, real, effective or saved. */
export function uidsInUse(): Set<number> {
  return new Set(allPids().flatMap((pid) => uidsOf(pid)));
}

/** Processes whose real, effective or saved uid it is, without those that ended and were not reaped yet. */
export function processesOfUid(uid: number): number[] {
  return allPids().filter((pid) => uidsOf(pid).includes(uid) && findProcess(pid) !== undefined);
}

function uidsOf(pid: number): readonly number[] {
  const status = look(() => parseStatus(readFileSync(`/proc/${pid}/status`, "utf8")));
  return status === undefined ? [] : [status.uids.real, status.uids.effective, status.uids.saved];
}

/** The process, its children, theirs, and so on: parents first. */
export function descendants(pid: number): number[] {
  const found = [pid];
  for (const parent of found) {
    for (const thread of look(() => readdirSync(`/proc/${parent}/task`)) ?? []) {
      const children = look(() => readFileSync(`/proc/${parent}/task/${thread}/children`, "utf8")) ?? "";
      found.push(
        ...children
          .split(" ")
          .filter((child) => child !== "")
          .map(Number),
      );
    }
  }
  return found;
}

/** The file that the process executes, or undefined when it ended or is not ours to look at. */
export function executableOf(pid: number): string | undefined {
  return look(() => readlinkSync(`/proc/${pid}/exe`));
}

/** The first process beneath `pid`, or itself, that executes `program`. */
export function findProgram(pid: number, program: string): ProcessRef | undefined {
  const found = descendants(pid).find((candidate) => executableOf(candidate) === program);
  return found === undefined ? undefined : findProcess(found);
}
