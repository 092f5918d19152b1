/** Virtual disks. Pure. */
import { assert, formatDatastorePath, parseDatastorePath } from "../../../base/index.ts";
import type { DeviceSpec, DiskDescription } from "../../../vmkernel/index.ts";
import {
  fault,
  formatCanonicalUuid,
  readVmx,
  type StorageIOAllocationInfo,
  type VirtualDevice,
  type VirtualDisk,
  type VirtualDiskFlatVer2BackingInfo,
  type Vmx,
  type VmxChanges,
} from "../../../wire/index.ts";
import { type Codec, choice, definedOf, type Fields, invalidArgument, readFields, writeFields } from "../fields.ts";
import { allNodes, type Node, nodeAt } from "../limits.ts";
import { fileOnHost, nameFile, resolveFile, showFile } from "../place.ts";
import { DISK_SHARES, limit, shares } from "../shares.ts";
import {
  backingNotSupported,
  backingOf,
  type DeviceFamily,
  describe,
  deviceNotSupported,
  invalidBacking,
  isPresent,
  labelOf,
  type Reading,
  readFlag,
  type Wish,
} from "./family.ts";

const modes: Codec<string> = choice({
  persistent: "persistent",
  independent_persistent: "independent-persistent",
  independent_nonpersistent: "independent-nonpersistent",
  nonpersistent: "nonpersistent",
  undoable: "undoable",
  append: "append",
});
const MACHINE_MODES = ["persistent", "independent_persistent", "independent_nonpersistent"] as const;
const IOPS_MIN = 16; // vim25 StorageIOAllocationInfo.limit

export const diskFamily: DeviceFamily = {
  read: (vmx, reading) =>
    allNodes.filter(({ prefix }) => isPresent(vmx, prefix) && kindAt(vmx, prefix) === "disk").map((node) => readDisk(vmx, node, reading)),
  accept: acceptDisk,
  write: (device, place) => {
    const disk = device as VirtualDisk;
    const { bus, prefix } = nodeOf(device);
    const backing = flatBackingOf(device);
    const file = parseDatastorePath(backing.fileName);
    const mode = modes.write(backing.diskMode);
    return {
      [`${prefix}.present`]: "TRUE",
      [`${prefix}.deviceType`]: bus === "scsi" ? "scsi-hardDisk" : "disk",
      ...(file !== undefined && { [`${prefix}.fileName`]: nameFile(file, place) }),
      [`${prefix}.mode`]: mode === "persistent" ? undefined : mode, // ESXi leaves out what goes without saying
      [`${prefix}.writeThrough`]: backing.writeThrough === true ? "TRUE" : undefined,
      ...writeAllocation(prefix, disk.storageIOAllocation),
    };
  },
  prefixOf: (device) => nodeOf(device).prefix,
  toMachine: (device, place): DeviceSpec => {
    const backing = flatBackingOf(device);
    const descriptor = fileOnHost(backing.fileName, place);
    const mode = MACHINE_MODES.find((candidate) => candidate === backing.diskMode);
    if (mode === undefined) throw modeNotSupported(device, backing.diskMode);
    if (backing.sharing === "sharingMultiWriter")
      throw backingNotSupported(device, "disks that several VMs write are not offered on this host");
    if (descriptor === undefined) {
      throw fault("FileNotFound", `${labelOf(device)}: the file ${backing.fileName} is in no datastore of this host`, {
        file: backing.fileName,
      });
    }
    const { controllerKey, unit, key } = nodeOf(device);
    return { kind: "disk", key, controllerKey, unit, descriptor, mode, ...allocationOf(device as VirtualDisk) };
  },
};

function allocationOf({ storageIOAllocation }: VirtualDisk): Pick<Extract<DeviceSpec, { kind: "disk" }>, "iopsMax" | "ioShares"> {
  const { limit = -1, shares: { shares: ioShares } = { shares: DISK_SHARES.normal } } = storageIOAllocation ?? {};
  return { ...(limit !== -1 && { iopsMax: limit }), ...(ioShares !== DISK_SHARES.normal && { ioShares }) };
}

/** What is at a node: the .vmx tells by deviceType, and old ones by nothing where it is a disk. */
export function kindAt(vmx: Vmx, prefix: string): "disk" | "cdrom" | "passthrough" {
  const type = readVmx(vmx, `${prefix}.deviceType`)?.toLowerCase() ?? "";
  if (type.includes("cdrom")) return "cdrom";
  return type === "scsi-passthru" || type === "rawdisk" ? "passthrough" : "disk";
}

export function nodeOf({ controllerKey, unitNumber, key }: VirtualDevice): Node {
  const node = nodeAt(controllerKey ?? -1, unitNumber ?? -1);
  assert(node !== undefined, `device ${key} has its place`);
  return node;
}

function readDisk(vmx: Vmx, node: Node, reading: Reading): VirtualDisk {
  const { prefix } = node;
  const name = readVmx(vmx, `${prefix}.fileName`) ?? "";
  const file = resolveFile(name, reading);
  const known = file === undefined ? undefined : reading.disks.get(formatDatastorePath(file));
  const backing: VirtualDiskFlatVer2BackingInfo = {
    $type: "VirtualDiskFlatVer2BackingInfo",
    fileName: showFile(name, reading),
    diskMode: modes.read(readVmx(vmx, `${prefix}.mode`) ?? "") ?? "persistent",
    split: false,
    writeThrough: readFlag(vmx, `${prefix}.writeThrough`, false),
    ...(known && {
      thinProvisioned: known.provisioning === "thin",
      ...(known.provisioning === "eagerZeroedThick" && { eagerlyScrub: true }),
      uuid: formatCanonicalUuid(known.uuid).replace(/^6000c29/, "6000C29"),
      contentId: known.contentId,
      ...parentsOf(known),
    }),
    digestEnabled: false,
    sharing: readVmx(vmx, `${prefix}.sharing`)?.toLowerCase() === "multi-writer" ? "sharingMultiWriter" : "sharingNone",
  };
  const { key, controllerKey, unit } = node;
  return {
    ...makeDisk({ key, controllerKey, unitNumber: unit }, known?.capacityBytes ?? 0),
    backing,
    ...allocationAs(readAllocation(vmx, prefix)),
  };
}

