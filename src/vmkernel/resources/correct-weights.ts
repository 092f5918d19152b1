/**
 * By what a VM's weight is multiplied, so that it gets of the processors what it is entitled to. The kernel divides each processor by
 * itself and moves threads between them by rough rules: with few threads of unlike weights, parts are off by a third (measured), and stay
 * so. What each got is compared with what it was granted, and its weight led there. Pure.
 */
import type { VmId } from "../../base/index.ts";
import type { RunningVm } from "./plan-cpu.ts";
import { type Rival, rivalsAmong } from "./rivals.ts";

/** What of its deviation is taken back at each look: parts of a second are rough themselves, so not all of it. */
const GAIN = 0.4;
/** No VM weighs more, or less, than this many times what it is entitled to. */
const CORRECTION_MAX = 8;
/** Less than this of a processor says nothing: it may have been two ticks of the clock. */
const USED_MIN = 0.01;

/**
 * @param before what was answered at the last look
 * @returns a factor for each VM: 1 where there is nothing to correct, or nothing known
 */
export function correctWeights(before: ReadonlyMap<VmId, number>, running: readonly RunningVm[], mhz: number): ReadonlyMap<VmId, number> {
  const factors = new Map(running.map(({ vm }) => [vm, relaxed(before.get(vm) ?? 1)]));
  for (const rivals of rivalsAmong(running, mhz)) {
    const usedBy = (rival: Rival): number => Math.max(USED_MIN, rival.used);
    const used = rivals.reduce((sum, rival) => sum + usedBy(rival), 0);
    const granted = rivals.reduce((sum, rival) => sum + rival.granted, 0);
    const led = rivals.map((rival) => {
      const part = usedBy(rival) / used;
      return { vm: rival.vm, factor: (before.get(rival.vm) ?? 1) * (rival.granted / granted / part) ** GAIN };
    });
    const mean = Math.exp(led.reduce((sum, { factor }) => sum + Math.log(factor), 0) / led.length);
    for (const { vm, factor } of led) factors.set(vm, Math.min(CORRECTION_MAX, Math.max(1 / CORRECTION_MAX, factor / mean)));
  }
  return factors;
}

/** What was learned under contention is forgotten without it. */
const relaxed = (factor: number): number => factor ** (1 - GAIN);
