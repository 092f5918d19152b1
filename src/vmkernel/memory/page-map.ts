/**
 * Which machine page is behind each page of a running guest: guest "physical" → monitor's virtual → machine.
 * Paper «Memory Isolation»: the pmap that the VMM keeps, shown from QEMU's word and the kernel's page tables.
 */
import { setImmediate } from "node:timers/promises";
import { framesBehind, NO_FRAME, PAGE_BYTES } from "../../system/index.ts";
import type { MemoryMapping, PageRun } from "../rpc.ts";

/** Of one answer: about a megabyte of it. */
export const PAGE_RUNS_MAX = 10_000;
const CHUNK_BYTES = 256 * 2 ** 20; // between two of them others have their turn

export interface PageMapPart {
  /** "Physical" address of the guest from which on. */
  readonly fromByte: number;
  /** At most so many; who wants more asks again from the end of the last. */
  readonly runsMax: number;
}

/** @throws {SystemError} when the monitor has ended */
export async function readPageRuns(
  pid: number,
  mappings: readonly MemoryMapping[],
  { fromByte, runsMax }: PageMapPart,
): Promise<readonly PageRun[]> {
  const runs: PageRun[] = [];
  for (const mapping of [...mappings].sort((one, other) => one.guestStart - other.guestStart)) {
    const first = Math.max(0, fromByte - mapping.guestStart);
    for (let at = first; at < mapping.bytes && runs.length <= runsMax; at += CHUNK_BYTES) {
      const part = partOf(mapping, at);
      appendRuns(runs, runsOf(part, framesBehind(pid, { start: part.hostStart, bytes: part.bytes })));
      await setImmediate();
    }
  }
  return runs.slice(0, runsMax);
}

function partOf(mapping: MemoryMapping, at: number): MemoryMapping {
  const bytes = Math.min(CHUNK_BYTES, mapping.bytes - at);
  return { ...mapping, guestStart: mapping.guestStart + at, hostStart: mapping.hostStart + at, bytes };
}

/** Two parts were read one after the other: what goes on over their border is one run. */
function appendRuns(runs: PageRun[], more: readonly PageRun[]): void {
  const [first, ...rest] = more;
  const last = runs.at(-1);
  if (first !== undefined && last !== undefined && goesOn(last, first)) {
    runs[runs.length - 1] = { ...last, bytes: last.bytes + first.bytes };
    for (const run of rest) runs.push(run);
  } else for (const run of more) runs.push(run);
}

function goesOn(last: PageRun, next: PageRun): boolean {
  if (last.region !== next.region || last.guestStart + last.bytes !== next.guestStart || last.hostStart + last.bytes !== next.hostStart)
    return false;
  if (last.machine.kind !== "at" || next.machine.kind !== "at") return last.machine.kind === next.machine.kind;
  return last.machine.start + last.bytes === next.machine.start;
}

/** Pure. @param frames of each page of the mapping, as `framesBehind` has them */
export function runsOf(mapping: MemoryMapping, frames: Float64Array): readonly PageRun[] {
  const runs: PageRun[] = [];
  for (let from = 0; from < frames.length; ) {
    let to = from + 1;
    while (to < frames.length && follows(frames, from, to)) to += 1;
    runs.push({
      guestStart: mapping.guestStart + from * PAGE_BYTES,
      hostStart: mapping.hostStart + from * PAGE_BYTES,
      bytes: (to - from) * PAGE_BYTES,
      region: mapping.region,
      machine: machineOf(frames[from] ?? NO_FRAME.untouched),
    });
    from = to;
  }
  return runs;
}

function follows(frames: Float64Array, from: number, to: number): boolean {
  const first = frames[from] ?? NO_FRAME.untouched;
  return frames[to] === (first < 0 ? first : first + (to - from));
}

function machineOf(frame: number): PageRun["machine"] {
  if (frame === NO_FRAME.untouched) return { kind: "untouched" };
  if (frame === NO_FRAME.swapped) return { kind: "swapped" };
  return { kind: "at", start: frame * PAGE_BYTES };
}
