import { expect, test } from "vitest";
import type { VmId } from "../../base/index.ts";
import type { DeviceSpec, MachineSpec } from "../../vmkernel/index.ts";
import { bootWarning } from "./boot-warning.ts";

const home = { datastore: "d", path: "v" };
const efi = { kind: "efi", nvram: home } as const;
const machine = (firmware: MachineSpec["firmware"], ...devices: readonly DeviceSpec[]): MachineSpec => ({
  vm: "1" as VmId,
  name: "v",
  home,
  biosUuid: "00000000-0000-0000-0000-000000000001",
  memoryMiB: 256,
  vcpus: 1,
  coresPerSocket: 1,
  firmware,
  bootOrder: [],
  devices,
});
const pvscsi: DeviceSpec = { kind: "scsi", key: 1000, bus: 0, model: "pvscsi" };
const ahci: DeviceSpec = { kind: "ahci", key: 15000, bus: 0 };
const disk = (controllerKey: number): DeviceSpec => ({
  kind: "disk",
  key: 2000,
  controllerKey,
  unit: 0,
  descriptor: home,
  mode: "persistent",
});

test.each<[string, MachineSpec, boolean]>([
  ["UEFI with its only disk on PVSCSI", machine(efi, pvscsi, disk(1000)), true],
  ["BIOS with the same", machine({ kind: "bios" }, pvscsi, disk(1000)), false],
  ["UEFI with a disk on SATA too", machine(efi, pvscsi, ahci, disk(1000), disk(15000)), false],
  ["UEFI without any disk", machine(efi, pvscsi), false],
  [
    "UEFI with an empty CD drive beside",
    machine(efi, pvscsi, ahci, disk(1000), { kind: "cdrom", key: 3000, controllerKey: 15000, unit: 0 }),
    true,
  ],
])("%s", (_, spec, warned) => {
  expect(bootWarning(spec) !== undefined).toBe(warned);
});
