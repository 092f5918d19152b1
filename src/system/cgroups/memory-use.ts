/** The memory of a cgroup at work: what its processes use, and what they may keep of it. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { numberBehind, readKernelText } from "../kernel-text.ts";
import { errnoCode } from "../libc.ts";
import { cgroupHierarchies } from "./cgroup.ts";
import type { Hierarchy } from "./hierarchies.ts";
import { type MemoryPortion, type MemoryUse, parseMemoryUse, planMemoryPortion } from "./memory-portion.ts";
import { checkName, writeSettings } from "./settings.ts";

/**
 * Gives the processes of a cgroup their part of the memory; what they have beyond it is swapped before this returns, as far as it can be.
 * @returns whether all of it was: if not, what they have is in use or there is no room to swap it to, and they keep it
 * @throws {SystemError} naming the file that does not take it
 */
export async function setMemoryPortion(name: string, portion: MemoryPortion): Promise<boolean> {
  checkName(name);
  try {
    for (const hierarchy of cgroupHierarchies()) await writeSettings(join(hierarchy.root, name), planMemoryPortion(hierarchy, portion));
    return true;
  } catch (error) {
    if (errnoCode(error) === "EBUSY") return false;
    throw error;
  }
}

/** @returns undefined without a controller of memory, or when the cgroup has gone */
export async function readMemoryUse(name: string): Promise<MemoryUse | undefined> {
  checkName(name);
  const tree = cgroupHierarchies().find(({ controllers }) => controllers.includes("memory"));
  if (tree === undefined) return undefined;
  const [used = "", stat = "", swap = ""] = await Promise.all(
    filesOf(tree).map((file) => readFile(join(tree.root, name, file), "utf8").catch(() => "")),
  );
  return used === "" ? undefined : parseMemoryUse({ used, stat, swap });
}

/**
 * How much each cgroup has compressed in the machine's memory, for whoever asks of many: the trees are looked for once.
 * @returns 0 for each where the kernel does not tell: only v2 does
 */
export function compressedMemory(): (name: string) => number {
  const tree = cgroupHierarchies().find(({ controllers }) => controllers.includes("memory"));
  if (tree?.kind !== "v2") return () => 0;
  return (name) => numberBehind(readKernelText(join(tree.root, checkName(name), "memory.stat")) ?? "", "zswapped ");
}

const filesOf = ({ kind }: Hierarchy): readonly string[] =>
  kind === "v2" ? ["memory.current", "memory.stat", "memory.swap.current"] : ["memory.usage_in_bytes", "memory.stat"];
