/**
 * Disks that are no flat file: sparse ones of VMware's other products, those in several extents, stream-optimized ones. What they hold
 * is copied into a flat extent; a monitor never gets one. All files lie beside the descriptor, and are opened beneath the datastore.
 */
import { type DatastorePath, folderOf, formatDatastorePath, inFolder } from "../../base/index.ts";
import {
  copyData,
  createUnnamedFile,
  describeFile,
  isErrno,
  makeSparse,
  nameFile,
  OpenFile,
  openFileBeneath,
  openFolderBeneath,
  readAt,
  removeBeneath,
  replaceFile,
  splitPath,
  syncFile,
  writeAll,
  writeAllAt,
} from "../../system/index.ts";
import {
  capacityBytesOf,
  type ExtentFile,
  fault,
  formatVmdkDescriptor,
  NO_PARENT,
  SECTOR_BYTES,
  SparseExtent,
  type VmdkDescriptor,
  type VmdkExtent,
} from "../../wire/index.ts";
import { type Controls, throwIfCanceled, watchBytes } from "../controls.ts";
import { type DiskSource, readDescriptor } from "./descriptor-file.ts";
import { changeDescriptor, extentNameOf, isNative } from "./disk-rules.ts";
import { requireSpace, STAT_BLOCK_BYTES } from "./disks.ts";
import { naming } from "./file-fault.ts";
import { lockOrRefuse } from "./open-locked.ts";

type Lock = "shared" | "exclusive";

/** A disk of another format, open and locked. */
export interface ForeignDisk extends Disposable {
  readonly parsed: VmdkDescriptor;
  readonly capacityBytes: number;
  /** What its files take on their file system: about as much as the flat copy will. */
  readonly allocatedBytes: number;
  /** Copies what it holds into a file of its size that reads as zeros. @throws {Fault} InvalidDiskFormat, which names file and place */
  copyTo(flat: OpenFile, watch: (doneBytes: number) => void): Promise<void>;
}

interface OpenExtent {
  readonly extent: VmdkExtent;
  readonly path: DatastorePath;
  /** Where it begins in the disk. */
  readonly offset: number;
  readonly file: OpenFile;
  readonly sparse: SparseExtent | undefined;
}

const PIECE_BYTES = 1024 * 1024;
/** Deflated grains that are inflated at a time: a few MiB. */
const GRAINS_AT_ONCE = 32;
const NAMES_MAX = 100;
const READ_TYPES: readonly VmdkExtent["type"][] = ["FLAT", "VMFS", "SPARSE", "VMFSSPARSE"];

/** @returns undefined for a flat disk, which needs none of this. @throws {Fault} InvalidDiskFormat for what can't be read either */
export async function openForeign(source: DiskSource, descriptor: DatastorePath, lock: Lock): Promise<ForeignDisk | undefined> {
  const parsed = await readDescriptor(source, descriptor);
  if (isNative(parsed)) return undefined;
  if (parsed.parentContentId !== NO_PARENT)
    throw invalid(descriptor, "is the child of another disk, in a format that is not offered for children");
  const opened: OpenExtent[] = [];
  try {
    let offset = 0;
    for (const extent of parsed.extents) {
      if (extent.file !== undefined) opened.push(await openExtent(source, { descriptor, extent, offset, lock }));
      offset += extent.sectors * SECTOR_BYTES;
    }
  } catch (error) {
    for (const { file } of opened) file[Symbol.dispose]();
    throw error;
  }
  return {
    parsed,
    capacityBytes: capacityBytesOf(parsed),
    allocatedBytes: opened.reduce((sum, { file }) => sum + describeFile(file).blocks * STAT_BLOCK_BYTES, 0),
    async copyTo(flat, watch) {
      for (const extent of opened) await naming(extent.path, "reading", () => copyExtent(extent, flat, watch));
      watch(capacityBytesOf(parsed));
    },
    [Symbol.dispose]() {
      for (const { file } of opened) file[Symbol.dispose]();
    },
  };
}

