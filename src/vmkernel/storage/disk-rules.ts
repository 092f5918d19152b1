/**
 * Which disks can be made, and which can be given to a monitor. Pure.
 * Source: docs/decisions/0004: a flat extent is opened as raw, everything else is converted on the way in.
 */
import { type DatastorePath, fileNameOf, formatDatastorePath } from "../../base/index.ts";
import {
  DISK_BYTES_MAX,
  fault,
  formatSpacedUuid,
  growGeometry,
  NO_PARENT,
  SECTOR_BYTES,
  type VmdkCreateType,
  type VmdkDescriptor,
  withChildren,
} from "../../wire/index.ts";
import type { NewDisk } from "../rpc.ts";

const EXTENSION = ".vmdk";
const FLAT_SUFFIX = "-flat.vmdk";
const DELTA_SUFFIX = "-delta.vmdk";

/** Disks whose data lies in a file byte for byte. */
const FLAT_CREATE_TYPES: readonly VmdkCreateType[] = ["vmfs", "vmfsThin", "monolithicFlat", "twoGbMaxExtentFlat"];

/** @throws {Fault} InvalidDatastorePath */
export function checkDiskName(descriptor: DatastorePath): void {
  const name = fileNameOf(descriptor);
  const path = formatDatastorePath(descriptor);
  if (!name.endsWith(EXTENSION) || name === EXTENSION || name.endsWith(FLAT_SUFFIX) || name.endsWith(DELTA_SUFFIX)) {
    const problem = `${path} cannot be a disk's name: it must end with .vmdk, and not with ${FLAT_SUFFIX} or ${DELTA_SUFFIX}.`;
    throw fault("InvalidDatastorePath", problem, {
      datastorePath: path,
    });
  }
}

/** @throws {Fault} InvalidArgument, InvalidDatastorePath */
export function checkNewDisk(descriptor: DatastorePath, disk: NewDisk): void {
  checkDiskName(descriptor);
  checkCapacity(disk.capacityBytes);
  if (!/^[0-9a-f]{32}$/.test(disk.uuid))
    throw fault("InvalidArgument", "A disk's UUID has 32 hex digits.", { invalidProperty: "disk.uuid" });
}

function checkCapacity(capacityBytes: number): void {
  if (!Number.isSafeInteger(capacityBytes) || capacityBytes <= 0 || capacityBytes > DISK_BYTES_MAX || capacityBytes % SECTOR_BYTES !== 0) {
    throw fault("InvalidArgument", `A disk cannot have ${capacityBytes} bytes: whole sectors of 512, at most 62 TB.`, {
      invalidProperty: "disk.capacityBytes",
    });
  }
}

/** @throws {Fault} InvalidArgument for a size that is none, or not more than the disk has */
export function checkExtension(descriptor: VmdkDescriptor, { from, to }: { readonly from: number; readonly to: number }): void {
  checkCapacity(to);
  if (to > from && descriptor.extents.length === 1) return;
  throw fault("InvalidArgument", `The disk has ${from} bytes already: it can only grow.`, { invalidProperty: "newCapacityKb" });
}

/** What of a disk's descriptor is to be other. */
export interface DescriptorChanges {
  /** The name of the one extent, which from now is as ESXi makes it: a whole file. */
  readonly extentFile?: string;
  readonly capacityBytes?: number;
  readonly thin?: boolean;
  readonly adapterType?: string;
  /** 32 hex digits. */
  readonly uuid?: string;
  /** 32 hex digits, for a disk that holds something else from now; the last eight are the CID. */
  readonly longContentId?: string;
}

/** The descriptor of a flat disk with those changes; what it says besides stays. */
export function changeDescriptor(descriptor: VmdkDescriptor, changes: DescriptorChanges): VmdkDescriptor {
  const { extentFile, capacityBytes, thin, adapterType, uuid, longContentId } = changes;
  const { ddb: old } = extentFile === undefined ? descriptor : withChildren(descriptor, []); // children are those of the file
  const ddb = new Map(old);
  if (adapterType !== undefined) ddb.set("adapterType", adapterType);
  if (thin === true) ddb.set("thinProvisioned", "1");
  if (thin === false) ddb.delete("thinProvisioned");
  // NAA identifiers are written with their company id (6000C29) in capitals.
  if (uuid !== undefined) ddb.set("uuid", formatSpacedUuid(uuid).replace(/^60 00 c2/, "60 00 C2"));
  if (longContentId !== undefined) ddb.set("longContentID", longContentId);
  if (capacityBytes !== undefined) {
    for (const [key, value] of Object.entries(growGeometry(descriptor, capacityBytes))) ddb.set(`geometry.${key}`, String(value));
  }
  return {
    ...descriptor,
    ...(extentFile !== undefined && { createType: "vmfs" as const }),
    contentId: longContentId?.slice(-8) ?? descriptor.contentId,
    extents: descriptor.extents.map((extent) => ({
      ...extent,
      ...(extentFile !== undefined && { access: "RW" as const, type: "VMFS" as const, file: extentFile }),
      ...(capacityBytes !== undefined && { sectors: capacityBytes / SECTOR_BYTES }),
    })),
    ddb,
  };
}

/** The name of a new disk's extent. */
export function extentNameOf(descriptor: DatastorePath): string {
  return `${fileNameOf(descriptor).slice(0, -EXTENSION.length)}${FLAT_SUFFIX}`;
}

/** Whether the disk is one file, byte for byte; every other one is converted. */
export function isFlat(descriptor: VmdkDescriptor): boolean {
  const [extent, ...others] = descriptor.extents;
  if (!FLAT_CREATE_TYPES.includes(descriptor.createType) || others.length > 0) return false;
  return (extent?.type === "VMFS" || extent?.type === "FLAT") && extent.offset === 0;
}

/** Whether a monitor can have it as it is: a flat disk, or what a child of this host has of its own. */
export function isNative(descriptor: VmdkDescriptor): boolean {
  return isFlat(descriptor) || descriptor.extents.some(({ type }) => type === "QCOW2");
}

/** The name of the file with what a child has of its own. */
export function deltaNameOf(descriptor: DatastorePath): string {
  return `${fileNameOf(descriptor).slice(0, -EXTENSION.length)}${DELTA_SUFFIX}`;
}

/**
 * @returns the file that is the whole disk, byte for byte
 * @throws {Fault} InvalidDiskFormat for a disk that is anything else
 */
export function flatExtentOf(descriptor: VmdkDescriptor, path: DatastorePath, { writable }: { writable: boolean }): string {
  const refuse = (problem: string) => fault("InvalidDiskFormat", `${formatDatastorePath(path)} ${problem}.`, {});
  if (!FLAT_CREATE_TYPES.includes(descriptor.createType))
    throw refuse(`is a disk of type ${descriptor.createType}; only flat ones are offered`);
  if (descriptor.parentContentId !== NO_PARENT)
    throw refuse("is the child of another disk (a snapshot or a linked clone), which cannot be done to it");
  const [extent, ...others] = descriptor.extents;
  if (extent === undefined || others.length > 0) throw refuse(`has ${descriptor.extents.length} extents; only disks of one are offered`);
  if ((extent.type !== "VMFS" && extent.type !== "FLAT") || extent.file === undefined)
    throw refuse(`has an extent of type ${extent.type}; only flat ones are offered`);
  if (extent.offset !== 0) throw refuse(`has an extent that begins at sector ${extent.offset} of its file; only whole files are offered`);
  if (extent.access === "NOACCESS" || (writable && extent.access !== "RW")) throw refuse(`has an extent whose access is ${extent.access}`);
  return extent.file;
}
