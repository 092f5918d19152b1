/** Carries a sandbox plan out: gives bwrap the seccomp filter and starts the whole behind the gate of its cgroup. */
import { closeSync, writeSync } from "node:fs";
import { type ConfinedCommand, type ConfinedProcess, createMemoryFile, startConfined } from "../../system/index.ts";
import type { SandboxPlan } from "./sandbox.ts";

/**
 * @param descriptors what the program inherits from 3 on, as many as the plan was made for
 * @returns the outermost process; the program itself is beneath it, see `waitForProgram`
 */
export async function startSandboxed(plan: SandboxPlan, how: Omit<ConfinedCommand, "argv">): Promise<ConfinedProcess> {
  const { argv, seccompFilter } = plan;
  if (seccompFilter === undefined) return startConfined({ ...how, argv });
  const filter = createMemoryFile("seccomp");
  try {
    writeSync(filter, seccompFilter, 0, seccompFilter.length, 0); // at 0, so that bwrap reads from there
    return await startConfined({ ...how, argv, descriptors: [...how.descriptors, filter] });
  } finally {
    closeSync(filter);
  }
}
