/** What a deed on pools needs on others than those that it names: on what goes with them, and on where that came from. Source: vim25 ResourcePool. */
import type { PrivilegeId } from "../../access/index.ts";
import type { MoRef } from "../../wire/index.ts";
import { childrenOf, findPool, type PoolTree, poolIdOf, poolRef, withAllIn } from "./pool-tree.ts";

export interface Demand {
  readonly entity: MoRef;
  readonly privilege: PrivilegeId;
}

interface Asked {
  readonly method: string;
  readonly target: MoRef;
  readonly args: Readonly<Record<string, unknown>>;
}

interface Inhabited extends Pick<PoolTree, "pools"> {
  /** VMs directly in it. */
  vmsIn(pool: number): readonly MoRef[];
}

/** Pure, as `vmsIn` is. */
export function furtherDemands(tree: Inhabited, { method, target, args }: Asked): readonly Demand[] {
  if (method === "MoveIntoResourcePool") {
    const list = (args.list ?? []) as readonly MoRef[];
    return list.flatMap((ref) => demandOnParent(tree, ref, "Resource.MovePool"));
  }
  if (method === "Destroy_Task") return demandOnParent(tree, target, "Resource.DeletePool");
  return method === "DestroyChildren" ? demandsOfDestruction(tree, target) : [];
}

/** @returns nothing for what is no pool, or has no parent */
function demandOnParent(tree: Inhabited, ref: MoRef, privilege: PrivilegeId): readonly Demand[] {
  const pool = findPool(tree, poolIdOf(ref.value) ?? -1);
  return pool === undefined ? [] : [{ entity: poolRef(pool.parent), privilege }];
}

/** Its pools are asked of, and the VMs that come to lie in it. */
function demandsOfDestruction(tree: Inhabited, target: MoRef): readonly Demand[] {
  const id = poolIdOf(target.value);
  if (id === undefined) return [];
  const gone = childrenOf(tree, id).map((child): Demand => ({ entity: poolRef(child.id), privilege: "Resource.DeletePool" }));
  const moved = withAllIn(tree, id)
    .slice(1)
    .flatMap((one) => tree.vmsIn(one));
  const assigned = moved.length === 0 ? [] : [target, ...moved];
  return [...gone, ...assigned.map((entity): Demand => ({ entity, privilege: "Resource.AssignVMToPool" }))];
}
