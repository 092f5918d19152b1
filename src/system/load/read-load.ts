/** What this machine and a process on it have used so far, read from the kernel now. */
import { readlinkSync } from "node:fs";
import { readFile } from "node:fs/promises";
import {
  type DiskLoad,
  type MemoryLoad,
  type NicLoad,
  type ProcessorLoad,
  parseDisks,
  parseMemory,
  parseMemoryShareBytes,
  parseNics,
  parseProcessors,
  parseProcessorTimeMs,
} from "./parse-load.ts";

export interface MachineLoad {
  /** One for each logical processor, in their order. */
  readonly processors: readonly ProcessorLoad[];
  readonly memory: MemoryLoad;
  readonly disks: readonly DiskLoad[];
  readonly nics: readonly NicLoad[];
}

export interface ProcessLoad {
  readonly processorMs: number;
  readonly memoryBytes: number;
}

export async function readMachineLoad(): Promise<MachineLoad> {
  const [stat, meminfo, diskstats, netdev] = await Promise.all(
    ["stat", "meminfo", "diskstats", "net/dev"].map((name) => readFile(`/proc/${name}`, "utf8")),
  );
  return {
    processors: parseProcessors(stat ?? ""),
    memory: parseMemory(meminfo ?? ""),
    disks: parseDisks(diskstats ?? "", (name) => isPhysical(`/sys/block/${name}`)),
    nics: parseNics(netdev ?? "", (name) => isPhysical(`/sys/class/net/${name}`)),
  };
}

/** @returns undefined when it has ended */
export async function readProcessLoad(pid: number): Promise<ProcessLoad | undefined> {
  try {
    const [stat, rollup] = await Promise.all(["stat", "smaps_rollup"].map((name) => readFile(`/proc/${pid}/${name}`, "utf8")));
    return { processorMs: parseProcessorTimeMs(stat ?? ""), memoryBytes: parseMemoryShareBytes(rollup ?? "") };
  } catch (error) {
    // ESRCH: it ended while its file was open
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ESRCH")) return undefined;
    throw error;
  }
}

/** A device of the hardware; the kernel's own inventions are beneath /devices/virtual, and a partition has no entry of its own. */
function isPhysical(entry: string): boolean {
  try {
    return !readlinkSync(entry).includes("/devices/virtual/");
  } catch {
    return false;
  }
}
