/** The threads of a process: a seccomp filter is a thread's, not its process's. */
import { readdirSync, readFileSync } from "node:fs";
import { parseStatus, type Status } from "./parse-proc.ts";

export interface ThreadDescription extends Pick<Status, "name" | "seccomp" | "seccompFilters"> {
  readonly id: number;
}

/** A thread that ends meanwhile is left out. */
export function threadsOf(pid: number): ThreadDescription[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((id) => {
    try {
      const { name, seccomp, seccompFilters } = parseStatus(readFileSync(`/proc/${pid}/task/${id}/status`, "utf8"));
      return [{ id: Number(id), name, seccomp, seccompFilters }];
    } catch {
      return [];
    }
  });
}
