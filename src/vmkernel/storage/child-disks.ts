/**
 * Child disks: made on a parent that from then on nobody writes, and removed again; the last one that goes gives the parent free.
 * What a parent lists is written before the child has its names, so that a child is never there without it.
 */
import { type DatastorePath, Fault, folderOf, formatDatastorePath, inFolder } from "../../base/index.ts";
import {
  createUnnamedFile,
  isErrno,
  makeSparse,
  type OpenFile,
  openFileBeneath,
  openFolderBeneath,
  removeBeneath,
  setImmutable,
  splitPath,
  statBeneath,
  syncFile,
  writeAllPieces,
} from "../../system/index.ts";
import {
  aliasOf,
  CHAIN_DEPTH_MAX,
  CHILDREN_MAX,
  childrenIn,
  emptyQcow2,
  FRESH_CONTENT_ID,
  fault,
  formatVmdkDescriptor,
  leftExtentOf,
  makeChildDescriptor,
  withChildren,
  withContentId,
} from "../../wire/index.ts";
import { UNWATCHED } from "../controls.ts";
import type { DiskDescription } from "../rpc.ts";
import {
  type ChainLink,
  childrenOf,
  followAlias,
  linkOf,
  markExtent,
  openLink,
  readChain,
  requireChildless,
  settleAlias,
} from "./chain.ts";
import { parentOf } from "./chain-links.ts";
import type { Link } from "./chain-rules.ts";
import { type DiskSource, readDescriptor, replaceDescriptor } from "./descriptor-file.ts";
import { checkDiskName, deltaNameOf } from "./disk-rules.ts";
import { deleteDisk, describeDisk, nameDisk } from "./disks.ts";
import { fileFault } from "./file-fault.ts";

export interface NewChild {
  readonly parent: DatastorePath;
  /** 32 hex digits. The parent's where it is left out, as a snapshot has it. */
  readonly uuid?: string;
  /** The parent is written by a monitor, which will go on with the child. */
  readonly isWritten?: boolean;
}

/** @throws {Fault} FileLocked when somebody writes the parent; TooManySnapshotLevels; FileAlreadyExists */
export function createChild(
  source: DiskSource,
  descriptor: DatastorePath,
  { parent: wanted, uuid, isWritten }: NewChild,
): Promise<DiskDescription> {
  checkDiskName(descriptor);
  return source.families.take(async () => {
    const parent = await followAlias(source, wanted);
    const chain = await readChain(source, parent);
    const [top] = chain;
    if (chain.length >= CHAIN_DEPTH_MAX) throw tooDeep(parent);
    // Held until the child is there: a monitor that is started meanwhile is refused.
    using _held = isWritten === true ? undefined : await openLink(source, top, { writable: false });
    const extent = inFolder(folderOf(descriptor), deltaNameOf(descriptor));
    using root = source.open(descriptor);
    using folder = openFolderBeneath(root, splitPath(descriptor.path).folder);
    for (const path of [descriptor, extent]) requireFree(folder, path);
    using extentFile = createUnnamedFile(folder);
    const { pieces, length } = emptyQcow2(top.capacityBytes);
    makeSparse(extentFile, length);
    await writeAllPieces(extentFile.fd, pieces);
    const frozen = await freeze(source, top, await source.nameIn(parent, descriptor));
    if (isWritten !== true) markExtent(source, top, true);
    const child = makeChildDescriptor(frozen, {
      parentFileNameHint: await source.nameIn(descriptor, parent),
      longContentId: Buffer.from(source.random(16)).toString("hex"),
      extentFile: deltaNameOf(descriptor),
      ...(uuid !== undefined && { uuid }),
    });
    await nameDisk({ folder, extentFile, extent, descriptor, text: formatVmdkDescriptor(child) }, { controls: UNWATCHED });
    return describeDisk(source, descriptor);
  });
}

