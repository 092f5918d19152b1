/** Copying and moving a virtual disk: its data, and a descriptor that names it. At every moment one of the two places has a whole disk. */
import { type DatastorePath, Fault, folderOf, formatDatastorePath, inFolder } from "../../base/index.ts";
import {
  copyData,
  createUnnamedFile,
  describeFile,
  fillHoles,
  isErrno,
  isFullyWritten,
  makeSparse,
  nameFile,
  type OpenFile,
  openFolderBeneath,
  REPLACEMENT_SUFFIX,
  removeBeneath,
  shareBlocks,
  splitPath,
  statBeneath,
  syncFile,
  writeAll,
} from "../../system/index.ts";
import { capacityBytesOf, formatVmdkDescriptor, type VmdkDescriptor, withoutParent } from "../../wire/index.ts";
import { type Controls, partOf, watchBytes } from "../controls.ts";
import type { DiskCopy, DiskDescription, HostedFormat, Moved, NewDisk } from "../rpc.ts";
import { linkOf, openLink } from "./chain.ts";
import { writeRuns } from "./chain-data.ts";
import { readLinks } from "./chain-links.ts";
import type { Link } from "./chain-rules.ts";
import { removeDisk } from "./child-disks.ts";
import { flatDescriptor } from "./convert-disk.ts";
import { type DiskSource, readDescriptor } from "./descriptor-file.ts";
import { changeDescriptor, checkDiskName, checkNewDisk, extentNameOf, isNative } from "./disk-rules.ts";
import { describeDisk, isThin, nameDisk, type OpenExtent, openExtent, requireSpace, reserve, STAT_BLOCK_BYTES, uuidOf } from "./disks.ts";
import { fileFault, naming } from "./file-fault.ts";
import type { FileTransfer } from "./file-transfers.ts";
import { openForeign } from "./foreign-disk.ts";
import { checkHosted, hostedNames, packHosted } from "./hosted-copy.ts";

export interface DiskTransfer extends FileTransfer {
  readonly copy: DiskCopy;
}

/** Without names until it is whole: what ends it early, a crash as well, leaves nothing behind. */
export async function copyDisk(source: DiskSource, transfer: DiskTransfer, controls: Controls): Promise<DiskDescription> {
  const { from, to, replace, copy } = transfer;
  using disk = await openForCopy(source, from);
  const provisioning = copy.provisioning ?? disk.provisioning;
  const { capacityBytes } = disk;
  const uuid = copy.uuid ?? uuidOf(disk.parsed, from);
  checkNewDisk(to, { capacityBytes, provisioning, adapterType: copy.adapterType ?? "lsilogic", uuid });
  if (copy.format !== undefined) {
    await copyHosted(source, disk, transfer, { format: copy.format, uuid, controls });
    return describeDisk(source, to);
  }
  const extent = inFolder(folderOf(to), extentNameOf(to));
  await naming(to, "creating", async () => {
    using root = source.open(to);
    using folder = openFolderBeneath(root, splitPath(to.path).folder);
    if (!replace) for (const path of [to, extent]) requireAbsent(folder, path);
    using extentFile = createUnnamedFile(folder);
    await naming(extent, "writing", async () => {
      if (provisioning === "thin" && (await disk.share(extentFile))) return;
      if (provisioning === "thin") {
        requireSpace(folder, extent, disk.allocatedBytes);
        makeSparse(extentFile, capacityBytes);
      } else await reserve(extentFile, { folder, extent, length: capacityBytes });
      const watch = watchBytes(controls, capacityBytes);
      await disk.copyTo(extentFile, watch);
      if (provisioning === "eagerZeroedThick") await fillHoles(extentFile, { offset: 0, length: capacityBytes }, watch);
    });
    const text = formatVmdkDescriptor(describeCopy(source, disk, transfer, { uuid, thin: provisioning === "thin" }));
    const before = () => (replace ? deleteIfThere(source, to) : Promise.resolve());
    await nameDisk({ folder, extentFile, extent, descriptor: to, text }, { controls, before });
  });
  return describeDisk(source, to);
}

function describeCopy(
  source: DiskSource,
  { parsed }: CopySource,
  { to, copy }: DiskTransfer,
  { uuid, thin }: { readonly uuid: string; readonly thin: boolean },
): VmdkDescriptor {
  return changeDescriptor(flatDescriptor(withoutParent(parsed), extentNameOf(to)), {
    thin,
    uuid,
    ...(copy.adapterType !== undefined && { adapterType: copy.adapterType }),
    // A disk of its own has a content of its own from now; one that only went elsewhere is the one that it was.
    ...(copy.uuid !== undefined && { longContentId: Buffer.from(source.random(16)).toString("hex") }),
  });
}

