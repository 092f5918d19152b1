/** Which disks of a running machine go on in other files. Pure. */
import { isDeepStrictEqual } from "node:util";
import { type DatastorePath, formatDatastorePath } from "../base/index.ts";
import { fault } from "../wire/index.ts";
import type { MachineSpec } from "./machine.ts";

export interface PlannedTop {
  readonly key: number;
  readonly below: DatastorePath;
  readonly top: DatastorePath;
}

/** @throws {Fault} InvalidArgument when the wanted machine is other in anything but the descriptors of its disks, or in none of them */
export function planTops(current: MachineSpec, wanted: MachineSpec): readonly PlannedTop[] {
  const refuse = (because: string) =>
    fault("InvalidArgument", `A snapshot of ${current.name}: ${because}.`, { invalidProperty: "machine" });
  const tops = current.devices.flatMap((device): PlannedTop[] => {
    const after = wanted.devices.find(({ key }) => key === device.key);
    if (isDeepStrictEqual(device, after)) return [];
    if (device.kind !== "disk" || after?.kind !== "disk" || !isDeepStrictEqual({ ...device, descriptor: after.descriptor }, after))
      throw refuse(`the device ${device.kind} ${device.key} would be another`);
    if (device.mode !== "persistent") throw refuse(`the disk ${device.key} is ${device.mode}, and no part of snapshots`);
    return [{ key: device.key, below: device.descriptor, top: after.descriptor }];
  });
  if (wanted.devices.length !== current.devices.length) throw refuse("it would have other devices");
  const names = tops.map(({ top }) => formatDatastorePath(top));
  if (new Set(names).size !== names.length) throw refuse("two disks would go on in one file");
  return tops;
}
