/** Disks that a client adds or changes: which file each has, and which are to be made. Pure. */
import { type DatastorePath, formatDatastorePath } from "../../base/index.ts";
import type { VirtualDevice, VirtualDeviceConfigSpec, VirtualDisk } from "../../wire/index.ts";
import { type Draft, disksOf } from "./device-draft.ts";
import { capacityBytesOf } from "./devices/disk.ts";
import { familyOf, invalidDevice, labelOf } from "./devices/index.ts";
import { parseCapacity, parseDiskFile, planNewDisk } from "./new-disks.ts";

/** The added disk with its file: a new one to be made, or one that is there. */
export function planDisk(draft: Draft, { fileOperation }: VirtualDeviceConfigSpec, placed: VirtualDevice, index: number): VirtualDevice {
  const { place, isTaken, random } = draft.question;
  // The kind of disk is checked before a file is planned for it.
  const accepted = familyOf(placed).accept(placed, { index, place }) as VirtualDisk;
  const name = (accepted.backing as { fileName?: string }).fileName ?? "";
  if (fileOperation === undefined) {
    const descriptor = parseDiskFile(name, place);
    requireOwnFile(draft, descriptor, index);
    draft.disksToAttach.push(descriptor);
    return withFile(placed, descriptor);
  }
  if (fileOperation === "destroy") throw invalidDevice({ index }, "A device that comes cannot have its file removed.", "fileOperation");
  const inPlan = (file: DatastorePath) => disksOf(draft).includes(formatDatastorePath(file));
  const files = { place, random, isTaken: (file: DatastorePath) => inPlan(file) || isTaken(file) };
  const { descriptor, disk, parent } = planNewDisk(placed, files, index);
  requireOwnFile(draft, descriptor, index);
  if (parent !== undefined) draft.disksToAttach.push(parent);
  draft.disksToCreate.push({ descriptor, disk, ...(parent && { parent }), replaces: fileOperation === "replace" });
  return withFile({ ...placed, capacityInKB: disk.capacityBytes / 1024, capacityInBytes: disk.capacityBytes } as VirtualDisk, descriptor);
}

/** The changed disk: it may be larger, or its file another one that is there. */
export function editDisk(draft: Draft, existing: VirtualDevice, placed: VirtualDevice, index: number): VirtualDevice {
  const { place } = draft.question;
  const before = existing as VirtualDisk;
  const after = placed as VirtualDisk;
  // A client that gives one of the two sizes means that one.
  const asked = after.capacityInKB !== before.capacityInKB ? after.capacityInKB * 1024 : capacityBytesOf(after);
  const known = before.capacityInBytes ?? before.capacityInKB * 1024;
  if (known > 0 && asked > 0 && asked < known)
    throw invalidDevice({ index }, `${labelOf(existing)} has ${known / 1024} KB, and a disk only grows.`, "capacityInKB");
  const name = (after.backing as { fileName?: string } | undefined)?.fileName ?? "";
  const current = (before.backing as { fileName?: string } | undefined)?.fileName ?? "";
  if (name === "" || name === current) {
    const descriptor = parseDiskFile(current, place);
    const capacityBytes = known > 0 && asked > known ? parseCapacity(asked, index) : known;
    if (capacityBytes > known) draft.disksToExtend.push({ descriptor, capacityBytes });
    return withFile({ ...after, capacityInKB: capacityBytes / 1024, capacityInBytes: capacityBytes } as VirtualDisk, descriptor);
  }
  if (known > 0 && asked > known)
    throw invalidDevice({ index }, `${labelOf(existing)} cannot get another file and grow in one change.`, "capacityInKB");
  const descriptor = parseDiskFile(name, place);
  requireOwnFile(draft, descriptor, index);
  draft.disksToAttach.push(descriptor);
  return withFile(after, descriptor);
}

/** One disk of a VM twice would be two writers of one file. */
function requireOwnFile(draft: Draft, descriptor: DatastorePath, index: number): void {
  if (!disksOf(draft).includes(formatDatastorePath(descriptor))) return;
  throw invalidDevice({ index }, `The VM has the disk ${formatDatastorePath(descriptor)} already.`, "backing.fileName");
}

function withFile(device: VirtualDevice, descriptor: DatastorePath): VirtualDevice {
  return { ...device, backing: { ...device.backing, fileName: formatDatastorePath(descriptor) } as NonNullable<VirtualDevice["backing"]> };
}
