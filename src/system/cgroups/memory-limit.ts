/**
 * How much memory all cgroups of this machine may have together: less than the machine has where it is a container itself. Source: kernel
 * admin-guide cgroup-v1/memory.rst (hierarchical_memory_limit), cgroup-v2 (memory.max, which only a tree that is part of one has).
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { findHierarchies, type Hierarchy } from "./hierarchies.ts";

/** @returns undefined where nothing limits them, or nothing can be read of it */
export function memoryLimitOfMachine(): number | undefined {
  const read = (path: string) => {
    try {
      return readFileSync(path, "utf8");
    } catch {
      return ""; // hidden beneath another mount, or the whole tree, which has no such file
    }
  };
  const trees = findHierarchies(read("/proc/mounts"), (root) => read(join(root, "cgroup.controllers")));
  const limits = trees
    .filter(({ controllers }) => controllers.includes("memory"))
    .flatMap(({ kind, root }) => parseMemoryLimit(kind, read(join(root, kind === "v1" ? "memory.stat" : "memory.max"))) ?? []);
  return limits.length === 0 ? undefined : Math.min(...limits);
}

/** @param text of memory.stat of a v1 tree, of memory.max of a v2 tree; "" when it has none */
export function parseMemoryLimit(kind: Hierarchy["kind"], text: string): number | undefined {
  const digits = kind === "v1" ? /^hierarchical_memory_limit (\d+)$/m.exec(text)?.[1] : /^(\d+)\s*$/.exec(text)?.[1];
  return digits === undefined ? undefined : Number(digits);
}
