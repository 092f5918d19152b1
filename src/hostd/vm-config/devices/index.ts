/** The families by name, and reading all devices of a VM. Pure. */
import type { VirtualController, VirtualDevice, Vmx } from "../../../wire/index.ts";
import { catalogueRow, type FamilyName } from "../device-catalogue.ts";
import { boardFamily } from "./board.ts";
import { diskFamily } from "./disk.ts";
import { type DeviceFamily, describe, type Reading } from "./family.ts";
import { nicFamily } from "./nic.ts";
import { notOfferedFamily } from "./not-offered.ts";
import { cdromFamily, floppyFamily } from "./removable.ts";
import { serialFamily } from "./serial.ts";
import { usbFamily, videoFamily, vmciFamily, xhciFamily } from "./singles.ts";
import { storageControllerFamily } from "./storage-controller.ts";

const FAMILIES: Readonly<Record<FamilyName, DeviceFamily>> = {
  board: boardFamily,
  storageController: storageControllerFamily,
  disk: diskFamily,
  cdrom: cdromFamily,
  nic: nicFamily,
  floppy: floppyFamily,
  serial: serialFamily,
  video: videoFamily,
  vmci: vmciFamily,
  xhci: xhciFamily,
  usb: usbFamily,
  notOffered: notOfferedFamily,
};

export function familyOf(device: VirtualDevice): DeviceFamily {
  return FAMILIES[catalogueRow(device.$type)?.family ?? "notOffered"];
}

/** All devices of a VM in the order of their keys, with their labels, each controller with what hangs on it. */
export function readDevices(vmx: Vmx, reading: Reading): VirtualDevice[] {
  return completeDevices(Object.values(FAMILIES).flatMap((family) => family.read(vmx, reading)));
}

/** Gives devices what only the whole of them tells: their numbers among their kind, and what hangs on which controller. */
export function completeDevices(devices: readonly VirtualDevice[]): VirtualDevice[] {
  const sorted = devices.toSorted((one, other) => one.key - other.key);
  return sorted.map((device) => {
    const numbered = numberAmong(sorted, device);
    if (!("busNumber" in device)) return numbered;
    const children = sorted.filter(({ controllerKey }) => controllerKey === device.key).map(({ key }) => key);
    const { device: _, ...bare } = numbered as VirtualController;
    return children.length > 0 ? ({ ...bare, device: children } as VirtualDevice) : bare;
  });
}

const NUMBERED = ["VirtualDisk", "VirtualCdrom", "VirtualFloppy"];

function numberAmong(devices: readonly VirtualDevice[], device: VirtualDevice): VirtualDevice {
  const { $type, deviceInfo } = device;
  if ($type === undefined || deviceInfo === undefined || !NUMBERED.includes($type)) return device;
  const number = devices.filter((other) => other.$type === $type).findIndex(({ key }) => key === device.key) + 1;
  const { name } = catalogueRow($type) ?? { name: $type };
  return { ...device, deviceInfo: describe(`${name} ${number}`, deviceInfo.summary) };
}

export * from "./family.ts";