/** First the whole disk in a flat file without a name, then what another product reads, made of that. */
async function copyHosted(
  source: DiskSource,
  disk: CopySource,
  transfer: DiskTransfer,
  { format, uuid, controls }: { readonly format: HostedFormat; readonly uuid: string; readonly controls: Controls },
): Promise<void> {
  const { to, replace } = transfer;
  const { capacityBytes } = disk;
  checkHosted(to, format, capacityBytes);
  await naming(to, "creating", async () => {
    using root = source.open(to);
    using folder = openFolderBeneath(root, splitPath(to.path).folder);
    if (!replace) for (const name of hostedNames(to, format, capacityBytes)) requireAbsent(folder, inFolder(folderOf(to), name));
    const isFlat = format === "monolithicFlat" || format === "twoGbMaxExtentFlat";
    requireSpace(folder, to, disk.allocatedBytes + (isFlat ? capacityBytes : disk.allocatedBytes));
    using flat = createUnnamedFile(folder);
    makeSparse(flat, capacityBytes);
    await disk.copyTo(flat, watchBytes(partOf(controls, 0, 2), capacityBytes));
    const parsed = describeCopy(source, disk, transfer, { uuid, thin: false });
    const before = () => (replace ? deleteIfThere(source, to) : Promise.resolve());
    await packHosted({ flat, folder, to, format, capacityBytes, parsed }, partOf(controls, 1, 2), before);
  });
}

interface CopySource extends Disposable {
  readonly parsed: VmdkDescriptor;
  readonly capacityBytes: number;
  readonly provisioning: NewDisk["provisioning"];
  /** By it and its parents: more than a copy can take. */
  readonly allocatedBytes: number;
  copyTo(extent: OpenFile, watch: (doneBytes: number) => void): Promise<void>;
  /** @returns whether an empty file has its blocks now: of a thin disk of one file, where the file system can */
  share(extent: OpenFile): Promise<boolean>;
}

/** The disk and its parents, open to read: a copy has no parent. One of another format took no more than it held either: thin. */
async function openForCopy(source: DiskSource, from: DatastorePath): Promise<CopySource> {
  const links = await readLinks(source, from);
  if (!links.every(({ parsed }) => isNative(parsed))) return openLayers(source, links);
  const chain = links.map(linkOf);
  const { parsed } = links[0];
  const capacityBytes = capacityBytesOf(parsed);
  const opened: OpenFile[] = [];
  const close = () => {
    for (const file of opened) file[Symbol.dispose]();
  };
  try {
    for (const link of chain) opened.push(await openLink(source, link, { writable: false }));
  } catch (error) {
    close();
    throw error;
  }
  const [file, ...parents] = opened as [OpenFile, ...OpenFile[]];
  const isThick = !isThin(parsed) && parents.length === 0;
  return {
    parsed,
    capacityBytes,
    provisioning: !isThick ? "thin" : isFullyWritten(file, capacityBytes) ? "eagerZeroedThick" : "thick",
    allocatedBytes: opened.reduce((sum, one) => sum + allocatedBytesOf(one), 0),
    async copyTo(extent, watch) {
      if (parents.length === 0) return copyData({ from: file, to: extent }, capacityBytes, watch);
      const open = chain.map(({ format, extent: name }, index) => ({
        file: opened[index] as OpenFile,
        format,
        name: formatDatastorePath(name),
      }));
      await writeRuns(open, extent, capacityBytes, watch);
    },
    share: async (extent) => !isThick && parents.length === 0 && shareBlocks({ from: file, to: extent }, capacityBytes),
    [Symbol.dispose]: close,
  };
}

const allocatedBytesOf = (file: OpenFile): number => describeFile(file).blocks * STAT_BLOCK_BYTES;

interface Layer extends Disposable {
  readonly allocatedBytes: number;
  /** Over what its parents have there. */
  copyTo(extent: OpenFile, watch: (doneBytes: number) => void): Promise<void>;
}

/** A chain of which some are of other formats: each is written over the one that it lies on. */
async function openLayers(source: DiskSource, links: readonly [Link, ...Link[]]): Promise<CopySource> {
  const layers: Layer[] = [];
  const close = () => {
    for (const layer of layers) layer[Symbol.dispose]();
  };
  try {
    for (const link of links) layers.unshift(await openLayerOf(source, link));
  } catch (error) {
    close();
    throw error;
  }
  const [{ parsed }] = links;
  const capacityBytes = capacityBytesOf(parsed);
  return {
    parsed,
    capacityBytes,
    provisioning: "thin",
    allocatedBytes: layers.reduce((sum, { allocatedBytes }) => sum + allocatedBytes, 0),
    async copyTo(extent, watch) {
      const share = (index: number) => (doneBytes: number) => watch((index * capacityBytes + doneBytes) / layers.length);
      for (const [index, layer] of layers.entries()) await layer.copyTo(extent, share(index));
    },
    share: async () => false,
    [Symbol.dispose]: close,
  };
}

