/**
 * Makes disks of other formats what a monitor can have, where they lie: a base becomes flat, a child (of a snapshot or a linked clone)
 * a delta of this host's that has what it had, on the same parent. Each disk is the old one or the new one at every moment, by what its
 * descriptor says, and holds the same; so its content ID stays, by which its own children know it.
 */
import { type DatastorePath, folderOf, formatDatastorePath, inFolder } from "../../base/index.ts";
import {
  createUnnamedFile,
  isErrno,
  makeSparse,
  nameFile,
  type OpenFile,
  openFileBeneath,
  openFolderBeneath,
  removeBeneath,
  replaceFile,
  splitPath,
  syncFile,
  writeAll,
} from "../../system/index.ts";
import {
  CHILDREN_MAX,
  capacityBytesOf,
  childrenIn,
  fault,
  formatVmdkDescriptor,
  SECTOR_BYTES,
  type VmdkDescriptor,
  withChildren,
} from "../../wire/index.ts";
import { type Controls, partOf, throwIfCanceled, watchBytes } from "../controls.ts";
import { type ChainLink, markExtent, openLink, readChain } from "./chain.ts";
import { type OpenLink, writeOverlaid } from "./chain-data.ts";
import { readLinks } from "./chain-links.ts";
import { isChild } from "./chain-rules.ts";
import { type DiskSource, readDescriptor, replaceDescriptor } from "./descriptor-file.ts";
import { changeDescriptor, deltaNameOf, extentNameOf, isNative } from "./disk-rules.ts";
import { requireSpace } from "./disks.ts";
import { type ForeignDisk, openForeign } from "./foreign-disk.ts";

const NAMES_MAX = 100;

/**
 * The disk and all that it descends from, the base first: what a child holds is then known by what lies under it.
 * @returns false when nothing is to be done
 * @throws {Fault} InvalidDiskFormat … of one that cannot be read, before any has become another; FileLocked, NoDiskSpace,
 *   RequestCanceled: the disk at which it came is the old one then
 */
export async function convertDisk(source: DiskSource, descriptor: DatastorePath, controls: Controls): Promise<boolean> {
  const links = await readLinks(source, descriptor);
  const foreign = links.filter(({ parsed }) => !isNative(parsed)).toReversed();
  if (foreign.length === 0) return false;
  for (const { path } of foreign) (await openForeign(source, path, "exclusive"))?.[Symbol.dispose]();
  for (const [index, { path }] of foreign.entries()) await convertOne(source, path, partOf(controls, index, foreign.length));
  return true;
}

async function convertOne(source: DiskSource, descriptor: DatastorePath, controls: Controls): Promise<void> {
  using foreign = await openForeign(source, descriptor, "exclusive");
  if (foreign === undefined) return;
  const { folder: folderPath, name } = splitPath(descriptor.path);
  using root = source.open(descriptor);
  using folder = openFolderBeneath(root, folderPath);
  requireSpace(folder, descriptor, foreign.allocatedBytes);
  const job = { source, descriptor, folder, foreign, controls };
  using text = createUnnamedFile(folder);
  using data = createUnnamedFile(folder);
  const { parsed, file } = isChild(foreign.parsed) ? await fillDelta(job, data) : await fillFlat(job, data);
  await writeAll(text, Buffer.from(formatVmdkDescriptor(parsed)));
  await Promise.all([syncFile(data), syncFile(text)]);
  throwIfCanceled(controls);
  nameFile(data, folder, file);
  try {
    await syncFile(folder);
    replaceFile(text, folder, name);
  } catch (error) {
    removeBeneath(folder, file);
    throw error;
  }
  await syncFile(folder);
  const old = new Set(foreign.parsed.extents.flatMap((extent) => (extent.file === undefined || extent.file === name ? [] : [extent.file])));
  for (const one of old) removeBeneath(folder, one);
  await syncFile(folder);
}

interface Job {
  readonly source: DiskSource;
  readonly descriptor: DatastorePath;
  readonly folder: OpenFile;
  readonly foreign: ForeignDisk;
  readonly controls: Controls;
}

interface Converted {
  readonly parsed: VmdkDescriptor;
  readonly file: string;
}

