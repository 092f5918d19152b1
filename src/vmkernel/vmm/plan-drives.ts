/**
 * Disks, CD drives and floppies as QEMU is told of them: the node of each file, what lies on what, the drive that a guest sees, and
 * where it stands in the order of boot. Pure.
 * Source: QEMU 7.2 `-device MODEL,help`; names and ids as VMware's own devices show them to a guest.
 */
import { createHash } from "node:crypto";
import { assert, assertNever, type DatastorePath, formatDatastorePath } from "../../base/index.ts";
import { CLUSTER_BYTES, L2_SPAN_BYTES } from "../../wire/index.ts";
import { type DiskAttachment, type LayerAttachment, overlayOf } from "../attachments.ts";
import type { Device, DeviceSpec } from "../machine.ts";
import type { CheckedMachine } from "./check-machine.ts";
import { isBootable } from "./check-machine.ts";
import { type DescriptorNumbers, descriptorPath, planDescriptorSet } from "./descriptor-numbers.ts";
import { deviceArgument } from "./device-argument.ts";
import { deviceId } from "./expected-devices.ts";

/** What the plan must know of each disk beyond its place, by its key. */
export type PlannedDisks = ReadonlyMap<number, PlannedDisk>;

export interface PlannedDisk extends PlannedLayer, Pick<DiskAttachment, "uuid"> {
  /** Nearest first. */
  readonly parents: readonly PlannedLayer[];
}

export type PlannedLayer = Pick<LayerAttachment, "descriptor" | "format" | "capacityBytes">;

export interface DriveSurroundings {
  readonly machine: CheckedMachine;
  readonly disks: PlannedDisks;
  readonly numbers: DescriptorNumbers;
}

export function planDisk(device: Device<"disk">, { machine, disks, numbers }: DriveSurroundings): string[] {
  const disk = disks.get(device.key);
  assert(disk !== undefined, `disk ${device.key} is attached before its monitor is planned`);
  // A node must be there before another is put on it: the base first.
  const layers = [disk, ...disk.parents];
  const nodes = layers.toReversed().flatMap((layer, step) => {
    const index = layers.length - 1 - step;
    const number = numbers.take(index === 0 ? { kind: "disk", key: device.key } : { kind: "parent", key: device.key, index: index - 1 });
    return planLayer(device.key, layer, { number, isParent: index > 0, parent: layers[index + 1] });
  });
  return [...nodes, ...planDiskDevice(device, machine, disk.uuid)];
}

interface LayerPlace {
  /** Of the descriptor that it is opened by. */
  readonly number: number;
  readonly isParent: boolean;
  readonly parent: PlannedLayer | undefined;
}

/** The node of one file of a disk. What it lies on is named, never looked up: no file of a disk names another. */
export function planLayer(key: number, layer: PlannedLayer, { number, isParent, parent }: LayerPlace): string[] {
  // Who has the file is decided by the lock that came with the descriptor. QEMU's own locks stay with every descriptor that it was
  // ever given, and are in its way when it changes between reading and writing a file.
  const file = `file.driver=file,file.locking=off,file.filename=${descriptorPath(number)}`;
  const access = isParent ? ",read-only=on" : "";
  const name = layerNode(key, layer.descriptor);
  // The size of the disk, not of the file: an extent may be longer than what its descriptor says of it.
  if (layer.format === "raw")
    return [...planDescriptorSet(number), "-blockdev", `driver=raw,node-name=${name},size=${layer.capacityBytes}${access},${file}`];
  const backing = parent === undefined ? "" : `,backing=${layerNode(key, parent.descriptor)}`;
  const cache = `,l2-cache-size=${l2CacheBytes(layer.capacityBytes, isParent)},l2-cache-entry-size=${L2_CACHE_ENTRY_BYTES}`;
  return [...planDescriptorSet(number), "-blockdev", `driver=qcow2,node-name=${name}${access}${cache},${file}${backing}`];
}

