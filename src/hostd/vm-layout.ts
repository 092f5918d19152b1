/**
 * The files that a VM is made of, what each is, and what they take of their datastores: as clients read it. Pure.
 * Source: vim25 VirtualMachineFileLayout, VirtualMachineFileLayoutEx, VirtualMachineStorageInfo; ESXi's VM files.
 */
import { type DatastorePath, fileNameOf, folderOf, formatDatastorePath, inFolder, type VmId } from "../base/index.ts";
import type { DiskDescription, FolderEntry } from "../vmkernel/index.ts";
import type {
  MoRef,
  SnapshotList,
  VirtualDevice,
  VirtualMachineFileLayout,
  VirtualMachineFileLayoutEx,
  VirtualMachineFileLayoutExFileType,
  VirtualMachineStorageInfo,
  VirtualMachineStorageSummary,
} from "../wire/index.ts";
import { snapshotRef } from "./snapshots/snapshot-tree.ts";
import { descriptorOf, keyOfNode, resolveFile, type VmPlace } from "./vm-config/index.ts";

export interface LayoutFacts {
  readonly vmxPath: DatastorePath;
  /** What lies in the VM's folder. */
  readonly entries: readonly FolderEntry[];
  readonly devices: readonly VirtualDevice[];
  /** By the text of their descriptors' paths; one that can't be read is left out. */
  readonly disks: ReadonlyMap<string, DiskDescription>;
  readonly snapshots?: SnapshotList;
  /** The disks, those of the snapshots and what all of them descend from, as `disks`. */
  readonly chains?: ReadonlyMap<string, DiskDescription>;
  readonly datastores?: VmPlace["datastores"];
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
  /** What it is made of, the base first: each a descriptor, then what that names. */
  readonly units: readonly (readonly LayoutFile[])[];
  /** What it can still grow by. */
  readonly uncommitted: number;
}

/** What was there when it was read: a guest that writes to a thin disk makes it grow meanwhile. */
export interface VmLayout {
  readonly own: readonly LayoutFile[];
  readonly disks: readonly LayoutDisk[];
  readonly snapshots: readonly LayoutSnapshot[];
  readonly readAtMs: number;
}

interface LayoutSnapshot {
  readonly uid: number;
  /** Of its own, in the VM's folder. */
  readonly data: string;
  readonly memory: string | undefined;
  readonly disks: readonly LayoutDisk[];
}

/** Whether a name is one that a VM named `base` gives to a file of its own, besides its .vmx and its disks. */
export function isFileOfVm(name: string, base: string): boolean {
  if (/^vmware(-\d+)?\.log$/.test(name)) return true;
  const rest = name.startsWith(base) ? name.slice(base.length) : "";
  return (
    /^(-[0-9a-f]{8})?\.(vmxf|vmsd|nvram|efivars|vmss|vswp|vmx~|vmsd~|vmx\.lck)$/.test(rest) || /^-Snapshot\d+\.(vmsn|vmem)$/.test(rest)
  );
}

const TYPES: Readonly<Record<string, VirtualMachineFileLayoutExFileType>> = {
  vmxf: "extendedConfig",
  vmsd: "snapshotList",
  nvram: "nvram",
  efivars: "nvram",
  vmss: "suspend",
  vswp: "swap",
  vmsn: "snapshotData",
  vmem: "snapshotMemory",
  log: "log",
};

/** A descriptor is a page of text: where it lies in another folder than the VM, nobody has looked how long it is. */
const DESCRIPTOR_BYTES = 512;

export function planLayout(facts: LayoutFacts): VmLayout {
  const { vmxPath, entries, devices, disks, readAtMs, snapshots, chains = disks, datastores = [] } = facts;
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
  const layoutOf = (key: number, descriptor: DatastorePath): LayoutDisk[] => {
    const disk = chains.get(formatDatastorePath(descriptor));
    if (disk === undefined) return [];
    const units = [descriptor, ...disk.parents].toReversed().map((path) => unitOf(path, chains.get(formatDatastorePath(path)), fileOf));
    return [{ key, units, uncommitted: Math.max(0, disk.capacityBytes - disk.allocatedBytes) }];
  };
  const current = devices.flatMap((device) => {
    const descriptor = device.$type === "VirtualDisk" ? descriptorOf(device) : undefined;
    return descriptor === undefined ? [] : layoutOf(device.key, descriptor);
  });
  const kept = (snapshots?.snapshots ?? []).map(({ uid, file, memory, disks: named }) => ({
    uid,
    data: file,
    memory: memory ? file.replace(/\.vmsn$/i, ".vmem") : undefined,
    disks: named.flatMap(({ node, file: name }) => {
      const descriptor = resolveFile(name, { vmxPath, datastores });
      return descriptor === undefined ? [] : layoutOf(keyOfNode(node), descriptor);
    }),
  }));
  return { own: [fileOf(vmxPath, "config"), ...others], disks: current, snapshots: kept, readAtMs };
}

function unitOf(
  descriptor: DatastorePath,
  disk: DiskDescription | undefined,
  fileOf: (path: DatastorePath, type: VirtualMachineFileLayoutExFileType, otherwise?: number) => LayoutFile,
): readonly LayoutFile[] {
  // A description counts what all extents take; nobody asks for more of one that has several.
  const extents = (disk?.extents ?? []).map((path, index) => ({
    path,
    type: "diskExtent" as const,
    bytes: index === 0 ? (disk?.allocatedBytes ?? 0) : 0,
  }));
  return [fileOf(descriptor, "diskDescriptor", DESCRIPTOR_BYTES), ...extents];
}