async function openLayerOf(source: DiskSource, link: Link): Promise<Layer> {
  const foreign = await openForeign(source, link.path, "shared");
  if (foreign !== undefined) return foreign;
  const native = linkOf(link);
  const { extent, format, capacityBytes } = native;
  const file = await openLink(source, native, { writable: false });
  return {
    allocatedBytes: allocatedBytesOf(file),
    copyTo: (to, watch) =>
      format === "raw"
        ? copyData({ from: file, to }, capacityBytes, watch)
        : writeRuns([{ file, format, name: formatDatastorePath(extent) }], to, capacityBytes, watch),
    [Symbol.dispose]: () => file[Symbol.dispose](),
  };
}

/**
 * The extent gets its second name before the descriptor is written anew, and loses the first one last: cut short, the disk is whole
 * under the old name or the new one, and what is too much is a name only. Asked for again, it goes on from what is there.
 */
export async function moveDisk(source: DiskSource, { from, to, replace }: FileTransfer): Promise<Moved> {
  checkDiskName(to);
  const disk = await openExtent(source, from, { writable: true });
  using file = disk.file;
  using fromRoot = source.open(from);
  const moved = await naming(to, "creating", async () => {
    using toRoot = source.open(to);
    using folder = openFolderBeneath(toRoot, splitPath(to.path).folder);
    if (await hasBothNames(source, { file, folder, to })) return "moved";
    return await nameAgain(source, { disk, file, folder, to, replace });
  });
  if (moved === "otherFileSystem") return moved;
  removeBeneath(fromRoot, from.path);
  removeBeneath(fromRoot, disk.extent.path);
  using fromFolder = openFolderBeneath(fromRoot, splitPath(from.path).folder);
  await syncFile(fromFolder);
  return moved;
}

interface Renaming {
  readonly disk: OpenExtent;
  readonly file: OpenFile;
  readonly folder: OpenFile;
  readonly to: DatastorePath;
  readonly replace: boolean;
}

async function nameAgain(source: DiskSource, { disk, file, folder, to, replace }: Renaming): Promise<Moved> {
  const extent = inFolder(folderOf(to), extentNameOf(to));
  if (!replace) for (const path of [to, extent]) requireAbsent(folder, path);
  using descriptorFile = createUnnamedFile(folder);
  await writeAll(descriptorFile, Buffer.from(formatVmdkDescriptor(changeDescriptor(disk.parsed, { extentFile: extentNameOf(to) }))));
  await syncFile(descriptorFile);
  // Whether the two places are on one file system must be known before anything is replaced: a name is only to be had on one's own.
  const named = replace ? `${extentNameOf(to)}${REPLACEMENT_SUFFIX}` : extentNameOf(to);
  try {
    if (replace) removeIfThere(folder, named); // what a crash left
    nameFile(file, folder, named);
  } catch (error) {
    if (isErrno(error, "EXDEV")) return "otherFileSystem";
    throw fileFault(error, extent, "creating");
  }
  try {
    if (replace) {
      await deleteIfThere(source, to);
      await naming(extent, "creating", () => nameFile(file, folder, extentNameOf(to)));
      removeBeneath(folder, named);
    }
    nameFile(descriptorFile, folder, splitPath(to.path).name);
  } catch (error) {
    for (const name of replace ? [named, extentNameOf(to)] : [named]) removeIfSame(folder, name, file);
    throw error;
  }
  await syncFile(folder);
  return "moved";
}

/** The disk is at its new place, and has not lost its old names yet: so far came a move that was cut short. */
async function hasBothNames(source: DiskSource, { file, folder, to }: Pick<Renaming, "file" | "folder" | "to">): Promise<boolean> {
  if (!isSame(folder, extentNameOf(to), file)) return false;
  try {
    const { extents } = await readDescriptor(source, to);
    return extents.some((extent) => extent.file === extentNameOf(to));
  } catch (error) {
    if (!(error instanceof Fault && error.fault === "FileNotFound")) throw error;
    removeBeneath(folder, extentNameOf(to)); // so far came the name of its data only
    return false;
  }
}

function isSame(folder: OpenFile, name: string, file: OpenFile): boolean {
  try {
    const [one, other] = [statBeneath(folder, name), describeFile(file)];
    return one.ino === other.ino && one.dev === other.dev;
  } catch (error) {
    if (isErrno(error, "ENOENT", "ELOOP")) return false;
    throw error;
  }
}

function removeIfSame(folder: OpenFile, name: string, file: OpenFile): void {
  if (isSame(folder, name, file)) removeBeneath(folder, name);
}

function removeIfThere(folder: OpenFile, name: string): void {
  try {
    removeBeneath(folder, name);
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
  }
}

async function deleteIfThere(source: DiskSource, descriptor: DatastorePath): Promise<void> {
  try {
    await removeDisk(source, descriptor);
  } catch (error) {
    if (!(error instanceof Fault && error.fault === "FileNotFound")) throw error;
  }
}

/** Told before the work; that nothing is replaced in the end is the kernel's word. */
function requireAbsent(folder: OpenFile, path: DatastorePath): void {
  try {
    statBeneath(folder, splitPath(path.path).name);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return;
    throw error;
  }
  throw fileFault(Object.assign(new Error("the name is taken"), { code: "EEXIST" }), path, "creating");
}