async function fillFlat({ descriptor, folder, foreign, controls }: Job, flat: OpenFile): Promise<Converted> {
  makeSparse(flat, foreign.capacityBytes);
  await foreign.copyTo(flat, watchBytes(controls, foreign.capacityBytes));
  const file = freeName(folder, descriptor, extentNameOf(descriptor));
  return { parsed: flatDescriptor(foreign.parsed, file), file };
}

/** Its parents are read meanwhile, and held so that nobody writes them. */
async function fillDelta({ source, descriptor, folder, foreign, controls }: Job, delta: OpenFile): Promise<Converted> {
  const [, parent] = await readLinks(source, descriptor);
  if (parent === undefined) throw fault("InvalidDiskFormat", `${formatDatastorePath(descriptor)} has lost its parent.`, {});
  const chain = await readChain(source, parent.path);
  const parents: (OpenLink & { readonly file: OpenFile })[] = [];
  try {
    for (const link of chain) {
      const file = await openLink(source, link, { writable: false });
      parents.push({ file, format: link.format, name: formatDatastorePath(link.extent) });
    }
    await listChild(source, chain[0], descriptor);
    const { capacityBytes } = foreign;
    const watch = watchBytes(controls, capacityBytes);
    makeSparse(delta, await writeOverlaid({ parts: foreign.parts(), parents }, delta, { capacityBytes, watch }));
  } finally {
    for (const { file } of parents) file[Symbol.dispose]();
  }
  const file = freeName(folder, descriptor, deltaNameOf(descriptor));
  return { parsed: deltaDescriptor(foreign.parsed, file), file };
}

/** It is a child of it whatever becomes of the conversion. ESXi's parents do not say so; from now on nobody writes it. */
function listChild(source: DiskSource, { path }: ChainLink, child: DatastorePath): Promise<void> {
  return source.families.take(async () => {
    const parsed = await readDescriptor(source, path);
    const name = await source.nameIn(path, child);
    const listed = childrenIn(parsed);
    if (!listed.includes(name)) {
      const file = formatDatastorePath(path);
      if (listed.length >= CHILDREN_MAX) throw fault("FileFault", `${file} has ${CHILDREN_MAX} children.`, { file });
      await replaceDescriptor(source, path, withChildren(parsed, [...listed, name]));
    }
    const [link] = await readChain(source, path);
    markExtent(source, link, true);
  });
}

/** One extent, thin, in the place of all: what the disk is besides stays. */
export function flatDescriptor(parsed: VmdkDescriptor, extentFile: string): VmdkDescriptor {
  const sectors = capacityBytesOf(parsed) / SECTOR_BYTES;
  const one: VmdkDescriptor = { ...parsed, version: 1, extents: [{ access: "RW", sectors, type: "VMFS", file: extentFile, offset: 0 }] };
  return changeDescriptor(one, { extentFile, thin: true });
}

function deltaDescriptor(parsed: VmdkDescriptor, file: string): VmdkDescriptor {
  const sectors = capacityBytesOf(parsed) / SECTOR_BYTES;
  const ddb = new Map([...parsed.ddb].filter(([key]) => key !== "thinProvisioned"));
  return { ...parsed, version: 1, createType: "custom", extents: [{ access: "RW", sectors, type: "QCOW2", file, offset: 0 }], ddb };
}

/** The name itself, or a numbered one where an earlier attempt, another disk, or the old extent has a file of that name. */
function freeName(folder: OpenFile, descriptor: DatastorePath, wanted: string): string {
  for (let number = 0; number < NAMES_MAX; number++) {
    const name = number === 0 ? wanted : wanted.replace(/-(flat|delta)\.vmdk$/, `_${number}-$1.vmdk`);
    try {
      openFileBeneath(folder, name, "read")[Symbol.dispose]();
    } catch (error) {
      if (isErrno(error, "ENOENT")) return name;
      if (!(error instanceof Error && "code" in error)) throw error;
    }
  }
  const file = formatDatastorePath(inFolder(folderOf(descriptor), wanted));
  throw fault("FileAlreadyExists", `${file} and ${NAMES_MAX} names after it are taken.`, { file });
}