/** A sparse extent that lies in an open file. */
export function openSparse(file: OpenFile, path: DatastorePath): Promise<SparseExtent> {
  const { size } = describeFile(file);
  const extent: ExtentFile = {
    name: formatDatastorePath(path),
    sizeBytes: size,
    async read(offset, length) {
      const wanted = Math.max(0, Math.min(length, size - offset));
      const bytes = Buffer.alloc(wanted);
      let done = 0;
      while (done < wanted) {
        const read = await readAt(file.fd, bytes.subarray(done), offset + done);
        if (read === 0) break;
        done += read;
      }
      return bytes.subarray(0, done);
    },
  };
  return SparseExtent.open(extent);
}

interface Opening {
  readonly descriptor: DatastorePath;
  readonly extent: VmdkExtent;
  readonly offset: number;
  readonly lock: Lock;
}

async function openExtent(source: DiskSource, { descriptor, extent, offset, lock }: Opening): Promise<OpenExtent> {
  if (!READ_TYPES.includes(extent.type)) throw invalid(descriptor, `has an extent of type ${extent.type}, which is not offered`);
  const path = inFolder(folderOf(descriptor), extent.file ?? "");
  return naming(path, "opening", async () => {
    using root = source.open(path);
    using open = lockOrRefuse(openFileBeneath(root, path.path, "read"), path, lock);
    const kept = new OpenFile(open.release());
    try {
      return { extent, path, offset, file: kept, sparse: await checkExtent(kept, { descriptor, extent, path }) };
    } catch (error) {
      kept[Symbol.dispose]();
      throw error;
    }
  });
}

/** Whether the file is what the descriptor says. @returns how it is read, when it is a sparse one */
async function checkExtent(
  file: OpenFile,
  { descriptor, extent, path }: { readonly descriptor: DatastorePath; readonly extent: VmdkExtent; readonly path: DatastorePath },
): Promise<SparseExtent | undefined> {
  const bytes = extent.sectors * SECTOR_BYTES;
  const whose = formatDatastorePath(descriptor);
  if (extent.type === "FLAT" || extent.type === "VMFS") {
    const { size } = describeFile(file);
    const needed = extent.offset * SECTOR_BYTES + bytes;
    if (size < needed) throw invalid(path, `has ${size} bytes, ${whose} says ${needed}: the disk is cut short`);
    return undefined;
  }
  if (extent.offset !== 0) throw invalid(descriptor, `has a sparse extent that begins at sector ${extent.offset} of its file`);
  const sparse = await openSparse(file, path);
  if (sparse.capacityBytes !== bytes) throw invalid(path, `is of ${sparse.capacityBytes} bytes, ${whose} says ${bytes}`);
  return sparse;
}

async function copyExtent({ extent, offset, file, sparse }: OpenExtent, flat: OpenFile, watch: (doneBytes: number) => void): Promise<void> {
  if (sparse !== undefined) return copySparse({ offset, file, sparse }, flat, watch);
  const begin = extent.offset * SECTOR_BYTES;
  await copyData({ from: file, to: flat }, extent.sectors * SECTOR_BYTES, (done) => watch(offset + done), { from: begin, to: offset });
}

async function copySparse(
  { offset, file, sparse }: { readonly offset: number; readonly file: OpenFile; readonly sparse: SparseExtent },
  flat: OpenFile,
  watch: (doneBytes: number) => void,
): Promise<void> {
  const inflating: Promise<{ readonly at: number; readonly bytes: Buffer }>[] = [];
  const settle = async () => {
    for (const { at, bytes } of await Promise.all(inflating.splice(0))) await writeAllAt(flat.fd, [bytes], at);
  };
  const buffer = Buffer.allocUnsafe(PIECE_BYTES);
  for await (const range of sparse.grains()) {
    watch(offset + range.offset);
    const at = offset + range.offset;
    if (range.kind === "deflated") {
      inflating.push(sparse.inflate(range).then((bytes) => ({ at, bytes })));
      if (inflating.length >= GRAINS_AT_ONCE) await settle();
    } else if (range.kind === "data") await copyRange({ file, from: range.at, to: at, length: range.length }, flat, buffer);
    // zeros are what a disk without a parent has there already
  }
  await settle();
}

