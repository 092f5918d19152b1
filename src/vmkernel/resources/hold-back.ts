/**
 * Who is held to a quota, so that another gets its part. Weights alone cannot always give it: the kernel weighs the threads of each
 * processor by themselves, and leaves two heavy threads of one VM on one of two processors with the lighter ones of all others on the
 * other, as both are about equally loaded; then no weight gives that VM more than one processor (measured: half of two, where four
 * sevenths were due). Where those others use no more than their parts, their processor is idle for a while, and takes over from its
 * neighbour. Where processors stay idle nonetheless, nobody is held: it would be for nobody's good. Nor is anybody held to less than his
 * part of the whole machine, when programs of the host take so much of it that nobody has that. Pure.
 */
import type { VmId } from "../../base/index.ts";
import type { RunningVm } from "./plan-cpu.ts";
import { isHeldBack, type Rival, rivalsAmong } from "./rivals.ts";

/** Who is so much behind its part, of it, is to be helped. */
const SHORT = 0.02;
/** By so much a second a hold is loosened while nobody is behind, so that it costs nobody what others do not want any more. */
const EASE = 1.02;
/** A hold that leaves so many times one's part holds nobody. */
const LOOSE = 1.5;

/** So much of a processor may be idle while threads move from one to the other. */
const IDLE_MAX = 0.1;

/**
 * @param idle how many processors' worth of time was nobody's meanwhile
 * @returns to how many processors' worth of time each that is held back is held until the next look
 */
export function holdBack(
  running: readonly RunningVm[],
  { mhz, idle }: { readonly mhz: number; readonly idle: number },
): ReadonlyMap<VmId, number> {
  if (idle > IDLE_MAX) return new Map();
  return new Map(rivalsAmong(running, mhz).flatMap(holdsAmong));
}

function holdsAmong(rivals: readonly Rival[]): readonly (readonly [VmId, number])[] {
  const isAnyShort = rivals.some(isShort);
  return rivals.flatMap(({ vm, used, granted, due, heldTo }) => {
    const least = Math.max(due, granted);
    const hold = isAnyShort && (used > due || heldTo !== undefined) ? least : (heldTo ?? Number.POSITIVE_INFINITY) * EASE;
    return hold < LOOSE * least ? [[vm, hold] as const] : [];
  });
}

/** It got less than its part, and could have used that. */
function isShort(rival: Rival): boolean {
  const { used, waited, due } = rival;
  return used < (1 - SHORT) * due && (used + waited >= due || isHeldBack(rival));
}
