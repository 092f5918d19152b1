/**
 * Divides the processors among running monitors: from pools, and what each used of late, to the portion of each monitor's cgroup.
 * Pure. Paper «Resource Provisioning, Shares, and Limits».
 */
import type { VmId } from "../../base/index.ts";
import type { CpuPortion } from "../../system/index.ts";
import type { LatencySensitivity } from "../machine.ts";
import type { CpuAllocation, ResourceConfig, VmAllocation } from "./config.ts";
import type { Claimant, Division } from "./divide.ts";
import { type Bonds, divideBound } from "./divide-bound.ts";
import { isHeldBack } from "./rivals.ts";

export interface RunningVm {
  readonly vm: VmId;
  readonly vcpus: number;
  /** Absent where it is as usual. */
  readonly latency?: LatencySensitivity | undefined;
  /** Processors' worth of time that it used of late; undefined when it has just started. */
  readonly used?: number;
  /** Processors' worth of time that it waited for one meanwhile. */
  readonly waited?: number;
  /** What it was granted when that was measured, in MHz. */
  readonly grantedMhz?: number;
  /** Processors' worth of time that it was held to meanwhile, for the sake of others; absent when it was not. */
  readonly heldTo?: number | undefined;
  /** Those that it may run on, by their first threads; absent where that is not known. What one core can do its threads do together. */
  readonly cores?: readonly number[];
}

export interface HostProcessors {
  readonly mhz: number;
  readonly count: number;
}

/** A VM that is not told of yet stands directly in the root pool, as ESXi has a VM of normal shares. */
const UNTOLD_SHARES_PER_VCPU = 1000;
/** One that uses this part of what it was granted would use more if it could. */
const HUNGRY_FROM = 0.85;
/** What one that is content may use more of before it is looked at again. */
const HEADROOM = 1.5;
const HEADROOM_MHZ = 100;
/** A claim to the whole host is this many of the kernel's shares, of which the most sensitive can have four times as many. */
const SHARES_OF_HOST = 65_536;
const SHARES = { min: 2, max: 262_144 };
/** How much more than its claim a VM weighs, in the proportions of vim25 LatencySensitivity.sensitivity. */
const LATENCY_FACTOR = { low: 0.5, normal: 1, medium: 2, high: 4 };

export interface CpuPlan {
  readonly portions: ReadonlyMap<VmId, CpuPortion>;
  /** In MHz. */
  readonly granted: ReadonlyMap<VmId, number>;
}

/**
 * @param factors by what the weights of some are multiplied
 * @param holds how many processors' worth of time some are held to
 */
export function planCpu(
  config: ResourceConfig,
  running: readonly RunningVm[],
  host: HostProcessors,
  factors: ReadonlyMap<VmId, number> = new Map(),
  holds: ReadonlyMap<VmId, number> = new Map(),
): CpuPlan {
  const tree = buildTree(config, running, host);
  const division = divideBound(host, tree.top, bondsOf(running, host));
  const limited = new Set(tree.limited);
  const rows = running.map((vm) => ({ vm, row: division.get(vmKey(vm.vm)) ?? NOTHING }));
  // What is reserved is not held back, also when programs of the host take so much that nobody gets his part.
  const reserved = new Map(config.vms.map(({ vm, cpu }) => [vm, cpu.reservationMhz / host.mhz]));
  const holdOf = (vm: VmId): number => Math.max(holds.get(vm) ?? Number.POSITIVE_INFINITY, reserved.get(vm) ?? 0);
  const boundsOf = ({ vm }: RunningVm, { claim }: Division): Bounds => ({
    factor: factors.get(vm) ?? 1,
    processorsMax: Math.min(limited.has(vm) ? claim / host.mhz : Number.POSITIVE_INFINITY, holdOf(vm)),
  });
  return {
    portions: new Map(rows.map(({ vm, row }) => [vm.vm, portionOf(vm, row, host, boundsOf(vm, row))])),
    granted: new Map(rows.map(({ vm, row }) => [vm.vm, row.granted])),
  };
}

/** Those that may not run on every core. */
export function bondsOf(running: readonly RunningVm[], { count }: HostProcessors): Bonds {
  return new Map(running.flatMap(({ vm, cores = [] }) => (cores.length === 0 || cores.length >= count ? [] : [[vmKey(vm), cores]])));
}

const NOTHING: Division = { granted: 0, claim: 0 };
export const vmKey = (vm: VmId): string => `vm ${vm}`;

/**
 * What a VM would use: also what it waited for, or one that programs of the host keep from the processors would seem to want little.
 * One that uses all that it is granted wants all that its virtual CPUs can use: a quota stops it without its waiting.
 */
export function demandMhz(vm: RunningVm, mhz: number): number {
  const { vcpus, used, waited = 0, grantedMhz } = vm;
  const capacity = vcpus * mhz;
  if (used === undefined || grantedMhz === undefined || isHeldBack(vm)) return capacity;
  if (used * mhz >= HUNGRY_FROM * Math.min(grantedMhz, capacity)) return capacity;
  return Math.min(capacity, (used + waited) * mhz * HEADROOM + HEADROOM_MHZ);
}

interface Tree {
  readonly top: readonly Claimant[];
  /** Those that a limit of their own or of a pool above them bounds. */
  readonly limited: readonly VmId[];
}

export function buildTree({ pools, vms }: ResourceConfig, running: readonly RunningVm[], host: HostProcessors): Tree {
  const told = new Map(vms.map((vm) => [vm.vm, vm]));
  const limited: VmId[] = [];
  const membersOf = (pool: number | undefined, isLimited: boolean): readonly Claimant[] => {
    const own = running.flatMap((vm) => {
      const allocation = told.get(vm.vm);
      if (allocation?.pool !== pool) return [];
      if (isLimited || allocation?.cpu.limitMhz !== undefined) limited.push(vm.vm);
      return [claimantOf(vm, allocation, host)];
    });
    const beneath = pools
      .filter(({ parent }) => parent === pool)
      .map(({ id, cpu }) => ({
        ...{ id: `pool ${id}`, ...amountsOf(cpu) },
        members: membersOf(id, isLimited || cpu.limitMhz !== undefined),
      }));
    return [...own, ...beneath];
  };
  return { top: membersOf(undefined, false), limited };
}

function claimantOf(vm: RunningVm, allocation: VmAllocation | undefined, { mhz }: HostProcessors): Claimant {
  const cpu = allocation?.cpu ?? { reservationMhz: 0, shares: UNTOLD_SHARES_PER_VCPU * vm.vcpus };
  return { id: vmKey(vm.vm), ...amountsOf(cpu), capacity: vm.vcpus * mhz, demand: demandMhz(vm, mhz) };
}

function amountsOf({ reservationMhz, limitMhz = Number.POSITIVE_INFINITY, shares }: CpuAllocation) {
  return { reservation: reservationMhz, limit: limitMhz, shares };
}

interface Bounds {
  readonly factor: number;
  /** Infinity where there is no limit. */
  readonly processorsMax: number;
}

/** The kernel lends what one does not use to all others; a weight says how it divides what all want, a quota what none may exceed. */
function portionOf({ latency }: RunningVm, { claim }: Division, host: HostProcessors, { factor, processorsMax }: Bounds): CpuPortion {
  const part = claim / (host.mhz * host.count);
  const weight = part * SHARES_OF_HOST * LATENCY_FACTOR[latency ?? "normal"] * factor;
  const shares = Math.round(Math.min(SHARES.max, Math.max(SHARES.min, weight)));
  return Number.isFinite(processorsMax) ? { shares, processorsMax } : { shares };
}
