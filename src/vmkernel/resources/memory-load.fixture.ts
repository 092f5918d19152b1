/** Guests that want memory, simulated second by second under the plan: what the kernel and drivers would do, as far as bytes go. */
import type { VmId } from "../../base/index.ts";
import type { ResourceConfig } from "./config.ts";
import type { MemoryState } from "./memory-state.ts";
import { type GuestMemoryUse, type MemoryPlan, type MemoryTarget, planMemory } from "./plan-memory.ts";

export const MIB = 2 ** 20;
const BALLOON_BYTES_PER_SECOND = 128 * MIB;
const OVERHEAD = 40 * MIB;

export interface SimulatedVm {
  readonly sizeMiB: number;
  readonly hasDriver: boolean;
  /** What its programs use, second by second; the last for all that come after. */
  readonly wantedMiB: readonly number[];
}

export interface Moment {
  readonly plan: MemoryPlan;
  readonly guests: readonly GuestMemoryUse[];
  readonly freeBytes: number;
}

export function simulate(config: ResourceConfig, vms: readonly SimulatedVm[], totalBytes: number, seconds: number): readonly Moment[] {
  let guests = vms.map((vm, index) => fresh(vm, index));
  let before: MemoryState = "high";
  const moments: Moment[] = [];
  for (let second = 0; second < seconds; second++) {
    const plan = planMemory({ config, guests, host: { totalBytes, freeBytes: freeOf(guests, totalBytes) }, before });
    before = plan.state;
    guests = guests.map((guest, index) => obey(guest, plan.targets.get(guest.vm), vms[index]?.hasDriver === true));
    let free = freeOf(guests, totalBytes);
    guests = guests.map((guest, index) => {
      const wanted = vms[index]?.wantedMiB ?? [];
      const grown = touch(guest, { wantedBytes: (wanted[second] ?? wanted.at(-1) ?? 0) * MIB, free, target: plan.targets.get(guest.vm) });
      free -= grown.residentBytes - guest.residentBytes;
      return grown;
    });
    moments.push({ plan, guests, freeBytes: free });
  }
  return moments;
}

const fresh = ({ sizeMiB }: SimulatedVm, index: number): GuestMemoryUse => ({
  ...{ vm: String(index + 1) as VmId, sizeBytes: sizeMiB * MIB, overheadBytes: OVERHEAD },
  ...{ residentBytes: 0, swappedBytes: 0, balloonedBytes: 0, activeBytes: 0 },
});

const freeOf = (guests: readonly GuestMemoryUse[], totalBytes: number): number =>
  Math.max(0, totalBytes - guests.reduce((sum, { residentBytes, overheadBytes }) => sum + residentBytes + overheadBytes, 0));

const untouchedOf = ({ sizeBytes, residentBytes, swappedBytes, balloonedBytes }: GuestMemoryUse): number =>
  sizeBytes - residentBytes - swappedBytes - balloonedBytes;

/** The balloon takes what was never touched first, then what is swapped, then what is resident. */
function obey(guest: GuestMemoryUse, target: MemoryTarget | undefined, hasDriver: boolean): GuestMemoryUse {
  if (target === undefined) return guest;
  const step = Math.min(BALLOON_BYTES_PER_SECOND, Math.abs(target.balloonedBytes - guest.balloonedBytes));
  const change = hasDriver ? Math.sign(target.balloonedBytes - guest.balloonedBytes) * step : 0;
  const taken = Math.max(0, change - untouchedOf(guest));
  const ofSwapped = Math.min(guest.swappedBytes, taken);
  const resident = guest.residentBytes - (taken - ofSwapped);
  const swapped = Math.max(0, resident - ((target.keepBytes ?? Number.POSITIVE_INFINITY) - guest.overheadBytes));
  return {
    ...guest,
    balloonedBytes: guest.balloonedBytes + change,
    residentBytes: resident - swapped,
    swappedBytes: guest.swappedBytes - ofSwapped + swapped,
  };
}

interface Touch {
  readonly wantedBytes: number;
  readonly free: number;
  readonly target: MemoryTarget | undefined;
}

function touch(guest: GuestMemoryUse, { wantedBytes, free, target }: Touch): GuestMemoryUse {
  const may = (target?.keepBytes ?? Number.POSITIVE_INFINITY) - guest.overheadBytes - guest.residentBytes;
  const growth = Math.max(0, Math.min(wantedBytes - guest.residentBytes, may, free, guest.swappedBytes + untouchedOf(guest)));
  const residentBytes = guest.residentBytes + growth;
  return {
    ...guest,
    residentBytes,
    activeBytes: Math.min(residentBytes, wantedBytes),
    swappedBytes: guest.swappedBytes - Math.min(growth, guest.swappedBytes),
  };
}
