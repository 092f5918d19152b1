/** Among whom the processors are divided: those that want more of them than they have. Pure. */
import type { VmId } from "../../base/index.ts";
import type { RunningVm } from "./plan-cpu.ts";

export interface Rival {
  readonly vm: VmId;
  /** In processors, as all here. */
  readonly used: number;
  readonly waited: number;
  readonly granted: number;
  /** What it would have used, had what they all used been divided as they are granted. */
  readonly due: number;
  readonly heldTo: number | undefined;
}

/** One that could have used this part of what it was granted, and did or waited, was one among whom processors were divided. */
const WANTED_FROM = 0.9;

/** @returns those that may run on the same cores, together; none that has no rival on its own, for it takes nothing from anybody */
export function rivalsAmong(running: readonly RunningVm[], mhz: number): readonly (readonly Rival[])[] {
  const byCores = new Map<string, ReturnType<typeof rivalOf>>();
  for (const vm of running) {
    const key = vm.cores?.join() ?? "";
    byCores.set(key, [...(byCores.get(key) ?? []), ...rivalOf(vm, mhz)]);
  }
  return [...byCores.values()]
    .filter(({ length }) => length > 1)
    .map((rivals) => {
      const used = rivals.reduce((sum, rival) => sum + rival.used, 0);
      const granted = rivals.reduce((sum, rival) => sum + rival.granted, 0);
      return rivals.map(({ vcpus, ...rival }) => ({ ...rival, due: Math.min(vcpus, (used * rival.granted) / granted) }));
    });
}

/** One that is to get more than its part at once (latency sensitivity) is not led back to it. */
function rivalOf(vm: RunningVm, mhz: number) {
  const { used, waited = 0, grantedMhz, latency, heldTo, vcpus } = vm;
  if (used === undefined || grantedMhz === undefined || grantedMhz <= 0 || latency !== undefined) return [];
  const granted = grantedMhz / mhz;
  const wants = used + waited >= WANTED_FROM * granted || isHeldBack(vm);
  return wants ? [{ vm: vm.vm, used, waited, granted, heldTo, vcpus }] : [];
}

/** Whether it used what it was held to: then it may want more, which nobody sees, for a quota stops it without its waiting. */
export function isHeldBack({ used, heldTo }: Pick<RunningVm, "used" | "heldTo">): boolean {
  return used !== undefined && heldTo !== undefined && used >= WANTED_FROM * heldTo;
}
