/** The plan of device changes while it is made: devices by key, the .vmx so far, and the disks to come and go. Pure. */
import { type DatastorePath, formatDatastorePath } from "../../base/index.ts";
import type { NewDisk } from "../../vmkernel/index.ts";
import {
  fault,
  updateVmx,
  type VirtualDevice,
  type VirtualDeviceConfigSpec,
  type VirtualEthernetCard,
  type Vmx,
  vmxKeys,
} from "../../wire/index.ts";
import { familyOf } from "./devices/index.ts";
import { descriptorOf } from "./new-disks.ts";
import type { VmPlace } from "./place.ts";

export interface DeviceQuestion {
  readonly vmx: Vmx;
  /** The VM's devices as they are now. */
  readonly devices: readonly VirtualDevice[];
  readonly changes: readonly VirtualDeviceConfigSpec[];
  readonly place: VmPlace;
  readonly biosUuid: string;
  /** MAC addresses of the host's other VMs, lower case. */
  readonly macsInUse: ReadonlySet<string>;
  /** Whether a file is there already: a new disk without a name of its own gets another. */
  readonly isTaken: (file: DatastorePath) => boolean;
  readonly random: (bytes: number) => Uint8Array;
}

export interface DiskToCreate {
  readonly descriptor: DatastorePath;
  readonly disk: NewDisk;
  /** What it is to be a child of: then its size and kind are the parent's. */
  readonly parent?: DatastorePath;
  /** A disk of that name is to be deleted first, if there is one. */
  readonly replaces: boolean;
}

export interface DiskToExtend {
  readonly descriptor: DatastorePath;
  readonly capacityBytes: number;
}

export interface DevicePlan {
  readonly vmx: Vmx;
  readonly devices: readonly VirtualDevice[];
  readonly disksToCreate: readonly DiskToCreate[];
  /** Disks that must be there, and be disks, for the plan to make sense. */
  readonly disksToAttach: readonly DatastorePath[];
  /** To be made larger. */
  readonly disksToExtend: readonly DiskToExtend[];
  /** To be deleted when the new .vmx is in place. */
  readonly disksToDelete: readonly DatastorePath[];
  /** The key of the device that each change is about, by the change's index. */
  readonly keyOfChange: ReadonlyMap<number, number>;
}

/** The plan while it is made. */
export interface Draft {
  readonly question: DeviceQuestion;
  vmx: Vmx;
  readonly devices: Map<number, VirtualDevice>;
  readonly links: Map<number, number>;
  readonly disksToCreate: DiskToCreate[];
  readonly disksToAttach: DatastorePath[];
  readonly disksToExtend: DiskToExtend[];
  readonly disksToDelete: DatastorePath[];
  readonly keyOfChange: Map<number, number>;
}

export function requireDevice(draft: Draft, key: number, index: number): VirtualDevice {
  const device = draft.devices.get(key);
  if (device !== undefined) return device;
  const message = `Invalid configuration for device '${index}'. The VM has no device ${key}.`;
  throw fault("DeviceNotFound", message, { deviceIndex: index, property: "virtualDeviceSpec.device.key" });
}

export function keep(draft: Draft, device: VirtualDevice, index: number): void {
  const family = familyOf(device);
  const accepted = family.accept(device, { index, place: draft.question.place, before: draft.devices.get(device.key) });
  draft.devices.set(accepted.key, accepted);
  draft.keyOfChange.set(index, accepted.key);
  draft.vmx = updateVmx(draft.vmx, family.write(accepted, draft.question.place));
}

/** The files of all disks, as clients name them. */
export function disksOf(draft: Draft): string[] {
  return [...draft.devices.values()].flatMap((device) => {
    const file = descriptorOf(device);
    return file === undefined ? [] : [formatDatastorePath(file)];
  });
}

/** The MAC addresses of all adapters but one. */
export function macsOf(draft: Draft, exceptKey?: number): string[] {
  return [...draft.devices.values()].flatMap((device) => {
    const mac = (device as VirtualEthernetCard).macAddress;
    return mac === undefined || device.key === exceptKey ? [] : [mac.toLowerCase()];
  });
}

/** Takes out all that the .vmx has about the device at `prefix`. */
export function clearKeys(draft: Draft, prefix: string): void {
  draft.vmx = updateVmx(draft.vmx, Object.fromEntries(keysOf(draft, prefix).map((key) => [key, undefined])));
}

/** The keys of the device that stands at `prefix`, its scheduling among them. */
export function keysOf({ vmx }: Draft, prefix: string): string[] {
  const begins = [`${prefix}.`, `sched.${prefix}.`].map((text) => text.toLowerCase());
  return prefix === "" ? [] : vmxKeys(vmx).filter((key) => begins.some((begin) => key.toLowerCase().startsWith(begin)));
}
