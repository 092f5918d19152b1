/** What this machine and a process on it have used so far, read from the kernel now. */
import { readlinkSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
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
  parseTransferredBytes,
  parseWaitedMs,
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

/** Of all threads of a process; both only grow, but for what a thread had waited that has ended. */
export interface ProcessorTime {
  readonly usedMs: number;
  /** For how long they could have run, and others did. */
  readonly waitedMs: number;
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

export async function readMemory(): Promise<MemoryLoad> {
  return parseMemory(await readFile("/proc/meminfo", "utf8"));
}

/** Walks all of its page tables. @returns undefined when it has ended */
export async function readProcessLoad(pid: number): Promise<ProcessLoad | undefined> {
  const [stat, rollup] = await Promise.all(["stat", "smaps_rollup"].map((name) => readOf(pid, name)));
  if (stat === undefined || rollup === undefined) return undefined;
  return { processorMs: parseProcessorTimeMs(stat), memoryBytes: parseMemoryShareBytes(rollup) };
}

/** @returns undefined when it has ended */
export async function readProcessorTime(pid: number): Promise<ProcessorTime | undefined> {
  const [stat, threads] = await Promise.all([readOf(pid, "stat"), readdir(`/proc/${pid}/task`).catch(ended)]);
  if (stat === undefined || threads === undefined) return undefined;
  const waits = await Promise.all(threads.map((thread) => readOf(pid, `task/${thread}/schedstat`)));
  const waitedMs = waits.reduce((sum, wait) => sum + parseWaitedMs(wait ?? ""), 0);
  return { usedMs: parseProcessorTimeMs(stat), waitedMs };
}

/** Costs little. @returns undefined when it has ended */
export async function readTransferredBytes(pid: number): Promise<number | undefined> {
  const io = await readOf(pid, "io");
  return io === undefined ? undefined : parseTransferredBytes(io);
}

const readOf = (pid: number, name: string): Promise<string | undefined> => readFile(`/proc/${pid}/${name}`, "utf8").catch(ended);

/** ESRCH: it ended while its file was open. */
function ended(error: unknown): undefined {
  if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ESRCH")) return undefined;
  throw error;
}

/** A device of the hardware; the kernel's own inventions are beneath /devices/virtual, and a partition has no entry of its own. */
function isPhysical(entry: string): boolean {
  try {
    return !readlinkSync(entry).includes("/devices/virtual/");
  } catch {
    return false;
  }
}
