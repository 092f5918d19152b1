/** Opens everything that a machine names, for its monitor: all of it or nothing. What a monitor gets is decided here, once. */
import { readFile } from "node:fs/promises";
import { assertNever, type DatastorePath, formatDatastorePath } from "../base/index.ts";
import { fault } from "../wire/index.ts";
import type { DiskAttachment, FileAttachment } from "./attachments.ts";
import { findOverlays } from "./kept-overlays.ts";
import type { DeviceSpec, MachineSpec } from "./machine.ts";
import { listenFor } from "./serial/index.ts";
import type { Storage } from "./storage/index.ts";
import { isListener } from "./vmm/index.ts";

type Disk = Extract<DeviceSpec, { kind: "disk" }>;

/** A VM's variables begin as a copy of these: no keys enrolled. Debian's ovmf; the code beside it is `FIRMWARE_CODE`. */
const FIRMWARE_VARIABLES = "/usr/share/OVMF/OVMF_VARS_4M.fd";

export interface Attachments extends Disposable {
  /** Disks, images and serial logs by the key of their device. */
  readonly disks: ReadonlyMap<number, DiskAttachment>;
  readonly files: ReadonlyMap<number, FileAttachment>;
  readonly firmwareVariables: FileAttachment | undefined;
  readonly memory: FileAttachment | undefined;
  /** Sockets of serial ports that listen, by the key of their device. */
  readonly listeners: ReadonlyMap<number, number>;
}

export interface AttachmentSources {
  readonly storage: Storage;
  /** The host's folder of pipes. */
  readonly pipes: string;
}

/** @throws {Fault} FileNotFound, FileLocked, InvalidDiskFormat …, with the file's datastore path */
export async function openAttachments(machine: MachineSpec, { storage, pipes }: AttachmentSources): Promise<Attachments> {
  const opened: Disposable[] = [];
  const close = () => {
    for (const attachment of opened.splice(0)) attachment[Symbol.dispose]();
  };
  const keep = <T extends Disposable>(attachment: T): T => {
    opened.push(attachment);
    return attachment;
  };
  try {
    const { firmware, resumeFrom } = machine;
    const memory = resumeFrom === undefined ? undefined : keep(await storage.openForRead(resumeFrom));
    const disks = new Map<number, DiskAttachment>();
    const files = new Map<number, FileAttachment>();
    const listeners = new Map<number, number>();
    for (const device of machine.devices) {
      if (device.kind === "disk") disks.set(device.key, keep(await openDiskOf(device, machine, storage, memory)));
      const file = await openFileOf(device, storage);
      if (file !== undefined) files.set(device.key, keep(file));
      if (device.kind === "serial" && device.wire !== undefined && isListener(device.wire))
        listeners.set(device.key, keep(listenFor(device.wire, pipes)).fd);
    }
    const firmwareVariables = firmware.kind === "efi" ? keep(await openVariables(firmware.nvram, storage)) : undefined;
    return { disks, files, firmwareVariables, memory, listeners, [Symbol.dispose]: close };
  } catch (error) {
    close();
    throw error;
  }
}

/** @param memory of a guest that was suspended: with it goes what it had written to disks that forget */
function openDiskOf(
  { key, descriptor, mode }: Disk,
  { home }: MachineSpec,
  storage: Storage,
  memory: FileAttachment | undefined,
): Promise<DiskAttachment> {
  if (mode !== "independent_nonpersistent") return storage.openDisk(descriptor, { writable: true });
  if (memory === undefined) return storage.openNonpersistent(descriptor, { home });
  const range = findOverlays(memory).get(key);
  if (range !== undefined) return storage.openNonpersistent(descriptor, { home, kept: { file: memory.file, ...range } });
  const reason = `${formatDatastorePath(memory.file)} lacks what was written to ${formatDatastorePath(descriptor)}`;
  throw fault("GenericVmConfigFault", `${reason}, without which its guest cannot go on.`, { reason });
}

/** The file behind a device that is no disk. */
async function openFileOf(device: DeviceSpec, storage: Storage): Promise<FileAttachment | undefined> {
  switch (device.kind) {
    case "cdrom":
    case "floppy":
      return device.image === undefined ? undefined : storage.openImage(device.image);
    case "serial":
      return device.file === undefined ? undefined : storage.openAppend(device.file);
    case "disk":
    case "scsi":
    case "ahci":
    case "ide":
    case "nvme":
    case "nic":
    case "video":
    case "xhci":
    case "usb":
    case "toolsChannel":
      return undefined;
    default:
      return assertNever(device);
  }
}

async function openVariables(nvram: DatastorePath, storage: Storage): Promise<FileAttachment> {
  return storage.openNvram(nvram, await readFile(FIRMWARE_VARIABLES));
}
