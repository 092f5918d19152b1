/** The chain of a disk on its datastores: the disk, its parent, the parent's parent, to the base. The descriptors alone say it. */
import { type DatastorePath, Fault, folderOf, formatDatastorePath, inFolder } from "../../base/index.ts";
import { describeFile, isImmutable, OpenFile, openFileBeneath, readUpTo, setImmutable } from "../../system/index.ts";
import {
  aliasOf,
  CHAIN_DEPTH_MAX,
  capacityBytesOf,
  childrenIn,
  fault,
  parseQcow2Header,
  QCOW2_HEADER_BYTES,
  type VmdkDescriptor,
  withChildren,
  withContentId,
} from "../../wire/index.ts";
import type { LayerAttachment } from "../attachments.ts";
import { readLinks } from "./chain-links.ts";
import { type ExtentFormat, extentOf, type Link } from "./chain-rules.ts";
import { type DiskSource, readDescriptor, replaceDescriptor } from "./descriptor-file.ts";
import { fileFault } from "./file-fault.ts";
import { handOn, lockOrRefuse } from "./open-locked.ts";

export interface ChainLink extends Link {
  readonly extent: DatastorePath;
  readonly format: ExtentFormat;
  readonly capacityBytes: number;
}

/**
 * The disk first, its base last. Nothing is opened but descriptors.
 * @throws {Fault} as `readLinks`; InvalidDiskFormat for a disk of another format, which is converted before it is opened
 */
export async function readChain(source: DiskSource, disk: DatastorePath): Promise<readonly [ChainLink, ...ChainLink[]]> {
  const [top, ...parents] = await readLinks(source, disk);
  return [linkOf(top), ...parents.map(linkOf)];
}

export function linkOf({ path, parsed }: Link): ChainLink {
  const { format, file } = extentOf(parsed, path, { writable: false });
  return { path, parsed, format, extent: inFolder(folderOf(path), file), capacityBytes: capacityBytesOf(parsed) };
}

/** The children that a disk really has, of those that its descriptor lists. One that cannot be read may be one. */
export async function childrenOf(source: DiskSource, { path, parsed }: Link): Promise<readonly DatastorePath[]> {
  const found: DatastorePath[] = [];
  for (const name of childrenIn(parsed)) {
    const child = await source.resolve(name, path);
    if (child !== undefined && (await isChildOf(source, child, { path, parsed }))) found.push(child);
  }
  return found;
}

async function isChildOf(source: DiskSource, child: DatastorePath, parent: Link): Promise<boolean> {
  try {
    const parsed = await readDescriptor(source, child);
    if (parsed.parentFileNameHint === undefined || parsed.parentContentId !== parent.parsed.contentId) return false;
    const named = await source.resolve(parsed.parentFileNameHint, child);
    if (named === undefined) return false;
    if (formatDatastorePath(named) === formatDatastorePath(parent.path)) return true;
    const alias = aliasOf(await readDescriptor(source, named));
    const other = alias === undefined ? undefined : await source.resolve(alias, named);
    return other !== undefined && formatDatastorePath(other) === formatDatastorePath(parent.path);
  } catch (error) {
    return !(error instanceof Fault && (error.fault === "FileNotFound" || error.fault === "InvalidDatastore"));
  }
}

/** @throws {Fault} FileLocked, which names a child: nobody writes what a child depends on */
export async function requireChildless(source: DiskSource, link: Link): Promise<void> {
  const [child] = await childrenOf(source, link);
  if (child === undefined) return;
  const file = formatDatastorePath(link.path);
  throw fault("FileLocked", `${file} is the parent of ${formatDatastorePath(child)}: nobody may write it.`, { file });
}

/**
 * Before a disk is written: it has no children. One that had some gets another content ID, so that a child that was out of sight
 * is told from one of what is there by then.
 * @throws {Fault} FileLocked
 */
export async function thaw(source: DiskSource, descriptor: DatastorePath): Promise<VmdkDescriptor> {
  const parsed = await readDescriptor(source, descriptor);
  if (childrenIn(parsed).length > 0) {
    await requireChildless(source, { path: descriptor, parsed });
    const longContentId = Buffer.from(source.random(16)).toString("hex");
    const thawed = withContentId(withChildren(parsed, []), longContentId);
    await replaceDescriptor(source, descriptor, thawed);
    markExtent(source, linkOf({ path: descriptor, parsed: thawed }), false);
    return thawed;
  }
  if (isMarked(source, linkOf({ path: descriptor, parsed }))) markExtent(source, linkOf({ path: descriptor, parsed }), false);
  return parsed;
}

/** The disk that a descriptor is another name of; itself where it is none. */
export async function followAlias(source: DiskSource, descriptor: DatastorePath): Promise<DatastorePath> {
  let at = descriptor;
  for (let count = 0; count < CHAIN_DEPTH_MAX; count++) {
    const alias = aliasOf(await readDescriptor(source, at));
    if (alias === undefined) return at;
    const next = await source.resolve(alias, at);
    if (next === undefined) break;
    at = next;
  }
  throw fault("InvalidDiskFormat", `${formatDatastorePath(descriptor)} is another name of no disk of this host (ddb.aliasOf).`, {});
}

