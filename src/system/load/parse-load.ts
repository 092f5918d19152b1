/**
 * The kernel's counters of what a machine and a process have used so far, as values. Pure.
 * Source: proc_stat(5), proc_meminfo(5), proc_pid_stat(5), kernel admin-guide iostats; the kernel writes them, so they are not hostile.
 */
import { numberBehind } from "../kernel-text.ts";

/** One logical processor since the machine started. */
export interface ProcessorLoad {
  readonly busyMs: number;
  readonly idleMs: number;
}

/** A physical disk since the machine started. */
export interface DiskLoad {
  readonly name: string;
  readonly reads: number;
  readonly writes: number;
  readonly readBytes: number;
  readonly writtenBytes: number;
}

/** A physical network card since the machine started. */
export interface NicLoad {
  readonly name: string;
  readonly receivedBytes: number;
  readonly transmittedBytes: number;
  readonly receivedPackets: number;
  readonly transmittedPackets: number;
}

export interface MemoryLoad {
  readonly totalBytes: number;
  /** What a program could have now without anything being swapped out. */
  readonly availableBytes: number;
}

const MS_PER_TICK = 10; // USER_HZ is 100 on every x86-64 kernel, whatever its own clock
const NS_PER_MS = 1e6;
const SECTOR_BYTES = 512; // of iostats, whatever the disk's own
const KIB = 1024;

/** /proc/stat: | cpuN user nice system idle iowait irq softirq steal … | a line; waiting for a disk is idle. */
export function parseProcessors(text: string): ProcessorLoad[] {
  return text.split("\n").flatMap((line) => {
    if (!/^cpu\d/.test(line)) return [];
    const [user = 0, nice = 0, system = 0, idle = 0, ioWait = 0, irq = 0, softIrq = 0, steal = 0] = line.split(/\s+/).slice(1).map(Number);
    return [{ busyMs: (user + nice + system + irq + softIrq + steal) * MS_PER_TICK, idleMs: (idle + ioWait) * MS_PER_TICK }];
  });
}

/** /proc/meminfo: | Name:  number kB | a line. */
export function parseMemory(text: string): MemoryLoad {
  return { totalBytes: numberBehind(text, "MemTotal:") * KIB, availableBytes: numberBehind(text, "MemAvailable:") * KIB };
}

/**
 * /proc/diskstats: | major minor name reads merged sectors ms writes merged sectors … | a line.
 * @param isPhysical leaves out partitions, loops and what is made of other disks, so that nothing counts twice
 */
export function parseDisks(text: string, isPhysical: (name: string) => boolean): DiskLoad[] {
  return text.split("\n").flatMap((line) => {
    const [, , name, reads, , readSectors, , writes, , writtenSectors] = line.trim().split(/\s+/);
    if (name === undefined || writtenSectors === undefined || !isPhysical(name)) return [];
    const bytes = (sectors: string | undefined): number => Number(sectors) * SECTOR_BYTES;
    return [{ name, reads: Number(reads), writes: Number(writes), readBytes: bytes(readSectors), writtenBytes: bytes(writtenSectors) }];
  });
}

/**
 * /proc/net/dev: | name: bytes packets errs drop fifo frame compressed multicast bytes packets … | a line, after two of headings.
 * @param isPhysical leaves out the loopback, bridges and taps
 */
export function parseNics(text: string, isPhysical: (name: string) => boolean): NicLoad[] {
  const nics: NicLoad[] = [];
  for (const line of text.split("\n")) {
    const [name = "", rest] = line.split(":");
    if (rest === undefined || !isPhysical(name.trim())) continue;
    const fields = rest.split(" ").filter((field) => field !== ""); // by no pattern, for there may be hundreds of lines
    const count = (index: number): number => Number(fields[index]);
    nics.push({
      name: name.trim(),
      receivedBytes: count(0),
      receivedPackets: count(1),
      transmittedBytes: count(8),
      transmittedPackets: count(9),
    });
  }
  return nics;
}

/**
 * /proc/PID/stat: what all of its threads have used, those that have ended too, and how many there are. The name may hold spaces and
 * brackets.
 */
export function parseProcessStat(text: string): { readonly processorMs: number; readonly threads: number } {
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ", 18);
  return { processorMs: (Number(fields[11]) + Number(fields[12])) * MS_PER_TICK, threads: Number(fields[17]) };
}

/** /proc/PID/task/TID/schedstat: for how long the thread could have run while others did. Source: kernel scheduler/sched-stats. */
export function parseWaitedMs(text: string): number {
  return Number(text.split(" ")[1] ?? 0) / NS_PER_MS;
}

/**
 * /proc/PID/io: what it has read and written by system calls, from pages in memory too; without 8 bytes for each call, which are what an
 * event is told by: a monitor wakes itself so hundreds of times a second.
 */
export function parseTransferredBytes(text: string): number {
  const [bytes, calls] = [
    numberBehind(text, "rchar:") + numberBehind(text, "wchar:"),
    numberBehind(text, "syscr:") + numberBehind(text, "syscw:"),
  ];
  return bytes - EVENT_BYTES * calls;
}

const EVENT_BYTES = 8;

/** /proc/PID/status: anonymous memory and memory files; the kernel keeps the sums, and walks no page table for them. */
export function parseOwnMemoryBytes(text: string): number {
  return (numberBehind(text, "RssAnon:") + numberBehind(text, "RssShmem:")) * KIB;
}
