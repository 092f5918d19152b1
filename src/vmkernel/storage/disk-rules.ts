/**
 * Which disks can be made, and which can be given to a monitor. Pure.
 * Source: docs/decisions/0004: a flat extent is opened as raw, everything else is converted on the way in.
 */
import { type DatastorePath, fileNameOf, formatDatastorePath } from "../../base/index.ts";
import { DISK_BYTES_MAX, fault, NO_PARENT, SECTOR_BYTES, type VmdkCreateType, type VmdkDescriptor } from "../../wire/index.ts";
import type { NewDisk } from "../rpc.ts";

const EXTENSION = ".vmdk";
const FLAT_SUFFIX = "-flat.vmdk";

/** Disks whose data lies in a file byte for byte. */
const FLAT_CREATE_TYPES: readonly VmdkCreateType[] = ["vmfs", "vmfsThin", "monolithicFlat", "twoGbMaxExtentFlat"];

/** @throws {Fault} InvalidArgument, InvalidDatastorePath */
export function checkNewDisk(descriptor: DatastorePath, disk: NewDisk): void {
  const name = fileNameOf(descriptor);
  const path = formatDatastorePath(descriptor);
  if (!name.endsWith(EXTENSION) || name === EXTENSION || name.endsWith(FLAT_SUFFIX)) {
    throw fault("InvalidDatastorePath", `${path} cannot be a disk's name: it must end with .vmdk, and not with ${FLAT_SUFFIX}.`, {
      datastorePath: path,
    });
  }
  const { capacityBytes } = disk;
  if (!Number.isSafeInteger(capacityBytes) || capacityBytes <= 0 || capacityBytes > DISK_BYTES_MAX || capacityBytes % SECTOR_BYTES !== 0) {
    throw fault("InvalidArgument", `A disk cannot have ${capacityBytes} bytes: whole sectors of 512, at most 62 TB.`, {
      invalidProperty: "disk.capacityBytes",
    });
  }
  if (!/^[0-9a-f]{32}$/.test(disk.uuid))
    throw fault("InvalidArgument", "A disk's UUID has 32 hex digits.", { invalidProperty: "disk.uuid" });
}

/** The name of a new disk's extent. */
export function extentNameOf(descriptor: DatastorePath): string {
  return `${fileNameOf(descriptor).slice(0, -EXTENSION.length)}${FLAT_SUFFIX}`;
}

/**
 * @returns the file that is the whole disk, byte for byte
 * @throws {Fault} InvalidDiskFormat for a disk that is anything else
 */
export function flatExtentOf(descriptor: VmdkDescriptor, path: DatastorePath, { writable }: { writable: boolean }): string {
  const refuse = (problem: string) => fault("InvalidDiskFormat", `${formatDatastorePath(path)} ${problem}.`, {});
  if (!FLAT_CREATE_TYPES.includes(descriptor.createType))
    throw refuse(`is a disk of type ${descriptor.createType}; only flat ones can be attached`);
  if (descriptor.parentContentId !== NO_PARENT)
    throw refuse("is the child of another disk (a snapshot or a linked clone), which can't be attached yet");
  const [extent, ...others] = descriptor.extents;
  if (extent === undefined || others.length > 0)
    throw refuse(`has ${descriptor.extents.length} extents; only disks of one can be attached`);
  if ((extent.type !== "VMFS" && extent.type !== "FLAT") || extent.file === undefined)
    throw refuse(`has an extent of type ${extent.type}; only flat ones can be attached`);
  if (extent.offset !== 0)
    throw refuse(`has an extent that begins at sector ${extent.offset} of its file; only whole files can be attached`);
  if (extent.access === "NOACCESS" || (writable && extent.access !== "RW")) throw refuse(`has an extent whose access is ${extent.access}`);
  return extent.file;
}
