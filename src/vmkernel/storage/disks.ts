/** Virtual disks on a datastore: a descriptor and one flat extent beside it. */
import { createHash } from "node:crypto";
import { type DatastorePath, folderOf, formatDatastorePath, inFolder } from "../../base/index.ts";
import {
  allocateWhole,
  createUnnamedFile,
  describeFile,
  fillHoles,
  isErrno,
  isFullyWritten,
  makeSparse,
  nameFile,
  OpenFile,
  openFileBeneath,
  openFolderBeneath,
  removeBeneath,
  spaceOf,
  splitPath,
  syncFile,
  writeAll,
} from "../../system/index.ts";
import {
  aliasOf,
  capacityBytesOf,
  childrenIn,
  FRESH_CONTENT_ID,
  fault,
  formatVmdkDescriptor,
  geometryIn,
  makeBaseDescriptor,
  parseSpacedUuid,
  type VmdkDescriptor,
} from "../../wire/index.ts";
import type { DiskAttachment } from "../attachments.ts";
import { type Controls, throwIfCanceled, UNWATCHED, watchBytes } from "../controls.ts";
import type { DiskDescription, NewDisk } from "../rpc.ts";
import { childrenOf, followAlias, openLayer, openParents, readChain, thaw } from "./chain.ts";
import { readLinks } from "./chain-links.ts";
import { extentOf, isChild, type Link } from "./chain-rules.ts";
import { type DiskSource, readDescriptor } from "./descriptor-file.ts";
import { checkNewDisk, extentNameOf, flatExtentOf, isNative } from "./disk-rules.ts";
import { fileFault, noDiskSpace } from "./file-fault.ts";
import { lockOrRefuse } from "./open-locked.ts";

const HARDWARE_VERSION = 21; // what a disk is made for, as ESXi 8.0.3 writes it

/** Makes the extent, then the descriptor. Neither has a name before it is whole, so a crash leaves nothing behind. */
export async function createDisk(
  source: DiskSource,
  descriptor: DatastorePath,
  disk: NewDisk,
  controls: Controls = UNWATCHED,
): Promise<DiskDescription> {
  checkNewDisk(descriptor, disk);
  const extent = inFolder(folderOf(descriptor), extentNameOf(descriptor));
  using root = source.open(descriptor);
  using folder = openFolderBeneath(root, splitPath(descriptor.path).folder);
  using extentFile = createUnnamedFile(folder);
  await giveSize({ folder, extentFile, extent, disk });
  if (disk.provisioning === "eagerZeroedThick") {
    await fillHoles(extentFile, { offset: 0, length: disk.capacityBytes }, watchBytes(controls, disk.capacityBytes));
  }
  const text = describeNewDisk(source, descriptor, disk);
  await nameDisk({ folder, extentFile, extent, descriptor, text }, { controls });
  return describeDisk(source, descriptor);
}

interface UnnamedDisk {
  readonly folder: OpenFile;
  readonly extentFile: OpenFile;
  readonly extent: DatastorePath;
  readonly descriptor: DatastorePath;
  readonly text: string;
}

/**
 * Gives a disk that is whole its two names: both, or none.
 * @param before what is done when nothing but the names is missing
 */
export async function nameDisk(
  { folder, extentFile, extent, descriptor, text }: UnnamedDisk,
  { controls, before }: { readonly controls: Controls; readonly before?: () => Promise<void> },
): Promise<void> {
  using descriptorFile = createUnnamedFile(folder);
  await writeAll(descriptorFile, Buffer.from(text));
  await Promise.all([syncFile(extentFile), syncFile(descriptorFile)]);
  throwIfCanceled(controls);
  await before?.();
  nameNew(extentFile, folder, extent);
  try {
    nameNew(descriptorFile, folder, descriptor);
  } catch (error) {
    removeBeneath(folder, splitPath(extent.path).name);
    throw error;
  }
  await syncFile(folder);
}

