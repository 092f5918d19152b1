/** What a client does to resource pools, with the events that tell of it. Source: vim25 ResourcePool. */
import { fault, type MoRef, type ResourceConfigSpec } from "../../wire/index.ts";
import type { Call, HostAgent } from "../agent.ts";
import type { EventContext } from "../events.ts";
import type { Task } from "../tasks.ts";
import type { Vm } from "../vm.ts";
import { invalid } from "./parse-allocation.ts";
import { createPool, destroyChildren, destroyPool, updatePool } from "./plan-pools.ts";
import { childrenOf, findPool, poolRef, ROOT_ID } from "./pool-tree.ts";

export function createPoolIn(
  call: Call,
  parent: number,
  { name, spec }: { name: string; spec: ResourceConfigSpec },
): MoRef<"ResourcePool"> {
  const { pools, events } = call.agent;
  const id = pools.nextId();
  pools.change((tree) => createPool(tree, { id, parent, name, spec }));
  const own = argumentOf(call.agent, id);
  const text = `Created resource pool ${own.name} in ${nameOf(call.agent, parent)}`;
  events.post("ResourcePoolCreatedEvent", text, who(call), { resourcePool: own, parent: argumentOf(call.agent, parent) });
  return poolRef(id);
}

interface Update {
  readonly name: string | undefined;
  readonly config: ResourceConfigSpec | undefined;
}

export function updatePoolConfig(call: Call, id: number, { name, config }: Update): void {
  call.agent.pools.change((tree) => updatePool(tree, { id, name, config }));
  postReconfigured(call, id);
}

/** Pools and VMs, all or none. */
export function moveIntoPool(call: Call, to: number, list: readonly MoRef[]): void {
  const { agent } = call;
  const vms = list.flatMap(({ value }) => agent.vms.find(value) ?? []);
  const ids = list.flatMap(({ value }) => agent.pools.find(value)?.id ?? []);
  const stray = list.find(({ value }) => agent.vms.find(value) === undefined && agent.pools.find(value) === undefined);
  if (stray !== undefined) {
    if (stray.type === "ResourcePool" && stray.value === poolRef(ROOT_ID).value) throw invalid("list");
    throw fault("ManagedObjectNotFound", "The object has already been deleted or has not been completely created", { obj: stray });
  }
  const from = new Map(ids.map((id) => [id, findPool(agent.pools, id)?.parent ?? ROOT_ID]));
  const vmsFrom = new Map(vms.map((vm) => [vm, agent.pools.poolOf(vm)]));
  agent.pools.move({ ids, vms, to });
  const newParent = argumentOf(agent, to);
  for (const [id, parent] of from) {
    const own = argumentOf(agent, id);
    const fields = { resourcePool: own, oldParent: argumentOf(agent, parent), newParent };
    agent.events.post("ResourcePoolMovedEvent", `Moved resource pool ${own.name} to ${newParent.name}`, who(call), fields);
  }
  for (const [vm, parent] of vmsFrom) postVmMoved(call, vm, { oldParent: parent, newParent: to });
}

function postVmMoved(call: Call, vm: Vm, { oldParent, newParent }: { readonly oldParent: number; readonly newParent: number }): void {
  const { agent } = call;
  const fields = { template: false, oldParent: argumentOf(agent, oldParent), newParent: argumentOf(agent, newParent) };
  const context = { ...who(call), vm: { ref: vm.ref, name: vm.name } };
  agent.events.post("VmResourcePoolMovedEvent", `Moved ${vm.name} to resource pool ${fields.newParent.name}`, context, fields);
}

export function destroyPoolsIn(call: Call, id: number): void {
  const { pools } = call.agent;
  const gone = childrenOf(pools, id).map((child) => argumentOf(call.agent, child.id));
  pools.change((tree) => destroyChildren(tree, id));
  for (const own of gone) postDestroyed(call, own);
}

export function destroyPoolTask(call: Call, id: number, name: string): Task {
  return call.startTask(name, { kind: "none" }, async () => {
    const own = argumentOf(call.agent, id);
    call.agent.pools.change((tree) => destroyPool(tree, id));
    postDestroyed(call, own);
    return undefined;
  });
}

export function renamePoolTask(call: Call, id: number, { name, newName }: { readonly name: string; readonly newName: string }): Task {
  return call.startTask(name, { kind: "none" }, async () => {
    updatePoolConfig(call, id, { name: newName, config: undefined });
    return undefined;
  });
}

type PoolArgument = ReturnType<typeof argumentOf>;

function argumentOf(agent: HostAgent, id: number) {
  return { name: nameOf(agent, id), resourcePool: poolRef(id) };
}

function nameOf({ pools }: HostAgent, id: number): string {
  return findPool(pools, id)?.name ?? "Resources";
}

const who = ({ session }: Call): EventContext => ({ userName: session?.userName ?? "" });

export function postReconfigured(call: Call, id: number): void {
  const own = argumentOf(call.agent, id);
  call.agent.events.post("ResourcePoolReconfiguredEvent", `Updated configuration of ${own.name}`, who(call), {
    resourcePool: own,
  });
}

function postDestroyed(call: Call, own: PoolArgument): void {
  call.agent.events.post("ResourcePoolDestroyedEvent", `Removed resource pool ${own.name}`, who(call), {
    resourcePool: own,
  });
}