/** Where all of a disk's tables fit, none is read twice. They take 8 bytes for each 64 KiB that has been written. */
function l2CacheBytes(capacityBytes: number, isParent: boolean): number {
  const needed = Math.ceil(capacityBytes / L2_SPAN_BYTES) * CLUSTER_BYTES;
  return Math.min(Math.max(needed, L2_CACHE_BYTES.min), isParent ? L2_CACHE_BYTES.parent : L2_CACHE_BYTES.top);
}

const L2_CACHE_ENTRY_BYTES = 4096;
const L2_CACHE_BYTES = { min: 256 * 1024, parent: 2 * 1024 * 1024, top: 16 * 1024 * 1024 };
/** What the tables of one disk and all its parents may take of the monitor's memory. */
export const CHAIN_CACHE_MIB_MAX = 80;

function planDiskDevice(device: Device<"disk">, machine: CheckedMachine, uuid: string): string[] {
  const controller = controllerOf(machine, device);
  const common = [...driveOf(device), `bootindex=${bootIndexOf(machine, device)}`];
  const wwn = `wwn=0x5000c29${uuid.slice(-9)}`; // NAA 5, VMware's OUI 00:0c:29, and what tells this disk from others
  switch (controller.kind) {
    case "scsi": {
      const identity = ["vendor=VMware", "product=Virtual disk", "ver=2.0", `serial=${uuid}`, `device_id=${uuid}`, wwn];
      return deviceArgument("scsi-hd", device, [...scsiPlace(controller, device.unit), ...common, STOP_WHEN_FULL, ...identity]);
    }
    case "ahci":
    case "ide": {
      const model = controller.kind === "ahci" ? "VMware Virtual SATA Hard Drive" : "VMware Virtual IDE Hard Drive";
      const identity = [`model=${model}`, "ver=00000001", `serial=${uuid.slice(-ATA_SERIAL_CHARACTERS)}`, wwn];
      return deviceArgument("ide-hd", device, [...idePlace(controller, device.unit), ...common, STOP_WHEN_FULL, ...identity]);
    }
    case "nvme":
      return deviceArgument("nvme-ns", device, [
        `bus=${deviceId(controller.key)}`,
        `nsid=${device.unit + 1}`,
        ...common,
        `uuid=${uuid.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5")}`,
      ]);
    default:
      return assertNever(controller);
  }
}

/** A datastore without room stops the guest, which then waits for an answer. An NVMe controller cannot wait: its guest sees an error. */
const STOP_WHEN_FULL = "werror=enospc";
const ATA_SERIAL_CHARACTERS = 20; // IDENTIFY DEVICE words 10–19

export function planCdrom(device: Device<"cdrom">, machine: CheckedMachine): string[] {
  const controller = controllerOf(machine, device);
  const common = [...driveOf(device), `bootindex=${bootIndexOf(machine, device)}`];
  switch (controller.kind) {
    case "scsi": {
      const identity = ["vendor=NECVMWar", "product=VMware SCSI CDR", "ver=1.00"];
      return deviceArgument("scsi-cd", device, [...scsiPlace(controller, device.unit), ...common, ...identity]);
    }
    case "ahci":
    case "ide": {
      const model = controller.kind === "ahci" ? "VMware Virtual SATA CDRW Drive" : "VMware Virtual IDE CDROM Drive";
      return deviceArgument("ide-cd", device, [...idePlace(controller, device.unit), ...common, `model=${model}`, "ver=00000001"]);
    }
    case "nvme":
      throw new Error("an NVMe controller has no CD drive: checkMachine refuses it");
    default:
      return assertNever(controller);
  }
}

/** The drives hang on the chipset's own controller, which is what boots. */
export function planFloppy(device: Device<"floppy">, machine: CheckedMachine): string[] {
  const bootIndex = `isa-fdc.bootindex${device.unit === 0 ? "A" : "B"}=${bootIndexOf(machine, device)}`;
  return [...deviceArgument("floppy", device, [`unit=${device.unit}`, ...driveOf(device)]), "-global", bootIndex];
}

