/**
 * What clients say of a virtual disk and what it is called here: kinds of disks, adapters, sizes, UUIDs. Pure.
 * Source: vim25 VirtualDiskSpec, VirtualDiskType, VirtualDiskAdapterType.
 */
import type { AdapterType, DiskCopy, DiskDescription, HostedFormat, NewDisk } from "../../vmkernel/index.ts";
import {
  type FileBackedVirtualDiskSpec,
  fault,
  formatSpacedUuid,
  isSubtype,
  parseCanonicalUuid,
  parseSpacedUuid,
  type VirtualDiskSpec,
} from "../../wire/index.ts";

type Provisioning = NewDisk["provisioning"];

/** "thick" may hold what was there before by its documentation; here it never does. */
const PROVISIONING: ReadonlyMap<string, Provisioning> = new Map([
  ["thin", "thin"],
  ["preallocated", "thick"],
  ["thick", "thick"],
  ["eagerZeroedThick", "eagerZeroedThick"],
]);
/** What only a copy is made as: vim25 has it «only applicable as a destination format in a clone operation». */
const COPIES_ONLY: ReadonlyMap<string, HostedFormat> = new Map([
  ["sparseMonolithic", "monolithicSparse"],
  ["flatMonolithic", "monolithicFlat"],
  ["sparse2Gb", "twoGbMaxExtentSparse"],
  ["thick2Gb", "twoGbMaxExtentFlat"],
]);
/** Kinds that the schema knows and this host does not make. */
const NOT_OFFERED: ReadonlySet<string> = new Set(["seSparse", "rdm", "rdmp", "raw", "delta"]);
const ADAPTERS: ReadonlyMap<string, AdapterType> = new Map([
  ["lsiLogic", "lsilogic"],
  ["busLogic", "buslogic"],
  ["ide", "ide"],
]);
const DISK_KB = { min: 1, max: 62 * 1024 ** 3 }; // up to vSphere's largest disk: 62 TB

/** A disk to be made. @throws {Fault} InvalidArgument, NotSupported */
export function parseNewDiskSpec(spec: VirtualDiskSpec): Omit<NewDisk, "uuid"> {
  const at = "spec";
  refuseOtherSpecs(spec, at);
  if (spec.$type === undefined || !isSubtype(spec.$type, "FileBackedVirtualDiskSpec")) {
    throw fault("InvalidArgument", "The specification says no capacity: it must be a FileBackedVirtualDiskSpec.", { invalidProperty: at });
  }
  const { capacityKb } = spec as FileBackedVirtualDiskSpec;
  return { capacityBytes: parseCapacityKb(capacityKb, `${at}.capacityKb`), ...kindOf(spec, at) };
}

/** A copy that becomes another kind of disk; what a client leaves out stays as it is. @throws {Fault} InvalidArgument, NotSupported */
export function parseCopySpec(spec: VirtualDiskSpec | undefined): Omit<DiskCopy, "uuid"> {
  if (spec === undefined) return {};
  refuseOtherSpecs(spec, "destSpec");
  const format = COPIES_ONLY.get(spec.diskType);
  if (format !== undefined) return { format, adapterType: adapterOf(spec, "destSpec") };
  return kindOf(spec, "destSpec");
}

/** @returns bytes */
export function parseCapacityKb(capacityKb: number, at: string): number {
  if (capacityKb >= DISK_KB.min && capacityKb <= DISK_KB.max) return capacityKb * 1024;
  throw fault("InvalidArgument", `A disk cannot have ${capacityKb} KB: at least 1 KB, at most 62 TB.`, { invalidProperty: at });
}

/** As clients write one: "60 00 C2 9x …-…", 8-4-4-4-12, or 32 digits. @returns 32 hex digits @throws {Fault} InvalidArgument */
export function parseDiskUuid(text: string): string {
  const plain = /^[0-9a-f]{32}$/i.test(text) ? text.toLowerCase() : undefined;
  const uuid = plain ?? parseSpacedUuid(text) ?? parseCanonicalUuid(text);
  if (uuid !== undefined) return uuid;
  throw fault("InvalidArgument", `'${text}' is no UUID of a disk: 16 bytes, as "60 00 C2 9f …-…".`, { invalidProperty: "uuid" });
}

/** As ESXi answers it, with the company id in capitals. */
export function formatDiskUuid(uuid: string): string {
  return formatSpacedUuid(uuid).replace(/^60 00 c2/, "60 00 C2");
}

/** vim25 VirtualDiskType of disks that other products made; of one that is stream-optimized it says what is nearest. */
const FOREIGN_TYPES: ReadonlyMap<string, string> = new Map([
  ["monolithicSparse", "sparseMonolithic"],
  ["streamOptimized", "sparseMonolithic"],
  ["twoGbMaxExtentSparse", "sparse2Gb"],
  ["twoGbMaxExtentFlat", "thick2Gb"],
  ["vmfsSparse", "delta"],
]);

/** vim25 VirtualDiskType of a disk that is there. */
export function diskTypeOf({ provisioning, foreign }: Pick<DiskDescription, "provisioning" | "foreign">): string {
  const other = foreign === undefined ? undefined : FOREIGN_TYPES.get(foreign);
  if (other !== undefined) return other;
  return provisioning === "thick" ? "preallocated" : provisioning;
}

function kindOf(spec: VirtualDiskSpec, at: string): { readonly provisioning: Provisioning; readonly adapterType: AdapterType } {
  const { diskType } = spec;
  const provisioning = PROVISIONING.get(diskType);
  if (provisioning === undefined) {
    if (COPIES_ONLY.has(diskType))
      throw fault("NotSupported", `Disks of type ${diskType} are made as copies alone: CopyVirtualDisk_Task makes them.`, {});
    if (NOT_OFFERED.has(diskType)) throw fault("NotSupported", `Disks of type ${diskType} are not supported on this host.`, {});
    throw fault("InvalidArgument", `There is no disk type '${diskType}'.`, { invalidProperty: `${at}.diskType` });
  }
  return { provisioning, adapterType: adapterOf(spec, at) };
}

function adapterOf({ adapterType }: VirtualDiskSpec, at: string): AdapterType {
  const adapter = ADAPTERS.get(adapterType);
  if (adapter !== undefined) return adapter;
  throw fault("InvalidArgument", `There is no adapter type '${adapterType}'.`, { invalidProperty: `${at}.adapterType` });
}

function refuseOtherSpecs(spec: VirtualDiskSpec, at: string): void {
  if (spec.$type === "DeviceBackedVirtualDiskSpec")
    throw fault("NotSupported", "Disks that stand for a device (DeviceBackedVirtualDiskSpec) are not supported on this host.", {});
  if (spec.$type === "SeSparseVirtualDiskSpec") throw fault("NotSupported", "Disks of type seSparse are not supported on this host.", {});
  if ((spec as FileBackedVirtualDiskSpec).crypto !== undefined)
    throw fault("NotSupported", `${at}.crypto: encrypted disks are not supported on this host.`, {});
}
