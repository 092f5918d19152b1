/** vim25 ResourcePool: the host's root pool, and those that were made beneath it. What can be changed is decided in resources/. */
import { fault, type MoRef, type ResourceConfigSpec } from "../../wire/index.ts";
import type { HostAgent } from "../agent.ts";
import { refuseRead, subjectOf } from "../authorize.ts";
import { COMPUTE_RESOURCE, HOST, VM_FOLDER } from "../inventory-tree.ts";
import type { ManagedObjectType, Reader } from "../managed-object.ts";
import { importVApp } from "../nfc/import-vapp.ts";
import { createPoolIn, destroyPoolsIn, destroyPoolTask, moveIntoPool, renamePoolTask, updatePoolConfig } from "../resources/pool-deeds.ts";
import { childrenOf, poolRef } from "../resources/pool-tree.ts";
import { configurationOption, showConfig, showRuntime, showSummary } from "../resources/show-pool.ts";
import { updateChildren } from "../resources/update-children.ts";
import { type Entity, managedEntityProperties } from "./managed-entity.ts";
import { resourceConfigOf } from "./vm-storage.ts";

export interface PoolEntity extends Entity {
  /** Its number: 0 is the root pool. */
  readonly pool: number;
}

export const resourcePool = {
  type: "ResourcePool",
  properties: {
    ...managedEntityProperties,
    overallStatus: (self) => showRuntime(self.agent, self.pool).overallStatus,
    owner: () => COMPUTE_RESOURCE,
    resourcePool: ({ agent, pool }) => childRefs(agent, pool),
    vm: ({ agent, pool }) => agent.pools.vmsIn(pool),
    config: ({ agent, pool }) => showConfig(agent, pool),
    childConfiguration: ({ agent, pool }, { userName }: Reader) => configOfChildren(agent, pool, userName),
    runtime: ({ agent, pool }) => showRuntime(agent, pool),
    summary: ({ agent, pool, name }) => showSummary(agent, pool, name),
  },
  methods: {
    CreateResourcePool: ({ pool }, { name, spec }, call) => createPoolIn(call, pool, { name, spec }),
    UpdateConfig: ({ pool }, { name, config }, call) => updatePoolConfig(call, pool, { name, config }),
    UpdateChildResourceConfiguration: ({ pool }, { spec }, call) => updateChildren(call, pool, spec),
    MoveIntoResourcePool: ({ pool }, { list }, call) => moveIntoPool(call, pool, list),
    DestroyChildren: ({ pool }, _, call) => destroyPoolsIn(call, pool),
    Destroy_Task: ({ pool, name }, _, call) => destroyPoolTask(call, pool, name).ref,
    Rename_Task: ({ pool, name }, { newName }, call) => renamePoolTask(call, pool, { name, newName }).ref,
    QueryResourceConfigOption: () => configurationOption,
    async ImportVApp({ pool }, { spec, folder, host }, call) {
      requirePlace(folder, VM_FOLDER);
      requirePlace(host, HOST);
      return await importVApp(call, spec, pool);
    },
    RefreshRuntime: () => {}, // it is what it is whenever it is read
  },
} as const satisfies ManagedObjectType<"ResourcePool", PoolEntity>;

/** A host has one place for virtual machines, and needs none to be named. @throws {Fault} ManagedObjectNotFound when another is */
function requirePlace(named: MoRef | undefined, only: MoRef): void {
  if (named === undefined || named.value === only.value) return;
  throw fault("ManagedObjectNotFound", "The object has already been deleted or has not been completely created", { obj: named });
}

/** What pools and VMs in it are guaranteed, of those that the caller may read. */
function configOfChildren(agent: HostAgent, pool: number, userName: string | undefined): readonly ResourceConfigSpec[] {
  const { vms, pools, inventory } = agent;
  const subject = subjectOf(agent, userName);
  const canRead = (ref: MoRef): boolean => refuseRead(ref, inventory.pathOf(ref.value), subject) === undefined;
  const own = childrenOf(pools, pool).filter(({ id }) => canRead(poolRef(id)));
  const members = vms.list().filter((vm) => pools.poolOf(vm) === pool && canRead(vm.ref));
  return [...own.map(({ id }) => showConfig(agent, id)), ...members.flatMap((vm) => resourceConfigOf({ vm }) ?? [])];
}

function childRefs({ pools }: HostAgent, pool: number): readonly MoRef<"ResourcePool">[] {
  return childrenOf(pools, pool).map(({ id }) => poolRef(id));
}
