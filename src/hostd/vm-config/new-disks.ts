/**
 * The files of disks that a client adds: their names, sizes and kinds. Pure.
 * Source: vim25 VirtualDeviceConfigSpec.fileOperation, VirtualDiskFlatVer2BackingInfo; ESXi's VM files.
 */
import { type DatastorePath, fileNameOf, folderOf, formatDatastorePath, inFolder, parseDatastorePath } from "../../base/index.ts";
import type { NewDisk } from "../../vmkernel/index.ts";
import { fault, parseCanonicalUuid, type VirtualDevice, type VirtualDisk } from "../../wire/index.ts";
import { capacityBytesOf, nodeOf } from "./devices/disk.ts";
import { backingOf, invalidDevice } from "./devices/index.ts";
import { DISK_BYTES } from "./limits.ts";
import { baseNameOf, parseClientFile, type VmPlace } from "./place.ts";

const NAMES_MAX = 1000; // name.vmdk, name_1.vmdk …: far more than a VM's disks

export interface DiskFiles {
  readonly place: VmPlace;
  /** Whether a file of that path is there or will be. */
  isTaken(file: DatastorePath): boolean;
  random(bytes: number): Uint8Array;
}

/** @throws {Fault} InvalidDatastorePath, InvalidDatastore, InvalidDeviceSpec */
export function planNewDisk(
  device: VirtualDevice,
  files: DiskFiles,
  index: number,
): { readonly descriptor: DatastorePath; readonly disk: NewDisk; readonly parent?: DatastorePath } {
  const backing = backingOf(device, "VirtualDiskFlatVer2BackingInfo");
  if (backing?.parent !== undefined)
    return planChildDisk(device, backing.fileName, parseDiskFile(backing.parent.fileName, files.place), files);
  const capacityBytes = parseCapacity(capacityBytesOf(device as VirtualDisk), index);
  return {
    descriptor: nameNewDisk(backing?.fileName ?? "", files),
    disk: {
      capacityBytes,
      provisioning: backing?.thinProvisioned === true ? "thin" : backing?.eagerlyScrub === true ? "eagerZeroedThick" : "thick",
      adapterType: nodeOf(device).bus === "ide" ? "ide" : "lsilogic",
      uuid: parseCanonicalUuid(backing?.uuid ?? "") ?? makeDiskUuid(files),
    },
  };
}

/** A linked clone: another disk to its guest, so it has a UUID of its own. */
function planChildDisk(device: VirtualDevice, name: string, parent: DatastorePath, files: DiskFiles) {
  const capacityBytes = capacityBytesOf(device as VirtualDisk);
  const disk = { capacityBytes, provisioning: "thin", adapterType: "lsilogic", uuid: makeDiskUuid(files) } as const;
  return { descriptor: nameNewDisk(name, files), disk, parent };
}

/** The descriptor of a disk that is there already. */
export function parseDiskFile(text: string, place: VmPlace): DatastorePath {
  const file = parseClientFile(text, place);
  if (!isDescriptorName(file)) throw noDiskName(file);
  return file;
}

/** A client names the file, or the datastore alone ("[datastore2]"), or nothing. */
function nameNewDisk(text: string, files: DiskFiles): DatastorePath {
  const home = folderOf(files.place.vmxPath);
  const given = text.trim() === "" ? home : parseClientFile(text.trim(), files.place);
  if (isDescriptorName(given)) return given;
  if (text.trim() !== "" && given.path !== "") throw noDiskName(given);
  // In another datastore the VM has no folder: the disk lies at its root, named after the VM.
  const folder = given.datastore === home.datastore ? home : given;
  const base = baseNameOf(files.place);
  for (let number = 0; number < NAMES_MAX; number++) {
    const file = inFolder(folder, number === 0 ? `${base}.vmdk` : `${base}_${number}.vmdk`);
    if (!files.isTaken(file)) return file;
  }
  throw fault("FileAlreadyExists", `There are ${NAMES_MAX} disks named after ${base} already.`, {
    file: formatDatastorePath(inFolder(folder, `${base}.vmdk`)),
  });
}

function isDescriptorName(file: DatastorePath): boolean {
  return /[^/]\.vmdk$/.test(file.path) && !/-(flat|delta)\.vmdk$/.test(fileNameOf(file));
}

function noDiskName(file: DatastorePath) {
  const path = formatDatastorePath(file);
  return fault(
    "InvalidDatastorePath",
    `Invalid datastore path '${path}': a disk's name ends with .vmdk, and not with -flat.vmdk or -delta.vmdk.`,
    {
      datastorePath: path,
    },
  );
}

/** 16 bytes that begin with VMware's company id, as NAA identifiers do. */
export function makeDiskUuid({ random }: Pick<DiskFiles, "random">): string {
  return `6000c29${Buffer.from(random(13)).toString("hex").slice(0, 25)}`;
}

/** The descriptor that a disk of the VM has; undefined where it is in no datastore of this host. */
export function descriptorOf(device: VirtualDevice): DatastorePath | undefined {
  return parseDatastorePath(backingOf(device, "VirtualDiskFlatVer2BackingInfo")?.fileName ?? "");
}

/** In whole kibibytes. */
export function parseCapacity(asked: number, index: number): number {
  const capacityBytes = Math.ceil(asked / DISK_BYTES.step) * DISK_BYTES.step;
  if (capacityBytes >= DISK_BYTES.min && capacityBytes <= DISK_BYTES.max) return capacityBytes;
  throw invalidDevice({ index }, `A disk cannot have ${asked} bytes: at least 1 KB, at most 62 TB.`, "capacityInKB");
}
