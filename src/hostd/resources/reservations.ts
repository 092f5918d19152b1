/**
 * Admission: what is guaranteed is there. Pure. Source: paper «Resource Provisioning, Shares, and Limits»; vim25
 * InsufficientCpuResourcesFault, InsufficientMemoryResourcesFault.
 *
 *   fixed pool        used ≤ its reservation
 *   expandable pool   used ≤ its limit; what its reservation is short of, its parent has given
 *   root              used ≤ what the host has
 */
import type { Fault } from "../../base/index.ts";
import { fault } from "../../wire/index.ts";
import { findPool, type PoolAllocation, type PoolTree, ROOT_ID } from "./pool-tree.ts";

export type Resource = "cpu" | "memory";
export const RESOURCES: readonly Resource[] = ["cpu", "memory"];

/** What a pool guarantees to those in it. */
export interface ReservationUse {
  readonly used: number;
  readonly usedByVms: number;
  /** What it can still guarantee: to a pool or to a VM. */
  readonly unreserved: number;
}

export function useOf(tree: PoolTree, pool: number, resource: Resource): ReservationUse {
  const sums = addUp(tree, resource);
  const { used, usedByVms } = sums.get(pool) ?? NOTHING;
  return { used, usedByVms, unreserved: unreservedIn(tree, pool, { sums, resource }) };
}

interface Sum {
  readonly used: number;
  readonly usedByVms: number;
}

const NOTHING: Sum = { used: 0, usedByVms: 0 };

/** What each pool has guaranteed, the root among them. */
function addUp({ pools, consumers }: PoolTree, resource: Resource): ReadonlyMap<number, Sum> {
  const sums = new Map<number, Sum>();
  const children = byPool(pools, ({ parent }) => parent);
  const running = byPool(consumers, ({ pool }) => pool);
  const visit = (id: number): number => {
    const usedByVms = (running.get(id) ?? []).reduce((sum, { cpuMhz, memoryMb }) => sum + (resource === "cpu" ? cpuMhz : memoryMb), 0);
    const used = (children.get(id) ?? []).reduce((sum, child) => sum + takenBy(child[resource], visit(child.id)), usedByVms);
    sums.set(id, { used, usedByVms });
    return used;
  };
  visit(ROOT_ID);
  return sums;
}

function byPool<T>(items: readonly T[], poolOf: (item: T) => number): ReadonlyMap<number, readonly T[]> {
  const groups = new Map<number, T[]>();
  for (const item of items) {
    const group = groups.get(poolOf(item));
    if (group === undefined) groups.set(poolOf(item), [item]);
    else group.push(item);
  }
  return groups;
}

/** What a pool takes of its parent's. @param used what it has guaranteed itself */
function takenBy({ reservation, expandable }: PoolAllocation, used: number): number {
  return expandable ? Math.max(reservation, used) : reservation;
}

interface Sums {
  readonly sums: ReadonlyMap<number, Sum>;
  readonly resource: Resource;
}

/** Of an expandable pool also what its parents would give. Never below 0. */
function unreservedIn(tree: PoolTree, id: number, { sums, resource }: Sums): number {
  const { used } = sums.get(id) ?? NOTHING;
  const pool = findPool(tree, id);
  if (pool === undefined) return Math.max(0, capacityOf(tree, resource) - used);
  const own = Math.max(0, pool[resource].reservation - used);
  if (!pool[resource].expandable) return own;
  return Math.max(0, Math.min(limitOf(pool[resource]) - used, own + unreservedIn(tree, pool.parent, { sums, resource })));
}

function capacityOf({ capacity }: PoolTree, resource: Resource): number {
  return resource === "cpu" ? capacity.cpuMhz : capacity.memoryMb;
}

const limitOf = ({ limit }: PoolAllocation): number => (limit === -1 ? Number.POSITIVE_INFINITY : limit);

/** The most that a pool can guarantee altogether. */
function boundOf(tree: PoolTree, id: number, resource: Resource): number {
  const pool = findPool(tree, id);
  if (pool === undefined) return capacityOf(tree, resource);
  return pool[resource].expandable ? limitOf(pool[resource]) : pool[resource].reservation;
}

/** @returns by how much each pool, the root among them, guarantees more than it can; pools that do not are not named */
function overcommitted(tree: PoolTree, resource: Resource): ReadonlyMap<number, number> {
  const sums = addUp(tree, resource);
  const over = [...sums].map(([id, { used }]) => [id, used - boundOf(tree, id, resource)] as const);
  return new Map(over.filter(([, amount]) => amount > 0));
}

export function isOvercommitted(tree: PoolTree, pool: number): boolean {
  return RESOURCES.some((resource) => overcommitted(tree, resource).has(pool));
}

/**
 * Whether a change leaves what is guaranteed guaranteed. What was broken before it, it need not mend.
 * @returns the fault, which names what the pool in question could have given and what was asked of it
 */
export function refuseOvercommit(before: PoolTree, after: PoolTree): Fault | undefined {
  for (const resource of RESOURCES) {
    const broken = overcommitted(before, resource);
    const found = [...overcommitted(after, resource)].find(([id, amount]) => amount > (broken.get(id) ?? 0));
    if (found !== undefined) return insufficient(before, after, { pool: found[0], resource });
  }
  return undefined;
}

interface Shortage {
  readonly pool: number;
  readonly resource: Resource;
}

function insufficient(before: PoolTree, after: PoolTree, { pool, resource }: Shortage): Fault {
  const [was, is] = [useOf(before, pool, resource), useOf(after, pool, resource)];
  const more = is.used - was.used;
  // Where nothing more is asked for, the pool is to have less than it has given.
  const { unreserved, requested } =
    more > 0 ? { unreserved: was.unreserved, requested: more } : { unreserved: boundOf(after, pool, resource), requested: is.used };
  const owner = pool === ROOT_ID ? "host" : "resource pool";
  const word = resource === "cpu" ? "CPU" : "memory";
  const message = `The ${owner} does not have enough ${word} resources to satisfy the reservation.`;
  const name = resource === "cpu" ? "InsufficientCpuResourcesFault" : "InsufficientMemoryResourcesFault";
  // vim25: MHz, and bytes, which many pools together can ask for more of than a number tells
  const inUnits = (amount: number): number => Math.min(Number.MAX_SAFE_INTEGER, Math.round(resource === "cpu" ? amount : amount * 2 ** 20));
  return fault(name, message, { unreserved: inUnits(unreserved), requested: inUnits(requested) });
}