export async function describeDisk(source: DiskSource, descriptor: DatastorePath): Promise<DiskDescription> {
  const parsed = await readDescriptor(source, descriptor);
  const files = extentFiles(parsed).map((name) => inFolder(folderOf(descriptor), name));
  const found = files.map((file) => {
    try {
      using root = source.open(file);
      using open = openFileBeneath(root, file.path, "read");
      const { blocks, size } = describeFile(open);
      return { allocatedBytes: blocks * STAT_BLOCK_BYTES, written: isFullyWritten(open, size) };
    } catch (error) {
      throw fileFault(error, file, "opening");
    }
  });
  return {
    capacityBytes: capacityBytesOf(parsed),
    allocatedBytes: found.reduce((sum, { allocatedBytes }) => sum + allocatedBytes, 0),
    ...(isNative(parsed) ? {} : { foreign: parsed.createType }),
    provisioning:
      isThin(parsed) || isChild(parsed) || isSparse(parsed) ? "thin" : found.every(({ written }) => written) ? "eagerZeroedThick" : "thick",
    adapterType: parsed.ddb.get("adapterType") ?? "lsilogic",
    geometry: geometryIn(parsed),
    uuid: uuidOf(parsed, descriptor),
    contentId: parsed.contentId,
    extents: files,
    ...(await familyOf(source, descriptor, parsed)),
  };
}

/** Removes the extents, then the descriptor, so that a removal that was cut short can be asked for again. */
export async function deleteDisk(source: DiskSource, descriptor: DatastorePath): Promise<void> {
  const parsed = await readDescriptor(source, descriptor);
  using root = source.open(descriptor);
  const held: OpenFile[] = [];
  try {
    const files = extentFiles(parsed).map((name) => inFolder(folderOf(descriptor), name));
    const present = files.filter((file) => {
      const open = openIfPresent(root, file);
      if (open !== undefined) held.push(lockOrRefuse(open, file, "exclusive"));
      return open !== undefined;
    });
    // A sparse disk may be the one file that its descriptor is in.
    for (const file of [...present.filter(({ path }) => path !== descriptor.path), descriptor]) removeOne(root, file);
    using folder = openFolderBeneath(root, splitPath(descriptor.path).folder);
    await syncFile(folder);
  } finally {
    for (const open of held) open[Symbol.dispose]();
  }
}

/** A disk with its parents, as `chain-rules.ts` says what can be attached. */
export async function openDisk(source: DiskSource, descriptor: DatastorePath, access: { writable: boolean }): Promise<DiskAttachment> {
  if (access.writable) await source.families.take(async () => thaw(source, await followAlias(source, descriptor)));
  const [top, ...links] = await readChain(source, descriptor);
  extentOf(top.parsed, descriptor, access);
  const layer = await openLayer(source, top, access);
  try {
    const parents = await openParents(source, links);
    return {
      ...layer,
      uuid: uuidOf(top.parsed, descriptor),
      parents,
      [Symbol.dispose]() {
        for (const one of [layer, ...parents]) one[Symbol.dispose]();
      },
    };
  } catch (error) {
    layer[Symbol.dispose]();
    throw error;
  }
}

/** Nobody asks which of a hundred clones are really there: of so many, those that are listed are told. */
async function childrenToTell(source: DiskSource, link: Link): Promise<readonly DatastorePath[]> {
  const listed = childrenIn(link.parsed);
  if (listed.length <= CHILDREN_LOOKED_AT_MAX) return childrenOf(source, link);
  const found = await Promise.all(listed.map((name) => source.resolve(name, link.path)));
  return found.filter((path) => path !== undefined);
}

const CHILDREN_LOOKED_AT_MAX = 8;

/** Its parents, nearest first, and those that it is a parent of. */
async function familyOf(
  source: DiskSource,
  descriptor: DatastorePath,
  parsed: VmdkDescriptor,
): Promise<Pick<DiskDescription, "parents" | "children" | "aliasOf">> {
  const parents = isChild(parsed) ? (await readLinks(source, descriptor)).slice(1).map(({ path }) => path) : [];
  const alias = aliasOf(parsed);
  const target = alias === undefined ? undefined : await source.resolve(alias, descriptor);
  return {
    parents,
    children: await childrenToTell(source, { path: descriptor, parsed }),
    ...(target && { aliasOf: target }),
  };
}

export interface OpenExtent {
  readonly parsed: VmdkDescriptor;
  readonly extent: DatastorePath;
  /** What the guest sees; the file may be longer. */
  readonly capacityBytes: number;
  /** Locked, exclusively when writable; the caller closes it. */
  readonly file: OpenFile;
}