/** Names of its own files are relative to its folder, those of disks are not. */
export function formatLayout({ own, disks, snapshots }: VmLayout, vm: VmId): VirtualMachineFileLayout {
  const namesOf = (is: (type: LayoutFile["type"]) => boolean) => own.filter(({ type }) => is(type)).map(({ path }) => fileNameOf(path));
  const swapFile = own.find(({ type }) => type === "swap");
  return {
    configFile: namesOf((type) => type === "extendedConfig" || type === "nvram" || type === "snapshotList"),
    logFile: namesOf((type) => type === "log"),
    disk: disks.map(({ key, units }) => ({
      key,
      diskFile: units
        .flat()
        .filter(({ type }) => type === "diskDescriptor")
        .map(({ path }) => formatDatastorePath(path)),
    })),
    snapshot: snapshots.map(({ uid, data, memory, disks: kept }) => ({
      key: snapshotRef(vm, uid),
      snapshotFile: [
        data,
        ...(memory === undefined ? [] : [memory]),
        ...kept.flatMap(({ units }) => units.flat().map(({ path }) => formatDatastorePath(path))),
      ],
    })),
    ...(swapFile && { swapFile: formatDatastorePath(swapFile.path) }),
  };
}

export function formatLayoutEx(layout: VmLayout, vm: VmId): VirtualMachineFileLayoutEx {
  const files = allFilesOf(layout);
  const keys = new Map(files.map(({ path }, key) => [formatDatastorePath(path), key]));
  const keyOf = ({ path }: LayoutFile) => keys.get(formatDatastorePath(path)) ?? -1;
  const ownKey = (name: string | undefined) => files.findIndex(({ path, type }) => /^snapshot/.test(type) && fileNameOf(path) === name);
  const chains = (disks: readonly LayoutDisk[]) =>
    disks.map(({ key, units }) => ({ key, chain: units.map((unit) => ({ fileKey: unit.map(keyOf) })) }));
  return {
    file: files.map(({ path, type, bytes }, key) => ({
      key,
      name: formatDatastorePath(path),
      type,
      size: bytes,
      uniqueSize: bytes,
      accessible: true,
    })),
    disk: chains(layout.disks),
    snapshot: layout.snapshots.map(({ uid, data, memory, disks }) => ({
      key: snapshotRef(vm, uid),
      dataKey: ownKey(data),
      memoryKey: memory === undefined ? -1 : ownKey(memory),
      disk: chains(disks),
    })),
    timestamp: new Date(layout.readAtMs),
  };
}

/** @param refOf a datastore by its name */
export function storageInfo(layout: VmLayout, refOf: (datastore: string) => MoRef<"Datastore"> | undefined): VirtualMachineStorageInfo {
  const names = [...new Set(allFilesOf(layout).map(({ path }) => path.datastore))];
  const perDatastoreUsage = names.flatMap((name) => {
    const datastore = refOf(name);
    const isThere = ({ path }: LayoutFile) => path.datastore === name;
    const disks = layout.disks.filter(({ units }) => units.at(-1)?.some(isThere) === true);
    return datastore === undefined ? [] : [{ datastore, ...usageOf(allFilesOf(layout).filter(isThere), disks) }];
  });
  return { perDatastoreUsage, timestamp: new Date(layout.readAtMs) };
}

export function storageSummary(layout: VmLayout): VirtualMachineStorageSummary {
  return { ...usageOf(allFilesOf(layout), layout.disks), timestamp: new Date(layout.readAtMs) };
}

/** The files of its disks, of what they descend from and of those that its snapshots have; and what its snapshots have kept. */
export function filesOfDisks({ own, disks, snapshots }: VmLayout): readonly DatastorePath[] {
  const chained = [...disks, ...snapshots.flatMap(({ disks: kept }) => kept)].flatMap(({ units }) => units.flat());
  return [...own.filter(({ type }) => /^snapshot/.test(type)), ...chained].map(({ path }) => path);
}

/** What lies in another folder than the VM may be another VM's too, as the parent of a linked clone is. */
function usageOf(files: readonly LayoutFile[], disks: readonly LayoutDisk[]) {
  const sum = (of: readonly LayoutFile[]) => of.reduce((total, { bytes }) => total + bytes, 0);
  const tops = new Set(disks.flatMap(({ units }) => units.at(-1) ?? []).map(({ path }) => formatDatastorePath(folderOf(path))));
  const [home] = files;
  const isOwn = ({ path }: LayoutFile) =>
    tops.has(formatDatastorePath(folderOf(path))) || (home !== undefined && folderOf(path).path === folderOf(home.path).path);
  return {
    committed: sum(files),
    uncommitted: disks.reduce((total, { uncommitted }) => total + uncommitted, 0),
    unshared: sum(files.filter(isOwn)),
  };
}

function allFilesOf({ own, disks, snapshots }: VmLayout): LayoutFile[] {
  const all = [...own, ...[...disks, ...snapshots.flatMap(({ disks: kept }) => kept)].flatMap(({ units }) => units.flat())];
  return [...new Map(all.map((file) => [formatDatastorePath(file.path), file])).values()];
}
