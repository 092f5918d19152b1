/**
 * The files that a VM is made of, what each is, and what they take of their datastores: as clients read it. Pure.
 * Source: vim25 VirtualMachineFileLayout, VirtualMachineFileLayoutEx, VirtualMachineStorageInfo; ESXi's VM files.
 */
import { type DatastorePath, fileNameOf, folderOf, formatDatastorePath, inFolder } from "../base/index.ts";
import type { DiskDescription, FolderEntry } from "../vmkernel/index.ts";
import type {
  MoRef,
  VirtualDevice,
  VirtualMachineFileLayout,
  VirtualMachineFileLayoutEx,
  VirtualMachineFileLayoutExFileType,
  VirtualMachineStorageInfo,
  VirtualMachineStorageSummary,
} from "../wire/index.ts";
import { descriptorOf } from "./vm-config/index.ts";

export interface LayoutFacts {
  readonly vmxPath: DatastorePath;
  /** What lies in the VM's folder. */
  readonly entries: readonly FolderEntry[];
  readonly devices: readonly VirtualDevice[];
  /** By the text of their descriptors' paths; one that can't be read is left out. */
  readonly disks: ReadonlyMap<string, DiskDescription>;
  readonly readAtMs: number;
}

interface LayoutFile {
  readonly path: DatastorePath;
  readonly type: VirtualMachineFileLayoutExFileType;
  readonly bytes: number;
}

interface LayoutDisk {
  /** vim25 device key. */
  readonly key: number;
  /** The descriptor, then what it names. */
  readonly files: readonly LayoutFile[];
  /** What it can still grow by. */
  readonly uncommitted: number;
}

/** What was there when it was read: a guest that writes to a thin disk makes it grow meanwhile. */
export interface VmLayout {
  readonly own: readonly LayoutFile[];
  readonly disks: readonly LayoutDisk[];
  readonly readAtMs: number;
}

/** Whether a name is one that a VM named `base` gives to a file of its own, besides its .vmx and its disks. */
export function isFileOfVm(name: string, base: string): boolean {
  if (/^vmware(-\d+)?\.log$/.test(name)) return true;
  return name.startsWith(base) && /^(-[0-9a-f]{8})?\.(vmxf|vmsd|nvram|efivars|vmss|vswp|vmx~|vmx\.lck)$/.test(name.slice(base.length));
}

const TYPES: Readonly<Record<string, VirtualMachineFileLayoutExFileType>> = {
  vmxf: "extendedConfig",
  vmsd: "snapshotList",
  nvram: "nvram",
  efivars: "nvram",
  vmss: "suspend",
  vswp: "swap",
  log: "log",
};

/** A descriptor is a page of text: where it lies in another folder than the VM, nobody has looked how long it is. */
const DESCRIPTOR_BYTES = 512;

export function planLayout({ vmxPath, entries, devices, disks, readAtMs }: LayoutFacts): VmLayout {
  const home = folderOf(vmxPath);
  const base = fileNameOf(vmxPath).replace(/\.vmx$/i, "");
  const sizes = new Map(
    entries.filter(({ kind }) => kind === "file").map(({ name, sizeBytes }) => [formatDatastorePath(inFolder(home, name)), sizeBytes]),
  );
  const fileOf = (path: DatastorePath, type: VirtualMachineFileLayoutExFileType, otherwise = 0): LayoutFile => ({
    path,
    type,
    bytes: sizes.get(formatDatastorePath(path)) ?? otherwise,
  });
  const others = entries
    .filter(({ kind, name }) => kind === "file" && isFileOfVm(name, base))
    .flatMap(({ name }) => {
      const type = TYPES[name.slice(name.lastIndexOf(".") + 1)];
      return type === undefined ? [] : [fileOf(inFolder(home, name), type)];
    });
  return { own: [fileOf(vmxPath, "config"), ...others], disks: devices.flatMap((device) => layoutOfDisk(device) ?? []), readAtMs };

  function layoutOfDisk(device: VirtualDevice): LayoutDisk | undefined {
    const descriptor = device.$type === "VirtualDisk" ? descriptorOf(device) : undefined;
    const disk = descriptor && disks.get(formatDatastorePath(descriptor));
    if (descriptor === undefined || disk === undefined) return undefined;
    // A description counts what all extents take; nobody asks for more of one that has several.
    const extents = disk.extents.map((path, index) => ({
      path,
      type: "diskExtent" as const,
      bytes: index === 0 ? disk.allocatedBytes : 0,
    }));
    const files = [fileOf(descriptor, "diskDescriptor", DESCRIPTOR_BYTES), ...extents];
    return { key: device.key, files, uncommitted: Math.max(0, disk.capacityBytes - disk.allocatedBytes) };
  }
}

/** Names of its own files are relative to its folder, those of disks are not. */
export function formatLayout({ own, disks }: VmLayout): VirtualMachineFileLayout {
  const namesOf = (is: (type: LayoutFile["type"]) => boolean) => own.filter(({ type }) => is(type)).map(({ path }) => fileNameOf(path));
  const swapFile = own.find(({ type }) => type === "swap");
  return {
    configFile: namesOf((type) => type === "extendedConfig" || type === "nvram" || type === "snapshotList"),
    logFile: namesOf((type) => type === "log"),
    disk: disks.map(({ key, files }) => ({
      key,
      diskFile: files.filter(({ type }) => type === "diskDescriptor").map(({ path }) => formatDatastorePath(path)),
    })),
    snapshot: [],
    ...(swapFile && { swapFile: formatDatastorePath(swapFile.path) }),
  };
}

export function formatLayoutEx(layout: VmLayout): VirtualMachineFileLayoutEx {
  const files = allFilesOf(layout);
  return {
    file: files.map(({ path, type, bytes }, key) => ({
      key,
      name: formatDatastorePath(path),
      type,
      size: bytes,
      uniqueSize: bytes,
      accessible: true,
    })),
    disk: layout.disks.map(({ key, files: own }) => ({ key, chain: [{ fileKey: own.map((file) => files.indexOf(file)) }] })),
    snapshot: [],
    timestamp: new Date(layout.readAtMs),
  };
}

/** @param refOf a datastore by its name */
export function storageInfo(layout: VmLayout, refOf: (datastore: string) => MoRef<"Datastore"> | undefined): VirtualMachineStorageInfo {
  const names = [...new Set(allFilesOf(layout).map(({ path }) => path.datastore))];
  const perDatastoreUsage = names.flatMap((name) => {
    const datastore = refOf(name);
    const isThere = ({ path }: LayoutFile) => path.datastore === name;
    const disks = layout.disks.filter(({ files }) => files.some(isThere));
    return datastore === undefined ? [] : [{ datastore, ...usageOf(allFilesOf(layout).filter(isThere), disks) }];
  });
  return { perDatastoreUsage, timestamp: new Date(layout.readAtMs) };
}

export function storageSummary(layout: VmLayout): VirtualMachineStorageSummary {
  return { ...usageOf(allFilesOf(layout), layout.disks), timestamp: new Date(layout.readAtMs) };
}

/** No block of a file is another VM's too, so all that is committed is unshared. */
function usageOf(files: readonly LayoutFile[], disks: readonly LayoutDisk[]) {
  const committed = files.reduce((sum, { bytes }) => sum + bytes, 0);
  return { committed, uncommitted: disks.reduce((sum, { uncommitted }) => sum + uncommitted, 0), unshared: committed };
}

function allFilesOf({ own, disks }: VmLayout): LayoutFile[] {
  return [...own, ...disks.flatMap(({ files }) => files)];
}
