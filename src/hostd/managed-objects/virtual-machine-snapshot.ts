/** vim25 VirtualMachineSnapshot: one snapshot of a VM. The deeds are in vm-deeds/snapshots.ts. */
import { fault, type VirtualMachineConfigInfo } from "../../wire/index.ts";
import type { HostAgent } from "../agent.ts";
import type { ManagedObjectType } from "../managed-object.ts";
import { exportSnapshot } from "../nfc/export-vm.ts";
import { childrenOf, snapshotRef } from "../snapshots/snapshot-tree.ts";
import type { Vm } from "../vm.ts";
import { removeSnapshot, renameSnapshot, revertToSnapshot } from "../vm-deeds/snapshots.ts";

export interface SnapshotEntity {
  readonly agent: HostAgent;
  readonly vm: Vm;
  readonly uid: number;
}

export const virtualMachineSnapshot = {
  type: "VirtualMachineSnapshot",
  properties: {
    vm: ({ vm }) => vm.ref,
    config: (self) => configOf(self),
    childSnapshot: ({ vm, uid }) =>
      vm.files.kind === "readable" ? childrenOf(vm.files.snapshots.snapshots, uid).map((child) => snapshotRef(vm.id, child.uid)) : [],
    value: () => [],
    availableField: () => [],
  },
  methods: {
    RevertToSnapshot_Task: async ({ vm, uid }, { suppressPowerOn }, call) =>
      (await revertToSnapshot(call, vm, uid, { suppressPowerOn: suppressPowerOn === true })).ref,
    RemoveSnapshot_Task: ({ vm, uid }, { removeChildren, consolidate }, call) =>
      removeSnapshot(call, vm, uid, { removeChildren, consolidate: consolidate !== false }).ref,
    ExportSnapshot: ({ vm, uid }, _, call) => exportSnapshot(call, vm, uid),
    RenameSnapshot: ({ vm, uid }, names, call) => renameSnapshot(call, vm, uid, names),
  },
} as const satisfies ManagedObjectType<"VirtualMachineSnapshot", SnapshotEntity>;

/** What it has kept; the VM's own where that can't be read, for a snapshot always has one. */
function configOf({ vm, uid }: SnapshotEntity): VirtualMachineConfigInfo {
  if (vm.files.kind === "readable") return vm.files.snapshotConfigs.get(uid) ?? vm.files.config;
  throw fault("InvalidState", `The configuration of ${vm.name} cannot be read.`, {});
}
