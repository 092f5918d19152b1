/**
 * How short of memory a host is. Pure. Source: ESXi's states high, clear, soft, hard and low, by what is free of the least that is to be.
 */

/** In the order in which they get worse. */
export const MEMORY_STATES = ["high", "clear", "soft", "hard", "low"] as const;
export type MemoryState = (typeof MEMORY_STATES)[number];

/** A host is in a state when less than this part of the least is free; in the state before it until then. */
const BELOW: Readonly<Record<MemoryState, number>> = { high: Number.POSITIVE_INFINITY, clear: 1, soft: 0.64, hard: 0.32, low: 0.16 };
/** It has left one when this much is free: halfway to where the better one begins, so that it does not come and go with each page. */
const LEFT_AT: Readonly<Record<MemoryState, number>> = { high: Number.POSITIVE_INFINITY, clear: 1.1, soft: 0.82, hard: 0.48, low: 0.24 };

const GIB = 2 ** 30;
/** Of the first 4 GiB, of the next 8, of the next 16, and of what is beyond: 899 MB of the first 28 together. */
const MIN_FREE_STEPS = [
  { bytes: 4 * GIB, part: 0.06 },
  { bytes: 8 * GIB, part: 0.04 },
  { bytes: 16 * GIB, part: 0.02 },
  { bytes: Number.POSITIVE_INFINITY, part: 0.01 },
];

/** @param percent Mem.MemMinFreePct; 0 is automatic. @returns what is to be free of a machine's memory, in bytes */
export function minFreeBytes(totalBytes: number, percent: number): number {
  if (percent > 0) return (totalBytes * percent) / 100;
  let left = totalBytes;
  let least = 0;
  for (const { bytes, part } of MIN_FREE_STEPS) {
    const step = Math.min(left, bytes);
    least += step * part;
    left -= step;
  }
  return least;
}

/** @param freePart what is free of what is to be: 1 is just enough */
export function nextMemoryState(before: MemoryState, freePart: number): MemoryState {
  const reached = MEMORY_STATES.findLast((state) => freePart < BELOW[state]) ?? "high";
  if (MEMORY_STATES.indexOf(reached) >= MEMORY_STATES.indexOf(before)) return reached;
  // It gets better: past all states that have been left.
  const still = MEMORY_STATES.findLast(
    (state) => MEMORY_STATES.indexOf(state) <= MEMORY_STATES.indexOf(before) && freePart < LEFT_AT[state],
  );
  return still ?? "high";
}
