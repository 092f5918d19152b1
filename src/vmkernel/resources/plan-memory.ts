/**
 * Divides the machine's memory among running guests: from pools, and what each has now, to the balloon that each is asked for and to what
 * its monitor keeps before the rest is swapped. Pure; bytes.
 * Paper «Resource Provisioning, Shares, and Limits»; ESXi's order: sharing, ballooning, compression, swapping.
 *
 *   high, clear   what a limit takes is taken: by the balloon, and what it does not get is swapped. Else balloons only shrink
 *   soft          balloons grow until each guest has what it is entitled to
 *   hard          balloons grow no more: what is over the entitlement is swapped, a part of it at each look
 *   low           all of it is at once, and nobody gets more than that
 *
 * Never below a reservation, and what is swapped is compressed first where the kernel can.
 */
import type { VmId } from "../../base/index.ts";
import type { MemoryAllocation, MemoryRules, PoolConfig, ResourceConfig, VmAllocation } from "./config.ts";
import { type Claimant, divide } from "./divide.ts";
import { type MemoryState, minFreeBytes, nextMemoryState } from "./memory-state.ts";

/** A running guest's memory as it is. */
export interface GuestMemoryUse {
  readonly vm: VmId;
  /** What its guest has been given. */
  readonly sizeBytes: number;
  /** Of it, in the machine's memory. */
  readonly residentBytes: number;
  readonly swappedBytes: number;
  readonly balloonedBytes: number;
  /** Of what is resident, used of late. */
  readonly activeBytes: number;
  /** What its monitor has beside it. */
  readonly overheadBytes: number;
}

export interface HostMemory {
  readonly totalBytes: number;
  /** What could be had without anything being taken from a guest. */
  readonly freeBytes: number;
}

/** What is to be done to one guest. */
export interface MemoryTarget {
  /** What it is entitled to now. */
  readonly entitledBytes: number;
  readonly balloonedBytes: number;
  /** What its monitor keeps, itself included; absent where nothing is to be swapped. */
  readonly keepBytes?: number;
}

export interface MemoryPlan {
  readonly state: MemoryState;
  readonly targets: ReadonlyMap<VmId, MemoryTarget>;
}

export interface MemoryQuestion {
  readonly config: ResourceConfig;
  readonly guests: readonly GuestMemoryUse[];
  readonly host: HostMemory;
  readonly before: MemoryState;
}

const MIB = 2 ** 20;
/** A VM that is not told of yet has what ESXi gives one of normal shares. */
const UNTOLD_SHARES_PER_MIB = 10;
/** A guest gets this much more than it has before it is looked at again. */
const ROOM_PART = 0.1;
const ROOM_BYTES = 32 * MIB;
/** Of what is over, how much is swapped at one look in the state "hard". */
const SWAP_PART = 0.25;
const SWAP_BYTES_MIN = 16 * MIB;

export function planMemory({ config, guests, host, before }: MemoryQuestion): MemoryPlan {
  const least = minFreeBytes(host.totalBytes, config.memory.minFreePercent);
  const state = nextMemoryState(before, host.freeBytes / Math.max(1, least));
  const resident = guests.reduce((sum, { residentBytes }) => sum + residentBytes, 0);
  const available = Math.max(0, resident + host.freeBytes - least);
  const entitled = entitlements(config, guests, available);
  const limits = limitsOf(config, guests);
  const balloons = new Map(config.vms.map(({ vm, balloonMiBMax }) => [vm, balloonMiBMax]));
  const targets = guests.map((guest): readonly [VmId, MemoryTarget] => {
    const bounds = { entitled: entitled.get(guest.vm) ?? guest.sizeBytes, limit: limits.get(guest.vm) ?? guest.sizeBytes };
    return [guest.vm, targetOf(guest, bounds, { state, balloonMost: balloonMost(guest, balloons.get(guest.vm), config.memory) })];
  });
  return { state, targets: new Map(targets) };
}

