/** What this machine and a process on it have used so far, read from the kernel now. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { readKernelText, readPieces } from "../kernel-text.ts";
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
  parseThreads,
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
  readonly threads: number;
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
  const [stat, status] = [readOf(pid, "stat"), readOf(pid, "status")];
  if (stat === undefined || status === undefined) return undefined;
  return { processorMs: parseProcessorTimeMs(stat), memoryBytes: parseOwnMemoryBytes(status), threads: parseThreads(stat) };
}

/** @returns undefined when it has ended */
export function readProcessorTime(pid: number): ProcessorTime | undefined {
  const stat = readOf(pid, "stat");
  const waitedMs = stat === undefined ? undefined : readWaitedMs(pid, parseThreads(stat));
  return stat === undefined || waitedMs === undefined ? undefined : { usedMs: parseProcessorTimeMs(stat), waitedMs };
}

/** Threads of processes that are asked for again and again: while there are as many, and each is there, they are the same. */
const knownThreads = new Map<number, readonly string[]>();
const KNOWN_MAX = 4096; // of those that have ended, some are in it

/** Of all threads of a process. @param count how many there are. @returns undefined when it has ended */
export function readWaitedMs(pid: number, count: number): number | undefined {
  const known = knownThreads.get(pid);
  const sum = known?.length === count ? sumOfWaits(pid, known) : undefined;
  if (sum !== undefined) return sum;
  const threads = threadsOf(pid);
  if (threads === undefined) return undefined;
  if (knownThreads.size >= KNOWN_MAX) knownThreads.clear();
  knownThreads.set(pid, threads);
  return threads.reduce((total, thread) => total + parseWaitedMs(readOf(pid, `task/${thread}/schedstat`) ?? ""), 0);
}

/** @returns undefined when one of them has ended */
function sumOfWaits(pid: number, threads: readonly string[]): number | undefined {
  let sum = 0;
  for (const thread of threads) {
    const text = readOf(pid, `task/${thread}/schedstat`);
    if (text === undefined) return undefined;
    sum += parseWaitedMs(text);
  }
  return sum;
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

const readOf = (pid: number, name: string): string | undefined => readKernelText(`/proc/${pid}/${name}`);

/** A device of the hardware; the kernel's own inventions are beneath /devices/virtual, and a partition has no entry of its own. */
function isPhysical(entry: string): boolean {
  try {
    return !readlinkSync(entry).includes("/devices/virtual/");
  } catch {
    return false;
  }
}