/**
 * What a disk and its children say after another descriptor has become a name of it: it holds what that one held, so it has its
 * content ID, and is the parent of its children. Can be done again.
 */
export async function settleAlias(source: DiskSource, alias: DatastorePath, target: DatastorePath): Promise<void> {
  const own = await readDescriptor(source, alias);
  const disk = await readDescriptor(source, target);
  const children = await childrenOf(source, { path: alias, parsed: own });
  const name = await source.nameIn(target, alias);
  if (children.length === 0 && !childrenIn(disk).includes(name)) return;
  const names = await Promise.all(children.map((one) => source.nameIn(target, one)));
  const kept = childrenIn(disk).filter((listed) => listed !== name);
  const longContentId = own.ddb.get("longContentID");
  const named = longContentId?.slice(-8) === own.contentId ? withContentId(disk, longContentId) : { ...disk, contentId: own.contentId };
  await replaceDescriptor(source, target, withChildren(named, [...kept, ...names]));
  for (const one of children) {
    const child = await readDescriptor(source, one);
    await replaceDescriptor(source, one, { ...child, parentFileNameHint: await source.nameIn(one, target) });
  }
  const link = linkOf({ path: target, parsed: await readDescriptor(source, target) });
  markExtent(source, link, (await childrenOf(source, link)).length > 0);
}

/** Nobody writes the file from now, where the file system can be told. */
export function markExtent(source: DiskSource, { extent }: ChainLink, isFrozen: boolean): void {
  try {
    using root = source.open(extent);
    using file = openFileBeneath(root, extent.path, "read");
    setImmutable(file, isFrozen);
  } catch (error) {
    throw fileFault(error, extent, "opening");
  }
}

function isMarked(source: DiskSource, { extent }: ChainLink): boolean {
  try {
    using root = source.open(extent);
    using file = openFileBeneath(root, extent.path, "read");
    return isImmutable(file);
  } catch (error) {
    throw fileFault(error, extent, "opening");
  }
}

export interface LinkAccess {
  readonly writable: boolean;
  readonly isUnlocked?: boolean;
}

/**
 * Opens and locks the file of one disk of a chain.
 * @throws {Fault} FileLocked, InvalidDiskFormat for a file that is not what its descriptor says
 */
export async function openLink(source: DiskSource, link: ChainLink, access: LinkAccess): Promise<OpenFile> {
  const { extent, format, capacityBytes } = link;
  const { writable } = access;
  try {
    using root = source.open(extent);
    const plain = openFileBeneath(root, extent.path, writable ? "readWrite" : "read");
    using open = access.isUnlocked === true ? plain : lockOrRefuse(plain, extent, writable ? "exclusive" : "shared");
    const { size, nlink } = describeFile(open);
    const file = formatDatastorePath(extent);
    if (nlink === 0) throw fault("FileNotFound", `File ${file} was not found`, { file });
    if (format === "raw" && size < capacityBytes)
      throw fault("InvalidDiskFormat", `${file} has ${size} bytes, its descriptor says ${capacityBytes}: the disk is cut short.`, {});
    if (format === "qcow2") {
      const header = parseQcow2Header(await readUpTo(open, QCOW2_HEADER_BYTES), file);
      if (header.capacityBytes !== capacityBytes)
        throw fault(
          "InvalidDiskFormat",
          `${file} is of a disk of ${header.capacityBytes} bytes, its descriptor says ${capacityBytes}.`,
          {},
        );
    }
    return new OpenFile(open.release());
  } catch (error) {
    throw fileFault(error, extent, "opening");
  }
}

/** The parents of a disk, nearest first, each open to read and locked so that nobody writes it. */
export async function openParents(source: DiskSource, parents: readonly ChainLink[]): Promise<readonly LayerAttachment[]> {
  const opened: LayerAttachment[] = [];
  try {
    for (const link of parents) opened.push(await openLayer(source, link, { writable: false }));
    return opened;
  } catch (error) {
    for (const layer of opened) layer[Symbol.dispose]();
    throw error;
  }
}

/**
 * The kernel's mark is off while a disk with children is written, which only putting a child into it does; who else would write it
 * still finds its children.
 */
export async function whileWritten<T>(source: DiskSource, descriptor: DatastorePath, deed: () => Promise<T>): Promise<T> {
  markExtent(source, linkOf({ path: descriptor, parsed: await readDescriptor(source, descriptor) }), false);
  try {
    return await deed();
  } finally {
    await settleMark(source, descriptor);
  }
}

/** The mark is there when there are children. From then on nobody writes the file, whoever has it open. */
export async function settleMark(source: DiskSource, descriptor: DatastorePath): Promise<void> {
  const link = linkOf({ path: descriptor, parsed: await readDescriptor(source, descriptor) });
  markExtent(source, link, (await childrenOf(source, link)).length > 0);
}

export async function openLayer(source: DiskSource, link: ChainLink, access: LinkAccess): Promise<LayerAttachment> {
  using file = await openLink(source, link, access);
  const { size } = describeFile(file);
  const { path: descriptor, extent, format, capacityBytes } = link;
  return { descriptor, file: extent, format, capacityBytes, sizeBytes: size, writable: access.writable, ...handOn(file) };
}