export async function openExtent(
  source: DiskSource,
  descriptor: DatastorePath,
  { writable }: { readonly writable: boolean },
): Promise<OpenExtent> {
  const parsed = await readDescriptor(source, descriptor);
  const extent = inFolder(folderOf(descriptor), flatExtentOf(parsed, descriptor, { writable }));
  if (writable) await source.families.take(() => thaw(source, descriptor));
  const capacityBytes = capacityBytesOf(parsed);
  try {
    using root = source.open(extent);
    using open = lockOrRefuse(
      openFileBeneath(root, extent.path, writable ? "readWrite" : "read"),
      extent,
      writable ? "exclusive" : "shared",
    );
    const { size, nlink } = describeFile(open);
    if (nlink === 0)
      throw fault("FileNotFound", `File ${formatDatastorePath(extent)} was not found`, { file: formatDatastorePath(extent) });
    if (size < capacityBytes) {
      const problem = `${formatDatastorePath(extent)} has ${size} bytes, its descriptor says ${capacityBytes}: the disk is cut short.`;
      throw fault("InvalidDiskFormat", problem, {});
    }
    return { parsed, extent, capacityBytes, file: new OpenFile(open.release()) };
  } catch (error) {
    throw fileFault(error, extent, "opening");
  }
}

export const STAT_BLOCK_BYTES = 512; // stat(2): the unit of st_blocks, whatever the file system's

export const isThin = (descriptor: VmdkDescriptor): boolean => descriptor.ddb.get("thinProvisioned") === "1";

const isSparse = ({ extents }: VmdkDescriptor): boolean => extents.some(({ type }) => type === "SPARSE" || type === "VMFSSPARSE");

async function giveSize(job: { folder: OpenFile; extentFile: OpenFile; extent: DatastorePath; disk: NewDisk }): Promise<void> {
  const { folder, extentFile, extent, disk } = job;
  if (disk.provisioning === "thin") return makeSparse(extentFile, disk.capacityBytes);
  await reserve(extentFile, { folder, extent, length: disk.capacityBytes });
}

/** Makes the extent that long, all its blocks its own. Reserved blocks read as zeros until they are written. */
export async function reserve(
  extentFile: OpenFile,
  { folder, extent, length }: { readonly folder: OpenFile; readonly extent: DatastorePath; readonly length: number },
): Promise<void> {
  // Asked first: filling the file system up to find out would take the space from every running VM.
  requireSpace(folder, extent, length - describeFile(extentFile).blocks * STAT_BLOCK_BYTES);
  await allocateWhole(extentFile, length);
}

/** @throws {Fault} NoDiskSpace */
export function requireSpace(folder: OpenFile, file: DatastorePath, bytes: number): void {
  if (spaceOf(folder).freeBytes < bytes) throw noDiskSpace(file);
}

function describeNewDisk(source: DiskSource, descriptor: DatastorePath, disk: NewDisk): string {
  const content = Buffer.from(source.random(12)).toString("hex");
  return formatVmdkDescriptor(
    makeBaseDescriptor({
      capacityBytes: disk.capacityBytes,
      thin: disk.provisioning === "thin",
      adapterType: disk.adapterType,
      uuid: disk.uuid,
      longContentId: `${content}${FRESH_CONTENT_ID}`,
      hardwareVersion: HARDWARE_VERSION,
      extentFile: extentNameOf(descriptor),
    }),
  );
}

function nameNew(open: OpenFile, folder: OpenFile, file: DatastorePath): void {
  try {
    nameFile(open, folder, splitPath(file.path).name);
  } catch (error) {
    throw fileFault(error, file, "creating");
  }
}

function openIfPresent(root: OpenFile, file: DatastorePath): OpenFile | undefined {
  try {
    return openFileBeneath(root, file.path, "read");
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw fileFault(error, file, "opening");
  }
}

function removeOne(root: OpenFile, file: DatastorePath): void {
  try {
    removeBeneath(root, file.path);
  } catch (error) {
    throw fileFault(error, file, "removing");
  }
}

function extentFiles(descriptor: VmdkDescriptor): string[] {
  return [...new Set(descriptor.extents.flatMap(({ file }) => (file === undefined ? [] : [file])))];
}

/** A disk that was made without a UUID gets one that stays the same as long as it lies where it does. */
export function uuidOf(parsed: VmdkDescriptor, descriptor: DatastorePath): string {
  const written = parseSpacedUuid(parsed.ddb.get("uuid") ?? "");
  return written ?? `6000c29${createHash("sha256").update(formatDatastorePath(descriptor)).digest("hex").slice(0, 25)}`;
}