/** Lists a child. A disk that was never told from others by its content gets an ID of its own with its first child. */
async function freeze(source: DiskSource, link: ChainLink, child: string) {
  const { path, parsed } = link;
  const listed = childrenIn(parsed);
  const real =
    listed.length < CHILDREN_MAX ? listed : await Promise.all((await childrenOf(source, link)).map((one) => source.nameIn(path, one)));
  if (real.length >= CHILDREN_MAX)
    throw fault("FileFault", `${formatDatastorePath(path)} has ${CHILDREN_MAX} children.`, { file: formatDatastorePath(path) });
  const own = parsed.contentId === FRESH_CONTENT_ID ? withContentId(parsed, Buffer.from(source.random(16)).toString("hex")) : parsed;
  const frozen = withChildren(own, [...real, child]);
  await replaceDescriptor(source, path, frozen);
  return frozen;
}

/** @throws {Fault} FileLocked for one that has children */
export function removeDisk(source: DiskSource, descriptor: DatastorePath): Promise<void> {
  return source.families.take(async () => {
    const parsed = await readDescriptor(source, descriptor);
    if (aliasOf(parsed) !== undefined) return removeAlias(source, descriptor);
    await requireChildless(source, { path: descriptor, parsed });
    const parent = await findParent(source, descriptor);
    removeMark(source, { path: descriptor, parsed });
    await deleteDisk(source, descriptor);
    if (parent !== undefined) await unlist(source, parent, descriptor);
  });
}

/** One that had children may still be marked, when whoever took the last of them away was killed; one that was never whole has no mark. */
function removeMark(source: DiskSource, link: Link): void {
  try {
    markExtent(source, linkOf(link), false);
  } catch (error) {
    if (!(error instanceof Fault)) throw error; // whatever is wrong with it: deleting it says so
  }
}

async function findParent(source: DiskSource, descriptor: DatastorePath): Promise<DatastorePath | undefined> {
  const parsed = await readDescriptor(source, descriptor);
  if (parsed.parentFileNameHint === undefined) return undefined;
  return parentOf(source, { path: descriptor, parsed }).catch(() => undefined); // a child without a parent can be removed too
}

/** Takes a child out of what its parent lists. A parent without children is free again, and told from what it was. */
export async function unlist(source: DiskSource, parent: DatastorePath, child: DatastorePath): Promise<void> {
  try {
    const parsed = await readDescriptor(source, parent);
    const name = await source.nameIn(parent, child);
    const left = childrenIn(parsed).filter((listed) => listed !== name);
    if (left.length === childrenIn(parsed).length) return;
    if (left.length > 0) return await replaceDescriptor(source, parent, withChildren(parsed, left));
    const [link] = await readChain(source, parent);
    await replaceDescriptor(source, parent, withContentId(withChildren(parsed, []), Buffer.from(source.random(16)).toString("hex")));
    markExtent(source, link, false);
  } catch (error) {
    // The parent is gone, or is no disk any more: nothing is left to be told.
    if (!(error instanceof Fault)) throw error;
  }
}

/** The descriptor alone: its files are the other's. Its children become the other's before. */
async function removeAlias(source: DiskSource, descriptor: DatastorePath): Promise<void> {
  const target = await followAlias(source, descriptor);
  await settleAlias(source, descriptor, target);
  const other = await readDescriptor(source, target);
  using root = source.open(descriptor);
  const left = leftExtentOf(await readDescriptor(source, descriptor)) ?? deltaNameOf(descriptor);
  if (!other.extents.some(({ file }) => file === left)) removeLeftDelta(root, inFolder(folderOf(descriptor), left));
  removeBeneath(root, descriptor.path);
  using folder = openFolderBeneath(root, splitPath(descriptor.path).folder);
  await syncFile(folder);
}

/** What the disk had before it became another name: all of it is in the other by now. */
function removeLeftDelta(root: OpenFile, delta: DatastorePath): void {
  try {
    using file = openFileBeneath(root, delta.path, "read");
    setImmutable(file, false);
    removeBeneath(root, delta.path);
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw fileFault(error, delta, "removing");
  }
}

function requireFree(folder: Parameters<typeof statBeneath>[0], file: DatastorePath): void {
  try {
    statBeneath(folder, splitPath(file.path).name);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return;
    throw error;
  }
  throw fileFault(Object.assign(new Error("the name is taken"), { code: "EEXIST" }), file, "creating");
}

function tooDeep(parent: DatastorePath): Fault {
  const message = `${formatDatastorePath(parent)} has ${CHAIN_DEPTH_MAX - 1} parents, one after another: no more can be.`;
  return fault("InvalidDiskFormat", message, {});
}
