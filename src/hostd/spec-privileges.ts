/**
 * What a ReconfigVM_Task's spec asks for, as privileges: one for each kind of change in it. Pure.
 * Source: ESXi's access control (VirtualMachine.Config.*); vim25 documents the privilege of each field of ConfigSpec.
 */
import type { PrivilegeId } from "../access/index.ts";
import type { VirtualDeviceConfigSpec, VirtualMachineConfigSpec } from "../wire/index.ts";

const privilegeOfField: Readonly<Partial<Record<keyof VirtualMachineConfigSpec, PrivilegeId>>> = {
  name: "VirtualMachine.Config.Rename",
  annotation: "VirtualMachine.Config.Annotation",
  numCPUs: "VirtualMachine.Config.CPUCount",
  numCoresPerSocket: "VirtualMachine.Config.CPUCount",
  memoryMB: "VirtualMachine.Config.Memory",
  cpuAllocation: "VirtualMachine.Config.Resource",
  memoryAllocation: "VirtualMachine.Config.Resource",
  cpuAffinity: "VirtualMachine.Config.Resource",
  memoryAffinity: "VirtualMachine.Config.Resource",
  extraConfig: "VirtualMachine.Config.AdvancedConfig",
  swapPlacement: "VirtualMachine.Config.SwapPlacement",
  managedBy: "VirtualMachine.Config.ManagedBy",
  version: "VirtualMachine.Config.UpgradeVirtualHardware",
  changeTrackingEnabled: "VirtualMachine.Config.ChangeTracking",
};
const OTHER_FIELD = "VirtualMachine.Config.Settings"; // guest id, boot options, tools, flags, firmware …

/** The privileges that the spec needs on its VM; System.Read alone when it changes nothing. */
export function privilegesOfSpec(spec: VirtualMachineConfigSpec): readonly PrivilegeId[] {
  const fields = Object.entries(spec).filter(
    ([name, value]) => !["$type", "changeVersion", "deviceChange"].includes(name) && value !== undefined,
  );
  const needed = new Set(fields.map(([name]) => privilegeOfField[name as keyof VirtualMachineConfigSpec] ?? OTHER_FIELD));
  for (const change of spec.deviceChange ?? []) needed.add(privilegeOfDeviceChange(change));
  return needed.size === 0 ? ["System.Read"] : [...needed];
}

function privilegeOfDeviceChange(change: VirtualDeviceConfigSpec): PrivilegeId {
  const isDisk = change.device.$type === "VirtualDisk";
  switch (change.operation) {
    case "add":
      if (!isDisk) return "VirtualMachine.Config.AddRemoveDevice";
      return change.fileOperation === "create" ? "VirtualMachine.Config.AddNewDisk" : "VirtualMachine.Config.AddExistingDisk";
    case "remove":
      return isDisk ? "VirtualMachine.Config.RemoveDisk" : "VirtualMachine.Config.AddRemoveDevice";
    default:
      return isDisk ? "VirtualMachine.Config.DiskExtend" : "VirtualMachine.Config.EditDevice";
  }
}

/** Every privilege that a spec may need. */
export const allSpecPrivileges: readonly PrivilegeId[] = [
  ...new Set(Object.values(privilegeOfField)),
  OTHER_FIELD,
  "VirtualMachine.Config.AddRemoveDevice",
  "VirtualMachine.Config.AddNewDisk",
  "VirtualMachine.Config.AddExistingDisk",
  "VirtualMachine.Config.RemoveDisk",
  "VirtualMachine.Config.DiskExtend",
  "VirtualMachine.Config.EditDevice",
];
