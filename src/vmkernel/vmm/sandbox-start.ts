/** Carries a sandbox plan out: gives bwrap the seccomp filter and starts the whole behind the gate of its cgroup. */
import { closeSync, writeSync } from "node:fs";
import { type ConfinedCommand, type ConfinedProcess, createMemoryFile, startConfined } from "../../system/index.ts";
import type { SandboxPlan } from "./sandbox.ts";

/**
 * @param descriptors what the program inherits from 3 on, as many as the plan was made for
 * @returns the outermost process; the program itself is beneath it, see `waitForProgram`
 */
export async function startSandboxed(plan: SandboxPlan, how: Omit<ConfinedCommand, "argv"> & OwnFiles): Promise<ConfinedProcess> {
  const { argv, seccompFilter } = plan;
  const { ownFiles = [], descriptors, ...others } = how;
  const made: number[] = [];
  try {
    for (const content of ownFiles) made.push(memoryFileOf("sandbox-file", content));
    if (seccompFilter !== undefined) made.push(memoryFileOf("seccomp", seccompFilter));
    return await startConfined({ ...others, argv, descriptors: [...descriptors, ...made] });
  } finally {
    for (const fd of made) closeSync(fd);
  }
}

interface OwnFiles {
  /** What the plan's `ownFiles` hold. */
  readonly ownFiles?: readonly Buffer[];
}

function memoryFileOf(name: string, content: Buffer): number {
  const fd = createMemoryFile(name);
  let written = 0;
  // At its place, so that bwrap reads from 0.
  while (written < content.length) written += writeSync(fd, content, written, content.length - written, written);
  return fd;
}