async function copyRange(
  { file, from, to, length }: { readonly file: OpenFile; readonly from: number; readonly to: number; readonly length: number },
  flat: OpenFile,
  buffer: Buffer,
): Promise<void> {
  for (let done = 0; done < length; ) {
    const read = await readAt(file.fd, buffer.subarray(0, Math.min(buffer.length, length - done)), from + done);
    if (read === 0) throw fault("InvalidDiskFormat", `The disk became shorter while it was read.`, {});
    await writeAllAt(flat.fd, [buffer.subarray(0, read)], to + done);
    done += read;
  }
}

/**
 * Makes the disk a flat one where it lies: first the new extent, then the descriptor in one step, the old extents last. Cut short, the
 * disk is the old one or the new one, by what its descriptor says; what is too much is a file that nothing names.
 * @returns false when it is flat already
 */
export async function convertDisk(source: DiskSource, descriptor: DatastorePath, controls: Controls): Promise<boolean> {
  using foreign = await openForeign(source, descriptor, "exclusive");
  if (foreign === undefined) return false;
  const { parsed, capacityBytes } = foreign;
  const { folder: folderPath, name } = splitPath(descriptor.path);
  using root = source.open(descriptor);
  using folder = openFolderBeneath(root, folderPath);
  requireSpace(folder, descriptor, foreign.allocatedBytes);
  using flat = createUnnamedFile(folder);
  makeSparse(flat, capacityBytes);
  await foreign.copyTo(flat, watchBytes(controls, capacityBytes));
  using text = createUnnamedFile(folder);
  const extentFile = freeName(folder, descriptor);
  await writeAll(text, Buffer.from(formatVmdkDescriptor(flatDescriptor(parsed, extentFile))));
  await Promise.all([syncFile(flat), syncFile(text)]);
  throwIfCanceled(controls);
  nameFile(flat, folder, extentFile);
  try {
    await syncFile(folder);
    replaceFile(text, folder, name);
  } catch (error) {
    removeBeneath(folder, extentFile);
    throw error;
  }
  await syncFile(folder);
  const old = new Set(parsed.extents.flatMap(({ file }) => (file === undefined || file === name ? [] : [file])));
  for (const file of old) removeBeneath(folder, file);
  await syncFile(folder);
  return true;
}

/** One extent, thin, in the place of all: what the disk is besides stays. */
export function flatDescriptor(parsed: VmdkDescriptor, extentFile: string): VmdkDescriptor {
  const sectors = capacityBytesOf(parsed) / SECTOR_BYTES;
  const one: VmdkDescriptor = { ...parsed, version: 1, extents: [{ access: "RW", sectors, type: "VMFS", file: extentFile, offset: 0 }] };
  return changeDescriptor(one, { extentFile, thin: true });
}

/** "disk-flat.vmdk", or a numbered one where an earlier attempt, or another disk, has left a file of that name. */
function freeName(folder: OpenFile, descriptor: DatastorePath): string {
  for (let number = 0; number < NAMES_MAX; number++) {
    const name = number === 0 ? extentNameOf(descriptor) : extentNameOf(descriptor).replace(/-flat\.vmdk$/, `_${number}-flat.vmdk`);
    try {
      openFileBeneath(folder, name, "read")[Symbol.dispose]();
    } catch (error) {
      if (isErrno(error, "ENOENT")) return name;
      if (!(error instanceof Error && "code" in error)) throw error;
    }
  }
  const file = formatDatastorePath(inFolder(folderOf(descriptor), extentNameOf(descriptor)));
  throw fault("FileAlreadyExists", `${file} and ${NAMES_MAX} names after it are taken.`, { file });
}

function invalid(path: DatastorePath, problem: string) {
  return fault("InvalidDiskFormat", `${formatDatastorePath(path)} ${problem}.`, {});
}
