/** Machines for tests. */
import type { VmId } from "../../base/index.ts";
import type { Device, DeviceSpec, MachineSpec } from "../machine.ts";

const home = { datastore: "datastore1", path: "web" };

export function machineWith(devices: readonly DeviceSpec[], changes: Partial<MachineSpec> = {}): MachineSpec {
  return {
    vm: "7" as VmId,
    name: "web, with a comma",
    home,
    biosUuid: "564d1f2e-3c4b-5a69-7887-a1b2c3d4e5f6",
    memoryMiB: 128,
    vcpus: 1,
    coresPerSocket: 1,
    firmware: { kind: "bios" },
    bootOrder: [],
    devices,
    ...changes,
  };
}

export function fileOf(name: string): { readonly datastore: string; readonly path: string } {
  return { datastore: home.datastore, path: `${home.path}/${name}` };
}

export function diskOn(controllerKey: number, unit: number, key = 2000): Device<"disk"> {
  return { kind: "disk", key, controllerKey, unit, descriptor: fileOf(`disk${key}.vmdk`), mode: "persistent" };
}

/** One of everything that can be there at once. */
export const everyDevice: readonly DeviceSpec[] = [
  { kind: "ide", key: 200, bus: 0 },
  { kind: "ide", key: 201, bus: 1 },
  { kind: "video", key: 500, vramKiB: 5000 },
  { kind: "scsi", key: 1000, bus: 0, model: "pvscsi" },
  { kind: "scsi", key: 1001, bus: 1, model: "lsilogic" },
  { kind: "scsi", key: 1002, bus: 2, model: "lsisas1068" },
  { kind: "ahci", key: 15000, bus: 0 },
  { kind: "nvme", key: 31000, bus: 0 },
  { kind: "xhci", key: 14000 },
  { kind: "usb", key: 7000, model: "ehci" },
  { kind: "toolsChannel", key: 12000 },
  { kind: "nic", key: 4000, model: "vmxnet3", mac: "00:0c:29:00:00:01" },
  { kind: "nic", key: 4001, model: "e1000", mac: "00:0c:29:00:00:02" },
  { kind: "nic", key: 4002, model: "e1000e", mac: "00:0c:29:00:00:03" },
  diskOn(1000, 0, 2000),
  diskOn(1001, 6, 2016),
  diskOn(1002, 0, 2032),
  diskOn(15000, 5, 16000),
  diskOn(31000, 0, 32000),
  diskOn(200, 0, 3000),
  { kind: "cdrom", key: 3002, controllerKey: 201, unit: 0, image: fileOf("install.iso") },
  { kind: "cdrom", key: 16001, controllerKey: 15000, unit: 0 },
  { kind: "cdrom", key: 2001, controllerKey: 1000, unit: 15 },
  { kind: "floppy", key: 8000, unit: 0, image: fileOf("drivers.flp") },
  { kind: "floppy", key: 8001, unit: 1 },
  { kind: "serial", key: 9000, unit: 0, file: fileOf("console.log") },
  { kind: "serial", key: 9001, unit: 1 },
];
