/** A machine for tests: a chipset and what the test adds. */
import type { VmId } from "../base/index.ts";
import type { DeviceSpec, MachineSpec } from "../vmkernel/index.ts";

export function machineWith(...devices: readonly DeviceSpec[]): MachineSpec {
  return {
    vm: "1" as VmId,
    name: "impostor",
    home: { datastore: "d", path: "v" },
    biosUuid: "00000000-0000-0000-0000-000000000001",
    memoryMiB: 64,
    vcpus: 1,
    coresPerSocket: 1,
    firmware: { kind: "bios" },
    bootOrder: [],
    devices,
  };
}
