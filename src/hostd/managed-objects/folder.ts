/** vim25 Folder: the five folders of a standalone host. Only the VM folder has deeds: CreateVM_Task and RegisterVM_Task. */
import { fault, type MoRef } from "../../wire/index.ts";
import type { Call } from "../agent.ts";
import { refuseAccess, subjectOf } from "../authorize.ts";
import { childTypes, VM_FOLDER } from "../inventory-tree.ts";
import type { ManagedObjectType } from "../managed-object.ts";
import { ROOT_ID } from "../resources/pool-tree.ts";
import { createVm, registerVm } from "../vm-deeds/create.ts";
import { type Entity, managedEntityProperties } from "./managed-entity.ts";

export const folder = {
  type: "Folder",
  properties: {
    ...managedEntityProperties,
    childType: (self) => childTypes[self.ref.value] ?? [],
    childEntity: (self) => self.agent.inventory.childrenOf(self.ref),
  },
  methods: {
    async CreateVM_Task(self, { config, pool }, call) {
      requireVmFolder(self.ref);
      return (await createVm(call, config, poolFor(call, pool))).ref;
    },
    async RegisterVM_Task(self, { path, name, asTemplate, pool }, call) {
      requireVmFolder(self.ref);
      if (asTemplate) throw fault("NotSupported", "A standalone host has no templates.", {});
      const into = pool === undefined ? ROOT_ID : poolFor(call, pool);
      return (await registerVm(call, { path, name, pool: into })).ref;
    },
  },
} as const satisfies ManagedObjectType<"Folder", Entity>;

function requireVmFolder(target: MoRef): void {
  if (target.value !== VM_FOLDER.value) throw fault("NotSupported", "The operation is not supported on the object.", {});
}

/** @throws {Fault} NoPermission for whom the pool is not to be used by */
export function poolFor({ agent, session }: Call, pool: MoRef): number {
  const id = agent.pools.require(pool);
  const subject = subjectOf(agent, session?.userName);
  const refusal = refuseAccess(pool, agent.inventory.pathOf(pool.value, session), ["Resource.AssignVMToPool"], subject);
  if (refusal !== undefined) throw refusal;
  return id;
}
