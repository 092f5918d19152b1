import { expect, test } from "vitest";
import { privilegesOfSpec } from "./spec-privileges.ts";

const disk = { $type: "VirtualDisk", key: -1, capacityInKB: 1024 };
const nic = { $type: "VirtualVmxnet3", key: -1 };

test.each<[string, Parameters<typeof privilegesOfSpec>[0], readonly string[]]>([
  ["nothing", {}, ["System.Read"]],
  ["a change version alone", { changeVersion: "7" }, ["System.Read"]],
  ["a new name", { name: "b" }, ["VirtualMachine.Config.Rename"]],
  ["memory and CPUs", { memoryMB: 256, numCPUs: 2 }, ["VirtualMachine.Config.CPUCount", "VirtualMachine.Config.Memory"]],
  ["boot options", { bootOptions: { bootDelay: 1 } }, ["VirtualMachine.Config.Settings"]],
  ["a new disk", { deviceChange: [{ operation: "add", fileOperation: "create", device: disk }] }, ["VirtualMachine.Config.AddNewDisk"]],
  ["an existing disk", { deviceChange: [{ operation: "add", device: disk }] }, ["VirtualMachine.Config.AddExistingDisk"]],
  ["taking a disk away", { deviceChange: [{ operation: "remove", device: disk }] }, ["VirtualMachine.Config.RemoveDisk"]],
  ["a NIC", { deviceChange: [{ operation: "add", device: nic }] }, ["VirtualMachine.Config.AddRemoveDevice"]],
  ["editing a NIC", { deviceChange: [{ operation: "edit", device: nic }] }, ["VirtualMachine.Config.EditDevice"]],
])("%s needs its own privilege", (_, spec, privileges) => {
  expect([...privilegesOfSpec(spec)].sort()).toEqual([...privileges].sort());
});
