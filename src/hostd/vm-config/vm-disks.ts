/** The disks of a VM as its snapshots name them: by their place in its .vmx. Pure. */
import type { DatastorePath } from "../../base/index.ts";
import { readVmx, type VirtualDisk, type VirtualDiskFlatVer2BackingInfo, type Vmx } from "../../wire/index.ts";
import { familyOf, readDevices } from "./devices/index.ts";
import { descriptorOf } from "./new-disks.ts";
import type { VmPlace } from "./place.ts";

export interface VmDisk {
  /** "scsi0:1": what its keys begin with. */
  readonly node: string;
  readonly key: number;
  readonly descriptor: DatastorePath;
  /** As the .vmx names it. */
  readonly file: string;
  readonly mode: string;
}

/** Those that lie in datastores of this host. */
export function vmDisksOf(vmx: Vmx, place: VmPlace): readonly VmDisk[] {
  return readDevices(vmx, { ...place, disks: new Map() }).flatMap((device) => {
    const descriptor = device.$type === "VirtualDisk" ? descriptorOf(device) : undefined;
    if (descriptor === undefined) return [];
    const node = familyOf(device).prefixOf(device);
    const { diskMode } = (device as VirtualDisk).backing as VirtualDiskFlatVer2BackingInfo;
    return [{ node, key: device.key, descriptor, file: readVmx(vmx, `${node}.fileName`) ?? "", mode: diskMode }];
  });
}
