/** How much of some of a process's memory is in the machine's now, and how much was touched of late. Source: proc_pid_smaps(5). */
import { readFile, writeFile } from "node:fs/promises";
import { ended } from "../libc.ts";

export interface Residency {
  readonly residentBytes: number;
  readonly swappedBytes: number;
  /** Touched since {@link forgetTouched}, or since the process started. */
  readonly touchedBytes: number;
}

/** @param addresses each in one mapping of the process; several in one count it once. @returns undefined when it has ended */
export async function residencyOf(pid: number, addresses: readonly number[]): Promise<Residency | undefined> {
  const text = await readFile(`/proc/${pid}/smaps`, "utf8").catch(ended);
  return text === undefined || text === "" ? undefined : parseResidency(text, addresses);
}

/** From now on a page is one that was touched only when it is again. */
export async function forgetTouched(pid: number): Promise<void> {
  await writeFile(`/proc/${pid}/clear_refs`, "1").catch(ended);
}

/** | from-to rwxp … | and beneath it lines of | Name:  number kB |. Pure. */
export function parseResidency(text: string, addresses: readonly number[]): Residency {
  const sum = { residentBytes: 0, swappedBytes: 0, touchedBytes: 0 };
  for (const mapping of text.split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m)) {
    const [, start = "", end = ""] = /^([0-9a-f]+)-([0-9a-f]+) /.exec(mapping) ?? [];
    const [from, to] = [Number.parseInt(start, 16), Number.parseInt(end, 16)];
    if (!addresses.some((address) => address >= from && address < to)) continue;
    const bytes = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(mapping)?.[1] ?? 0) * 1024;
    sum.residentBytes += bytes("Rss");
    sum.swappedBytes += bytes("Swap");
    sum.touchedBytes += bytes("Referenced");
  }
  return sum;
}
