/** What this machine and a process on it have used so far, read from the kernel now. */
import { readFileSync, readlinkSync } from "node:fs";
import { readPieces } from "../kernel-text.ts";
import { readOfProcess, readOfThreads } from "./open-processes.ts";
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
  parseProcessStat,
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

export function readMachineLoad(): MachineLoad {
  return {
    processors: parseProcessors(readWhole("stat")),
    memory: readMemory(),
    disks: parseDisks(readWhole("diskstats"), (name) => isPhysical(`/sys/block/${name}`)),
    nics: parseNics(readWhole("net/dev"), (name) => isPhysical(`/sys/class/net/${name}`)),
  };
}

/** For how long all processors together have had nothing to do, in milliseconds, ten at a time. */
export function readIdleMs(): number {
  return parseProcessors(readWhole("stat")).reduce((sum, { idleMs }) => sum + idleMs, 0);
}

export function readMemory(): MemoryLoad {
  return parseMemory(readWhole("meminfo"));
}

const readWhole = (name: string): string => [...readPieces(`/proc/${name}`)].join("");

/** Of every link in the network namespace that the caller is in just now. */
export function readLinkLoads(): readonly NicLoad[] {
  return parseNics(readFileSync("/proc/thread-self/net/dev", "utf8"), () => true);
}

/** @returns undefined when it has ended */
export function readProcessLoad(pid: number): ProcessLoad | undefined {
  const [stat, memoryBytes] = [readOfProcess(pid, "stat"), readOwnMemoryBytes(pid)];
  if (stat === undefined || memoryBytes === undefined) return undefined;
  return { processorMs: parseProcessStat(stat).processorMs, memoryBytes };
}

/** As in {@link ProcessLoad}. @returns undefined when it has ended */
export function readOwnMemoryBytes(pid: number): number | undefined {
  const status = readOfProcess(pid, "status");
  return status === undefined ? undefined : parseOwnMemoryBytes(status);
}

/** @returns undefined when it has ended */
export function readProcessorTime(pid: number): ProcessorTime | undefined {
  const stat = readOfProcess(pid, "stat");
  if (stat === undefined) return undefined;
  const { processorMs, threads } = parseProcessStat(stat);
  const waitedMs = readWaitedMs(pid, threads);
  return waitedMs === undefined ? undefined : { usedMs: processorMs, waitedMs };
}

/** Of all threads of a process. @param count how many there are. @returns undefined when it has ended */
export function readWaitedMs(pid: number, count: number): number | undefined {
  return readOfThreads(pid, "schedstat", count)?.reduce((total, text) => total + parseWaitedMs(text), 0);
}

/** @returns undefined when it has ended */
export function readTransferredBytes(pid: number): number | undefined {
  const io = readOfProcess(pid, "io");
  return io === undefined ? undefined : parseTransferredBytes(io);
}

/** A device of the hardware; the kernel's own inventions are beneath /devices/virtual, and a partition has no entry of its own. */
function isPhysical(entry: string): boolean {
  try {
    return !readlinkSync(entry).includes("/devices/virtual/");
  } catch {
    return false;
  }
}