/** A disk of that size; its label is given where all of them are numbered. */
function makeDisk(at: { key: number; controllerKey: number; unitNumber: number }, capacityInBytes: number): VirtualDisk {
  const capacityInKB = Math.trunc(capacityInBytes / 1024);
  const deviceInfo = describe("Hard disk", `${capacityInKB.toLocaleString("en-US")} KB`);
  return { $type: "VirtualDisk", ...at, deviceInfo, capacityInKB, capacityInBytes, nativeUnmanagedLinkedClone: false };
}

function acceptDisk(device: VirtualDevice, wish: Wish): VirtualDisk {
  const disk = device as VirtualDisk;
  if (disk.backing === undefined) throw invalidBacking(wish, "A disk needs a backing.");
  const backing = backingOf(device, "VirtualDiskFlatVer2BackingInfo");
  if (backing === undefined) throw backingNotSupported(device, `disks of type ${disk.backing.$type} are not offered on this host`);
  if (backing.sharing !== undefined && backing.sharing !== "sharingNone")
    throw backingNotSupported(device, "disks that several VMs write are not offered on this host");
  if (modes.write(backing.diskMode) === undefined) throw invalidBacking(wish, `There is no disk mode '${backing.diskMode}'.`);
  if (!MACHINE_MODES.some((mode) => mode === backing.diskMode)) throw modeNotSupported(device, backing.diskMode);
  const { key, controllerKey, unit } = nodeOf(device);
  const allocation = { ...defaultIo, ...definedOf(disk.storageIOAllocation ?? {}) };
  return {
    ...makeDisk({ key, controllerKey, unitNumber: unit }, capacityBytesOf(disk)),
    backing: {
      $type: "VirtualDiskFlatVer2BackingInfo",
      fileName: backing.fileName,
      diskMode: backing.diskMode,
      split: false,
      writeThrough: backing.writeThrough ?? false,
      ...(backing.thinProvisioned !== undefined && { thinProvisioned: backing.thinProvisioned }),
      ...(backing.uuid !== undefined && { uuid: backing.uuid }),
      ...(backing.contentId !== undefined && { contentId: backing.contentId }),
      digestEnabled: false,
      sharing: "sharingNone",
    } as VirtualDiskFlatVer2BackingInfo,
    ...allocationAs(allocation),
  };
}

/** The disks that it descends from, each the backing of the one before. */
function parentsOf({ parents }: Pick<DiskDescription, "parents">): Pick<VirtualDiskFlatVer2BackingInfo, "parent"> {
  const [parent, ...others] = parents;
  if (parent === undefined) return {};
  const backing = { $type: "VirtualDiskFlatVer2BackingInfo", fileName: formatDatastorePath(parent), diskMode: "persistent" } as const;
  return { parent: { ...backing, ...parentsOf({ parents: others }) } };
}

/** What the client asks for: bytes where it says them, else KB. */
export function capacityBytesOf({ capacityInBytes, capacityInKB }: VirtualDisk): number {
  return capacityInBytes !== undefined && capacityInBytes > 0 ? capacityInBytes : capacityInKB * 1024;
}

function flatBackingOf(device: VirtualDevice): VirtualDiskFlatVer2BackingInfo {
  const backing = backingOf(device, "VirtualDiskFlatVer2BackingInfo");
  if (backing === undefined) throw deviceNotSupported(device, "it is no flat disk");
  return backing;
}

function modeNotSupported(device: VirtualDevice, mode: string) {
  return fault("VirtualDiskModeNotSupported", `${labelOf(device)} cannot have the mode ${mode} on this host.`, {
    device: labelOf(device),
    mode,
  });
}

const defaultIo: StorageIOAllocationInfo = {
  $type: "StorageIOAllocationInfo",
  limit: -1,
  shares: { $type: "SharesInfo", shares: DISK_SHARES.normal, level: "normal" },
  reservation: 0,
};

function ioFields(prefix: string): Fields<StorageIOAllocationInfo> {
  return {
    limit: { key: `sched.${prefix}.throughputCap`, codec: limit("off", IOPS_MIN) },
    shares: { key: `sched.${prefix}.shares`, codec: shares(DISK_SHARES) },
  };
}

function readAllocation(vmx: Vmx, prefix: string): StorageIOAllocationInfo {
  return { ...defaultIo, ...readFields(ioFields(prefix), vmx) };
}

// vim25 has the shares twice: `shares` is the older place of storageIOAllocation.shares.
function allocationAs(storageIOAllocation: StorageIOAllocationInfo): Pick<VirtualDisk, "shares" | "storageIOAllocation"> {
  return { storageIOAllocation, ...(storageIOAllocation.shares && { shares: storageIOAllocation.shares }) };
}

function writeAllocation(prefix: string, allocation: StorageIOAllocationInfo | undefined): VmxChanges {
  if ((allocation?.reservation ?? 0) > 0)
    throw invalidArgument("storageIOAllocation.reservation", "no storage of this host can be reserved");
  return writeFields(ioFields(prefix), allocation ?? {}, "virtualDeviceSpec.device.storageIOAllocation");
}
