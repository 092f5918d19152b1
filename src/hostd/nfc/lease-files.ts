/** The files of a VM as a lease names them: its disks in their order, and images of CDs that come with it. Pure. */
import { type DatastorePath, fileNameOf, formatDatastorePath } from "../../base/index.ts";
import type { VirtualDevice, VirtualMachineConfigInfo } from "../../wire/index.ts";
import { deviceIdIn } from "../ovf/device-id.ts";
import { descriptorOf } from "../vm-config/index.ts";
import type { LeaseFile } from "./lease.ts";

export interface VmFilesQuestion {
  readonly id: string;
  readonly name: string;
  readonly config: VirtualMachineConfigInfo;
  /** Of a disk, by its descriptor. */
  readonly diskOf: (descriptor: DatastorePath) => { readonly capacityBytes: number; readonly eager: boolean } | undefined;
}

/** Every disk of the VM that is in a datastore of this host. */
export function diskFilesOf(question: VmFilesQuestion): LeaseFile[] {
  const { config, diskOf } = question;
  const devices = config.hardware.device ?? [];
  const disks = devices.flatMap((device) => {
    const descriptor = device.$type === "VirtualDisk" ? descriptorOf(device) : undefined;
    const disk = descriptor === undefined ? undefined : diskOf(descriptor);
    return descriptor === undefined || disk === undefined ? [] : [{ device, descriptor, disk }];
  });
  return disks.map(({ device, descriptor, disk }, index) => ({
    name: `disk-${index}.vmdk`,
    ...keysOf(question, device),
    content: { kind: "disk", descriptor, ...disk },
  }));
}

/** @param images of CDs that are to lie beside the VM, and of which nothing is there yet */
export function imageFilesOf(question: VmFilesQuestion, images: readonly DatastorePath[]): LeaseFile[] {
  const { config } = question;
  return (config.hardware.device ?? []).flatMap((device): LeaseFile[] => {
    const { $type, fileName } = (device.backing ?? {}) as { readonly $type?: string; readonly fileName?: string };
    if (device.$type !== "VirtualCdrom" || $type !== "VirtualCdromIsoBackingInfo" || fileName === undefined) return [];
    const path = images.find((image) => formatDatastorePath(image) === fileName);
    return path === undefined ? [] : [{ name: fileNameOf(path), ...keysOf(question, device), content: { kind: "file", path } }];
  });
}

function keysOf({ id, name, config }: VmFilesQuestion, device: VirtualDevice): Pick<LeaseFile, "key" | "importKey"> {
  const devices = config.hardware.device ?? [];
  return { key: deviceIdIn(devices, device, id), importKey: deviceIdIn(devices, device, name) };
}