type Controller = Device<"scsi" | "ahci" | "ide" | "nvme">;

function controllerOf(machine: CheckedMachine, device: Device<"disk" | "cdrom">): Controller {
  const controller = machine.devices.find((candidate) => candidate.key === device.controllerKey);
  switch (controller?.kind) {
    case "scsi":
    case "ahci":
    case "ide":
    case "nvme":
      return controller;
    default:
      throw new Error(`device ${device.key} has no controller: checkMachine refuses it`);
  }
}

function scsiPlace(controller: Controller, unit: number): string[] {
  return [`bus=${deviceId(controller.key)}.0`, `scsi-id=${unit}`, "lun=0"];
}

/** AHCI has a bus for each port; the chipset's IDE channels are the buses ide.0 and ide.1 with two units each. */
function idePlace(controller: Controller, unit: number): string[] {
  return controller.kind === "ide" ? [`bus=ide.${controller.bus}`, `unit=${unit}`] : [`bus=${deviceId(controller.key)}.${unit}`, "unit=0"];
}

export function planImage(device: Device<"cdrom" | "floppy">, numbers: DescriptorNumbers): string[] {
  if (device.image === undefined) return [];
  const number = numbers.take({ kind: "image", key: device.key });
  const node = `driver=raw,node-name=${driveNode(device)},read-only=on,file.driver=file,file.filename=${descriptorPath(number)}`;
  return [...planDescriptorSet(number), "-blockdev", node];
}

function driveOf(device: Device<"disk" | "cdrom" | "floppy">): string[] {
  return device.kind === "disk" || device.image !== undefined ? [`drive=${driveNode(device)}`] : [];
}

/**
 * The node of what is in a drive. Its name tells which file that is: a drive whose image is changed has both for a moment, and whoever
 * finds the monitor then can tell which one the guest sees.
 */
export function driveNode(device: Device<"disk" | "cdrom" | "floppy">): string {
  if (device.kind !== "disk") return layerNode(device.key, device.image);
  return layerNode(device.key, device.mode === "independent_nonpersistent" ? overlayOf(device.descriptor) : device.descriptor);
}

/** The node of a file that a drive has, or one of those that its disk descends from, by the descriptor. */
export function layerNode(key: number, file: DatastorePath | undefined): string {
  const digest = createHash("sha256")
    .update(file === undefined ? "" : formatDatastorePath(file))
    .digest("hex");
  return `${drivePrefix(key)}${digest.slice(0, DRIVE_DIGEST_CHARACTERS)}`;
}

/** What the names of a drive's nodes begin with. */
export function drivePrefix(key: number): string {
  return `drive${key}-`;
}

const DRIVE_DIGEST_CHARACTERS = 8; // a node's name has 31 at most

/** The key of the disk or drive behind a node; undefined for a node that is none of ours. */
export function keyOfDriveNode(node: string): number | undefined {
  const match = /^drive([1-9][0-9]{0,9})(-[0-9a-f]+)?$/.exec(node);
  return match?.[1] === undefined ? undefined : Number(match[1]);
}

/** The chosen order first; then disks, CD drives and floppies by their keys. A NIC has nothing to boot from. */
function bootIndexOf(machine: CheckedMachine, device: DeviceSpec): number {
  const kinds = ["disk", "cdrom", "floppy"];
  const rest = machine.devices
    .filter((candidate) => isBootable(candidate) && candidate.kind !== "nic" && !machine.bootOrder.includes(candidate.key))
    .sort((a, b) => kinds.indexOf(a.kind) - kinds.indexOf(b.kind) || a.key - b.key);
  return [...machine.bootOrder, ...rest.map(({ key }) => key)].indexOf(device.key);
}
