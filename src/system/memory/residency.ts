/** How much of some of a process's memory is in the machine's now, and how much was touched of late. Source: proc_pid_smaps(5). */
import { writeFileSync } from "node:fs";
import { numberBehind, readPieces } from "../kernel-text.ts";
import { ended } from "../libc.ts";

export interface Residency {
  readonly residentBytes: number;
  readonly swappedBytes: number;
  /** Touched since {@link forgetTouched}, or since the process started. */
  readonly touchedBytes: number;
}

/**
 * The kernel walks the page tables of each mapping that is read of it, and lists some hundred mappings for a monitor, by address: they
 * are read up to the last that is asked for, which is a fraction of them.
 * @param addresses each in one mapping of the process; several in one count it once
 * @returns undefined when it has ended
 */
export function residencyOf(pid: number, addresses: readonly number[]): Residency | undefined {
  return parseResidency(readPieces(`/proc/${pid}/smaps`), addresses);
}

/** Of memory without a file behind it, which a guest's is: the kernel need not walk those of the program and its libraries. */
const ANONYMOUS = "2";

/** From now on a page of memory without a file behind it is one that was touched only when it is again. Source: proc_pid_clear_refs(5). */
export function forgetTouched(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, ANONYMOUS);
  } catch (error) {
    ended(error);
  }
}

/** | from-to rwxp … | and beneath it lines of | Name:  number kB |, the last of them VmFlags. @param pieces cut anywhere. Pure. */
export function parseResidency(pieces: Iterable<string>, addresses: readonly number[]): Residency | undefined {
  const last = Math.max(...addresses);
  const sum = { residentBytes: 0, swappedBytes: 0, touchedBytes: 0 };
  let isThere = false;
  for (const { from, to, text } of mappingsIn(pieces)) {
    isThere = true;
    if (addresses.some((address) => address >= from && address < to)) {
      sum.residentBytes += numberBehind(text, "Rss:") * KIB;
      sum.swappedBytes += numberBehind(text, "Swap:") * KIB;
      sum.touchedBytes += numberBehind(text, "Referenced:") * KIB;
    }
    if (to > last) break;
  }
  return isThere ? sum : undefined;
}

const KIB = 1024;
const LAST_LINE = "\nVmFlags:";

function* mappingsIn(pieces: Iterable<string>): Generator<{ readonly from: number; readonly to: number; readonly text: string }, void> {
  let rest = "";
  for (const piece of pieces) {
    rest += piece;
    for (;;) {
      const lastLine = rest.indexOf(LAST_LINE);
      const end = lastLine === -1 ? -1 : rest.indexOf("\n", lastLine + LAST_LINE.length);
      if (end === -1) break;
      const text = rest.slice(0, end);
      rest = rest.slice(end + 1);
      yield { from: Number.parseInt(text, 16), to: Number.parseInt(text.slice(text.indexOf("-") + 1), 16), text };
    }
  }
}
