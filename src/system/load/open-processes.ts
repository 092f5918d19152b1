/**
 * Files of processes that are read again and again, of each monitor several a second: they stay open, for to open one takes longer than to
 * read it. One that is open is of that process and no other, also when another has got its number since.
 */
import { closeSync, openSync, readdirSync } from "node:fs";
import { numberBehind, readKernelText, readOpenText } from "../kernel-text.ts";
import { ended } from "../libc.ts";

interface OpenProcess {
  /** Descriptors, by the names of files beneath its folder. */
  readonly files: Map<string, number>;
  /** While there are as many, and each is there, they are the same. */
  threads: readonly string[];
}

const openProcesses = new Map<number, OpenProcess>();
let openFiles = 0;
let openFilesMax: number | undefined;

/** What a file of a process says now. @returns undefined when the process has ended, and then nothing of it is open any more */
export function readOfProcess(pid: number, name: string): string | undefined {
  const { files } = openProcesses.get(pid) ?? take(pid);
  const known = files.get(name);
  if (known === undefined && openFiles >= mayOpen()) return readKernelText(`/proc/${pid}/${name}`);
  try {
    const fd = known ?? openSync(`/proc/${pid}/${name}`, "r");
    if (known === undefined) {
      files.set(name, fd);
      openFiles += 1;
    }
    return readOpenText(fd);
  } catch (error) {
    letGo(pid);
    return ended(error);
  }
}

/** What that file of each thread says now. @param count how many there are. @returns undefined when the process has ended */
export function readOfThreads(pid: number, name: string, count: number): readonly string[] | undefined {
  const { threads } = openProcesses.get(pid) ?? take(pid);
  const texts = threads.length === count ? readEach(pid, name, threads) : undefined;
  if (texts !== undefined) return texts;
  const now = listThreads(pid);
  return now && readEach(pid, name, now);
}

/** @returns undefined when one has ended */
function readEach(pid: number, name: string, threads: readonly string[]): readonly string[] | undefined {
  const texts: string[] = [];
  for (const thread of threads) {
    const text = readOfProcess(pid, `task/${thread}/${name}`);
    if (text === undefined) return undefined;
    texts.push(text);
  }
  return texts;
}

function listThreads(pid: number): readonly string[] | undefined {
  try {
    const threads = readdirSync(`/proc/${pid}/task`);
    const open = openProcesses.get(pid) ?? take(pid);
    const gone = open.threads.filter((thread) => !threads.includes(thread));
    for (const thread of gone) closeBeneath(open, `task/${thread}/`);
    open.threads = threads;
    return threads;
  } catch (error) {
    letGo(pid);
    return ended(error);
  }
}

/** Nobody asks any more of those that have ended: each that comes has them looked for. */
function take(pid: number): OpenProcess {
  for (const other of [...openProcesses.keys()]) readOfProcess(other, "stat");
  const open = { files: new Map<string, number>(), threads: [] };
  openProcesses.set(pid, open);
  return open;
}

function letGo(pid: number): void {
  const open = openProcesses.get(pid);
  if (open !== undefined) closeBeneath(open, "");
  openProcesses.delete(pid);
}

function closeBeneath({ files }: OpenProcess, folder: string): void {
  for (const [name, fd] of files) {
    if (!name.startsWith(folder)) continue;
    closeSync(fd);
    files.delete(name);
    openFiles -= 1;
  }
}

/** Half of all that this process may have open; what is beyond is opened each time. */
function mayOpen(): number {
  openFilesMax ??= numberBehind(readKernelText("/proc/self/limits") ?? "", "Max open files") / 2;
  return openFilesMax;
}