/** @param ownMiBMax of the VM alone */
function balloonMost({ sizeBytes }: GuestMemoryUse, ownMiBMax = Number.POSITIVE_INFINITY, { balloonPercentMax }: MemoryRules): number {
  return Math.min((sizeBytes * balloonPercentMax) / 100, ownMiBMax * MIB);
}

/** What of its memory a guest could not keep were it used up: by its limits and those of its pools. */
export function overLimit(config: ResourceConfig, guests: readonly Pick<GuestMemoryUse, "vm" | "sizeBytes">[]): ReadonlyMap<VmId, number> {
  const limits = limitsOf(config, guests);
  return new Map(guests.map(({ vm, sizeBytes }) => [vm, Math.max(0, sizeBytes - (limits.get(vm) ?? sizeBytes))]));
}

/** What each would get if all wanted all of their memory at once. @param availableBytes for all of them */
export function worstCaseMemory(
  config: ResourceConfig,
  guests: readonly Pick<GuestMemoryUse, "vm" | "sizeBytes">[],
  availableBytes: number,
): ReadonlyMap<VmId, number> {
  return entitlements(config, guests.map(wantingAll), availableBytes);
}

const wantingAll = ({ vm, sizeBytes }: Pick<GuestMemoryUse, "vm" | "sizeBytes">): GuestMemoryUse => ({
  ...{ vm, sizeBytes, ...NOTHING_USED, residentBytes: sizeBytes, activeBytes: sizeBytes },
});

/** What each might have of a machine without end. */
function limitsOf(config: ResourceConfig, guests: readonly Pick<GuestMemoryUse, "vm" | "sizeBytes">[]): ReadonlyMap<VmId, number> {
  const isLimited = [...config.pools, ...config.vms].some(({ memory }) => memory.limitMiB !== undefined);
  if (!isLimited) return new Map(guests.map(({ vm, sizeBytes }) => [vm, sizeBytes]));
  return entitlements(config, guests.map(wantingAll), Number.POSITIVE_INFINITY);
}

const NOTHING_USED = { residentBytes: 0, swappedBytes: 0, balloonedBytes: 0, activeBytes: 0, overheadBytes: 0 };

/** Never less than what is reserved, whatever there is; what of a reservation is not used is lent meanwhile. */
function entitlements(config: ResourceConfig, guests: readonly GuestMemoryUse[], available: number): ReadonlyMap<VmId, number> {
  const told = new Map(config.vms.map((vm) => [vm.vm, vm]));
  const tree: Tree = {
    ...{ config, told },
    guestsIn: groupBy(guests, ({ vm }) => told.get(vm)?.pool),
    poolsIn: groupBy(config.pools, ({ parent }) => parent),
  };
  const division = divide(available, claimantsIn(undefined, tree));
  return new Map(
    guests.map(({ vm, sizeBytes }) => {
      const reserved = Math.min(sizeBytes, (told.get(vm)?.memory.reservationMiB ?? 0) * MIB);
      return [vm, Math.min(sizeBytes, Math.max(reserved, division.get(vmKey(vm))?.granted ?? sizeBytes))];
    }),
  );
}

const vmKey = (vm: VmId): string => `vm ${vm}`;

function groupBy<T, Key>(items: readonly T[], keyOf: (item: T) => Key): ReadonlyMap<Key, readonly T[]> {
  const groups = new Map<Key, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group === undefined) groups.set(keyOf(item), [item]);
    else group.push(item);
  }
  return groups;
}

interface Tree extends Pick<MemoryQuestion, "config"> {
  readonly told: ReadonlyMap<VmId, VmAllocation>;
  /** By the pool that they are in; undefined is the host's. */
  readonly guestsIn: ReadonlyMap<number | undefined, readonly GuestMemoryUse[]>;
  readonly poolsIn: ReadonlyMap<number | undefined, readonly PoolConfig[]>;
}

