/**
 * Resource pools: the tree that divides the host's processors and memory. Pure. Paper «Resource Provisioning, Shares, and Limits»;
 * vim25 ResourcePool.
 */
import type { MoRef, SharesLevel } from "../../wire/index.ts";
import { ROOT_POOL } from "../inventory-tree.ts";

/** Of processors in MHz, of memory in MB. */
export interface PoolAllocation {
  readonly reservation: number;
  /** Whether it takes from its parent what its own reservation is short of. */
  readonly expandable: boolean;
  /** -1 is no limit. */
  readonly limit: number;
  readonly shares: { readonly level: SharesLevel; readonly shares: number };
}

export interface Pool {
  /** 1 or more; never given to another. */
  readonly id: number;
  /** {@link ROOT_ID} for a pool directly beneath the host's own. */
  readonly parent: number;
  readonly name: string;
  readonly cpu: PoolAllocation;
  readonly memory: PoolAllocation;
  /** Of its configuration: another after each change. */
  readonly changeVersion: number;
}

/** The root pool, which is the host itself: nobody made it and nobody changes it. */
export const ROOT_ID = 0;
/** vSphere nests no deeper. */
export const DEPTH_MAX = 8;

const PREFIX = "pool";

export const poolRef = (id: number): MoRef<"ResourcePool"> =>
  id === ROOT_ID ? (ROOT_POOL as MoRef<"ResourcePool">) : { type: "ResourcePool", value: PREFIX + id };

/** @returns undefined for the id of something else */
export function poolIdOf(moid: string): number | undefined {
  if (moid === ROOT_POOL.value) return ROOT_ID;
  return /^pool[1-9][0-9]{0,9}$/.test(moid) ? Number(moid.slice(PREFIX.length)) : undefined;
}

/** A running VM with what it is guaranteed. */
export interface Consumer {
  readonly pool: number;
  readonly cpuMhz: number;
  /** With what its monitor itself needs. */
  readonly memoryMb: number;
}

export interface PoolTree {
  readonly capacity: { readonly cpuMhz: number; readonly memoryMb: number };
  readonly pools: readonly Pool[];
  readonly consumers: readonly Consumer[];
}

export function findPool({ pools }: Pick<PoolTree, "pools">, id: number): Pool | undefined {
  return pools.find((pool) => pool.id === id);
}

export function childrenOf({ pools }: Pick<PoolTree, "pools">, id: number): readonly Pool[] {
  return pools.filter(({ parent }) => parent === id);
}

/** A pool and its parents, up to the root, which is not named. */
export function lineOf(tree: Pick<PoolTree, "pools">, id: number): readonly Pool[] {
  const pool = findPool(tree, id);
  return pool === undefined ? [] : [pool, ...lineOf(tree, pool.parent)];
}

/** A pool and all pools in it, parents first. */
export function withAllIn(tree: Pick<PoolTree, "pools">, id: number): readonly number[] {
  return [id, ...childrenOf(tree, id).flatMap((child) => withAllIn(tree, child.id))];
}
