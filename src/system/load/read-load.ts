/** What this machine and a process on it have used so far, read from the kernel now. */
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, readSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { ended } from "../libc.ts";
import {
  type DiskLoad,
  type MemoryLoad,
  type NicLoad,
  type ProcessorLoad,
  parseDisks,
  parseMemory,
  parseNics,
  parseOwnMemoryBytes,
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
  /** Its own: not its program, which others have mapped too. A page that the kernel has merged with others' counts in full. */
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

/** Of every link in the network namespace that the caller is in just now. */
export function readLinkLoads(): readonly NicLoad[] {
  return parseNics(readFileSync("/proc/thread-self/net/dev", "utf8"), () => true);
}

/** @returns undefined when it has ended */
export function readProcessLoad(pid: number): ProcessLoad | undefined {
  const [stat, status] = [readOf(pid, "stat"), readOf(pid, "status")];
  if (stat === undefined || status === undefined) return undefined;
  return { processorMs: parseProcessorTimeMs(stat), memoryBytes: parseOwnMemoryBytes(status) };
}

/** @returns undefined when it has ended */
export function readProcessorTime(pid: number): ProcessorTime | undefined {
  const [stat, waitedMs] = [readOf(pid, "stat"), readWaitedMs(pid)];
  return stat === undefined || waitedMs === undefined ? undefined : { usedMs: parseProcessorTimeMs(stat), waitedMs };
}

/** Of all threads of a process that are there. @returns undefined when it has ended */
export function readWaitedMs(pid: number): number | undefined {
  return threadsOf(pid)?.reduce((sum, thread) => sum + parseWaitedMs(readOf(pid, `task/${thread}/schedstat`) ?? ""), 0);
}

/** @returns undefined when it has ended */
export function readTransferredBytes(pid: number): number | undefined {
  const io = readOf(pid, "io");
  return io === undefined ? undefined : parseTransferredBytes(io);
}

function threadsOf(pid: number): readonly string[] | undefined {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch (error) {
    return ended(error);
  }
}

/** Longer than any of them; what does not fit is not looked for. */
const text = Buffer.alloc(16 * 1024);

/** What the kernel makes up while it is read takes 10 µs so, and ten times as long by a promise; hundreds are read every second. */
function readOf(pid: number, name: string): string | undefined {
  let fd: number | undefined;
  try {
    fd = openSync(`/proc/${pid}/${name}`, "r");
    return text.toString("latin1", 0, readSync(fd, text, 0, text.length, 0));
  } catch (error) {
    return ended(error);
  } finally {
    if (fd !== undefined) closeSync(fd);
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