function claimantsIn(pool: number | undefined, tree: Tree): readonly Claimant[] {
  const { config, told, guestsIn, poolsIn } = tree;
  const own = (guestsIn.get(pool) ?? []).map((guest) => claimantOf(guest, told.get(guest.vm), config.memory));
  const beneath = (poolsIn.get(pool) ?? []).map(({ id, memory }) => ({
    ...{ id: `pool ${id}`, ...amountsOf(memory) },
    members: claimantsIn(id, tree),
  }));
  return [...own, ...beneath];
}

function claimantOf(guest: GuestMemoryUse, allocation: VmAllocation | undefined, { idleTaxPercent }: MemoryRules): Claimant {
  const { vm, sizeBytes } = guest;
  const memory = allocation?.memory ?? { reservationMiB: 0, shares: Math.max(1, (UNTOLD_SHARES_PER_MIB * sizeBytes) / MIB) };
  const amounts = amountsOf(memory);
  return {
    ...{ id: vmKey(vm), capacity: sizeBytes, demand: demandOf(guest) },
    ...amounts,
    shares: amounts.shares / priceOfPage(guest, idleTaxPercent),
  };
}

/** What it has, wherever that is, and some room. */
function demandOf({ residentBytes, swappedBytes, balloonedBytes }: GuestMemoryUse): number {
  return (residentBytes + swappedBytes + balloonedBytes) * (1 + ROOM_PART) + ROOM_BYTES;
}

/** What a guest pays for a page, on the average: 1 when it uses all that it has. */
function priceOfPage({ residentBytes, activeBytes }: GuestMemoryUse, idleTaxPercent: number): number {
  const active = residentBytes === 0 ? 1 : Math.min(1, activeBytes / residentBytes);
  return active + (1 - active) / (1 - idleTaxPercent / 100);
}

function amountsOf({ reservationMiB, limitMiB = Number.POSITIVE_INFINITY, shares }: MemoryAllocation) {
  return { reservation: reservationMiB * MIB, limit: limitMiB * MIB, shares };
}

interface Bounds {
  readonly entitled: number;
  /** What it might have on a host that is empty. */
  readonly limit: number;
}

interface Circumstances {
  readonly state: MemoryState;
  /** The most that its balloon may take. */
  readonly balloonMost: number;
}

function targetOf(guest: GuestMemoryUse, { entitled, limit }: Bounds, { state, balloonMost }: Circumstances): MemoryTarget {
  const { sizeBytes, residentBytes, balloonedBytes, overheadBytes } = guest;
  const entitledBytes = Math.min(entitled, limit);
  const within = (bytes: number): number =>
    Math.round(Math.min(balloonMost, sizeBytes - Math.min(entitledBytes, sizeBytes), Math.max(0, bytes)));
  const forLimit = within(sizeBytes - limit);
  const wanted = within(balloonedBytes + residentBytes - entitledBytes);
  const balloon = state === "soft" ? wanted : Math.min(balloonedBytes, wanted);
  const target = { entitledBytes, balloonedBytes: Math.max(forLimit, balloon) };
  const guestKeeps = Math.min(limit, keptUnder(state, guest, entitledBytes));
  return guestKeeps >= sizeBytes ? target : { ...target, keepBytes: Math.round(guestKeeps + overheadBytes) };
}

/** What of a guest stays in memory, and so how far it may grow; Infinity where it may as it likes. */
function keptUnder(state: MemoryState, guest: GuestMemoryUse, entitledBytes: number): number {
  const { sizeBytes, residentBytes, swappedBytes } = guest;
  const over = residentBytes - entitledBytes;
  if (state === "low") return entitledBytes;
  if (state === "hard" && over > 0) return residentBytes - Math.min(over, Math.max(SWAP_BYTES_MIN, over * SWAP_PART));
  // What was swapped comes back as there is room for it, not all at once: or the host were as short again in a moment.
  const isShort = entitledBytes < Math.min(sizeBytes, demandOf(guest));
  return swappedBytes > 0 && isShort ? Math.max(entitledBytes, residentBytes) : Number.POSITIVE_INFINITY;
}
