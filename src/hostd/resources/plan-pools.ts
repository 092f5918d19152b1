/**
 * Changes of the tree of pools: from one whole tree to the next, or the fault that says why not. Pure.
 * Source: vim25 ResourcePool; paper «Resource Provisioning, Shares, and Limits».
 */
import { fault, type ResourceConfigSpec } from "../../wire/index.ts";
import { parseEntityName } from "../entity-name.ts";
import { defaultAllocation, invalid, parseAllocations } from "./parse-allocation.ts";
import { childrenOf, DEPTH_MAX, findPool, lineOf, type Pool, type PoolTree, poolRef, ROOT_ID, withAllIn } from "./pool-tree.ts";
import { refuseOvercommit } from "./reservations.ts";

interface Creation {
  readonly id: number;
  readonly parent: number;
  readonly name: string;
  readonly spec: ResourceConfigSpec;
}

/** @throws {Fault} InvalidName, DuplicateName, InvalidArgument, InsufficientCpuResourcesFault and its like */
export function createPool(tree: PoolTree, { id, parent, name, spec }: Creation): PoolTree {
  const own = { id, parent, name: parseEntityName(name, "name"), changeVersion: 1 };
  refuseTakenName(tree, own);
  if (lineOf(tree, parent).length >= DEPTH_MAX) throw tooDeep();
  const allocations = parseAllocations(spec, { cpu: defaultAllocation("cpu"), memory: defaultAllocation("memory") }, "spec");
  return admitted(tree, { ...tree, pools: [...tree.pools, { ...own, ...allocations }] });
}

interface Update {
  readonly id: number;
  readonly name: string | undefined;
  readonly config: ResourceConfigSpec | undefined;
  /** Names the configuration in faults; "config" where it is left out. */
  readonly at?: string;
}

/** @throws {Fault} as createPool; ConcurrentAccess when the spec was made from an older configuration */
export function updatePool(tree: PoolTree, { id, name, config }: Update): PoolTree {
  return admitted(tree, withUpdate(tree, { id, name, config }));
}

/** Several at once, whole or not at all: what one gives up another can take. @throws as updatePool */
export function updatePools(tree: PoolTree, updates: readonly Update[]): PoolTree {
  return admitted(tree, updates.reduce(withUpdate, tree));
}

function withUpdate(tree: PoolTree, { id, name, config, at = "config" }: Update): PoolTree {
  const pool = requireOwn(tree, id);
  if (config?.changeVersion !== undefined && config.changeVersion !== String(pool.changeVersion))
    throw fault("ConcurrentAccess", `The configuration of ${pool.name} has been changed meanwhile.`, {});
  const renamed = name === undefined ? pool : { ...pool, name: parseEntityName(name, "name") };
  refuseTakenName(tree, renamed);
  const updated = config === undefined ? renamed : { ...renamed, ...parseAllocations(config, pool, at) };
  return replaced(tree, { ...updated, changeVersion: pool.changeVersion + 1 });
}

/** @throws {Fault} InvalidArgument for a pool that would lie in itself; DuplicateName; what admission says */
export function movePools(tree: PoolTree, { ids, to }: { readonly ids: readonly number[]; readonly to: number }): PoolTree {
  return ids.reduce((before, id) => movePool(before, id, to), tree);
}

function movePool(tree: PoolTree, id: number, to: number): PoolTree {
  const pool = requireOwn(tree, id);
  if (withAllIn(tree, id).includes(to)) throw invalid("list");
  const moved = { ...pool, parent: to };
  refuseTakenName(tree, moved);
  if (lineOf(tree, to).length + heightOf(tree, id) > DEPTH_MAX) throw tooDeep();
  return replaced(tree, moved);
}

/** What is in it goes to its parent. @throws {Fault} what admission says of that, DuplicateName */
export function destroyPool(tree: PoolTree, id: number): PoolTree {
  const { parent } = requireOwn(tree, id);
  const without: PoolTree = { ...tree, pools: tree.pools.filter((pool) => pool.id !== id) }; // its name is free for one that was in it
  const moved = childrenOf(tree, id).reduce((before, child) => movePool(before, child.id, parent), without);
  const consumers = moved.consumers.map((consumer) => (consumer.pool === id ? { ...consumer, pool: parent } : consumer));
  return admitted(tree, { ...moved, consumers });
}

/** All pools in it, and the pools in those; VMs come to lie directly in it. */
export function destroyChildren(tree: PoolTree, id: number): PoolTree {
  const gone = new Set(withAllIn(tree, id).slice(1));
  const consumers = tree.consumers.map((consumer) => (gone.has(consumer.pool) ? { ...consumer, pool: id } : consumer));
  return admitted(tree, { ...tree, consumers, pools: tree.pools.filter((pool) => !gone.has(pool.id)) });
}

/** @throws the fault that admission has for the change */
export function admitted(before: PoolTree, after: PoolTree): PoolTree {
  const refusal = refuseOvercommit(before, after);
  if (refusal !== undefined) throw refusal;
  return after;
}

/** @throws {Fault} NotSupported for the root pool, which is the host; ManagedObjectNotFound */
function requireOwn(tree: PoolTree, id: number): Pool {
  if (id === ROOT_ID) throw fault("NotSupported", "The operation is not supported on the object.", {});
  const pool = findPool(tree, id);
  if (pool !== undefined) return pool;
  throw fault("ManagedObjectNotFound", "The object has already been deleted or has not been completely created", { obj: poolRef(id) });
}

function refuseTakenName(tree: PoolTree, { id, parent, name }: Pick<Pool, "id" | "parent" | "name">): void {
  const other = childrenOf(tree, parent).find((pool) => pool.id !== id && pool.name === name);
  if (other !== undefined) throw fault("DuplicateName", `The name '${name}' already exists.`, { name, object: poolRef(other.id) });
}

function heightOf(tree: PoolTree, id: number): number {
  return 1 + Math.max(0, ...childrenOf(tree, id).map((child) => heightOf(tree, child.id)));
}

const tooDeep = () => fault("InvalidResourcePoolStructureFault", `Resource pools lie ${DEPTH_MAX} deep at most.`, {});

function replaced(tree: PoolTree, pool: Pool): PoolTree {
  return { ...tree, pools: tree.pools.map((other) => (other.id === pool.id ? pool : other)) };
}
