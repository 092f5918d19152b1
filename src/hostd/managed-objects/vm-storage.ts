/** What a VM's files take of its datastores, as they were when its folder was read last. Source: vim25 VirtualMachine.layoutEx, storage. */
import type { ResourceConfigSpec } from "../../wire/index.ts";
import { formatLayout, formatLayoutEx, storageInfo, storageSummary, type VmLayout } from "../vm-layout.ts";
import type { VmEntity } from "./virtual-machine.ts";

/** @returns undefined for a VM whose folder can't be read */
function ofLayout<T>({ vm }: VmEntity, format: (layout: VmLayout) => T): T | undefined {
  return vm.files.kind === "readable" ? format(vm.files.layout) : undefined;
}

export const vmStorageProperties = {
  layout: (self: VmEntity) => ofLayout(self, (layout) => formatLayout(layout, self.vm.id)),
  layoutEx: (self: VmEntity) => ofLayout(self, (layout) => formatLayoutEx(layout, self.vm.id)),
  storage: (self: VmEntity) => ofLayout(self, (layout) => storageInfo(layout, (name) => self.agent.inventory.datastoreNamed(name))),
};

export function vmStorageSummary(self: VmEntity) {
  return ofLayout(self, storageSummary);
}

export function resourceConfigOf({ vm }: Pick<VmEntity, "vm">): ResourceConfigSpec | undefined {
  if (vm.files.kind === "unreadable") return undefined;
  const { cpuAllocation, memoryAllocation, changeVersion, modified } = vm.files.config;
  if (cpuAllocation === undefined || memoryAllocation === undefined) return undefined;
  return { entity: vm.ref, changeVersion, lastModified: modified, cpuAllocation, memoryAllocation };
}
