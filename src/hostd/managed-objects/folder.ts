/** vim25 Folder: the five folders of a standalone host. Only the VM folder has deeds: CreateVM_Task and RegisterVM_Task. */
import { fault, type MoRef } from "../../wire/index.ts";
import type { Call } from "../agent.ts";
import { childTypes, VM_FOLDER } from "../inventory-tree.ts";
import type { ManagedObjectType } from "../managed-object.ts";
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
      requireRootPool(call, pool);
      return (await createVm(call, config)).ref;
    },
    async RegisterVM_Task(self, { path, name, asTemplate, pool }, call) {
      requireVmFolder(self.ref);
      if (asTemplate) throw fault("NotSupported", "A standalone host has no templates.", {});
      if (pool !== undefined) requireRootPool(call, pool);
      return (await registerVm(call, path, name)).ref;
    },
  },
} as const satisfies ManagedObjectType<"Folder", Entity>;

function requireVmFolder(target: MoRef): void {
  if (target.value !== VM_FOLDER.value) throw fault("NotSupported", "The operation is not supported on the object.", {});
}

function requireRootPool(call: Call, pool: MoRef): void {
  const found = call.agent.inventory.find(pool.value);
  if (found?.ref.type === "ResourcePool") return;
  throw fault("ManagedObjectNotFound", "The object has already been deleted or has not been completely created", { obj: pool });
}
