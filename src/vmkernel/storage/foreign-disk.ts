/**
 * Disks that are neither a flat file nor a delta of this host's: sparse ones of ESXi (COWD) and of VMware's other products, those in
 * several extents, stream-optimized ones; with a parent or without. They are read here and become others in `convert-disk.ts`; a
 * monitor never gets one. All files lie beside the descriptor, and are opened beneath the datastore.
 */
import { type DatastorePath, folderOf, formatDatastorePath, inFolder } from "../../base/index.ts";
import { copyData, dataRanges, describeFile, OpenFile, openFileBeneath, readAt, writeAllAt, writeZeros } from "../../system/index.ts";
import {
  capacityBytesOf,
  type ExtentFile,
  fault,
  SECTOR_BYTES,
  SparseExtent,
  type VmdkDescriptor,
  type VmdkExtent,
} from "../../wire/index.ts";
import { isChild } from "./chain-rules.ts";
import { type DiskSource, readDescriptor } from "./descriptor-file.ts";
import { isNative } from "./disk-rules.ts";
import { STAT_BLOCK_BYTES } from "./disks.ts";
import { naming } from "./file-fault.ts";
import { lockOrRefuse } from "./open-locked.ts";

type Lock = "shared" | "exclusive";

/** A part of a disk. `bytes` is absent where it reads as zeros, and good until the next is asked for. */
export interface DiskPart {
  readonly offset: number;
  readonly length: number;
  readonly bytes?: Buffer;
}

/** A disk of another format, open and locked. */
export interface ForeignDisk extends Disposable {
  readonly parsed: VmdkDescriptor;
  readonly capacityBytes: number;
  /** What its files take on their file system: about as much as the flat copy will. */
  readonly allocatedBytes: number;
  /** What it has of its own, in the order of the disk; the rest is its parent's. @throws {Fault} InvalidDiskFormat, which names file and place */
  parts(): AsyncGenerator<DiskPart>;
  /** Writes what it has of its own into a file of its size, which holds what its parents have, or reads as zeros. @throws as `parts` */
  copyTo(flat: OpenFile, watch: (doneBytes: number) => void): Promise<void>;
}

interface OpenExtent {
  readonly extent: VmdkExtent;
  readonly path: DatastorePath;
  /** Where it begins in the disk. */
  readonly offset: number;
  /** None of an extent of zeros. */
  readonly file: OpenFile | undefined;
  readonly sparse: SparseExtent | undefined;
}

const PIECE_BYTES = 1024 * 1024;
/** Deflated grains that are inflated at a time: a few MiB. */
const GRAINS_AT_ONCE = 32;
const READ_TYPES: readonly VmdkExtent["type"][] = ["FLAT", "VMFS", "SPARSE", "VMFSSPARSE"];

/** @returns undefined for a disk that a monitor can have, which needs none of this. @throws {Fault} InvalidDiskFormat for what can't be read */
export async function openForeign(source: DiskSource, descriptor: DatastorePath, lock: Lock): Promise<ForeignDisk | undefined> {
  const parsed = await readDescriptor(source, descriptor);
  if (isNative(parsed)) return undefined;
  const opened: OpenExtent[] = [];
  const close = () => {
    for (const { file } of opened) file?.[Symbol.dispose]();
  };
  try {
    let offset = 0;
    for (const extent of parsed.extents) {
      opened.push(await openExtent(source, { descriptor, extent, offset, lock }));
      offset += extent.sectors * SECTOR_BYTES;
    }
  } catch (error) {
    close();
    throw error;
  }
  const capacityBytes = capacityBytesOf(parsed);
  return {
    parsed,
    capacityBytes,
    allocatedBytes: opened.reduce((sum, { file }) => sum + (file === undefined ? 0 : describeFile(file).blocks * STAT_BLOCK_BYTES), 0),
    async *parts() {
      for (const extent of opened) yield* partsOf(extent);
    },
    async copyTo(flat, watch) {
      for (const extent of opened)
        await naming(extent.path, "reading", () => copyExtent(extent, flat, { watch, isBase: !isChild(parsed) }));
      watch(capacityBytes);
    },
    [Symbol.dispose]: close,
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
  if (extent.file === undefined) return { extent, path: descriptor, offset, file: undefined, sparse: undefined };
  if (!READ_TYPES.includes(extent.type)) throw invalid(descriptor, `has an extent of type ${extent.type}, which is not offered`);
  const path = inFolder(folderOf(descriptor), extent.file);
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

interface Copying {
  readonly watch: (doneBytes: number) => void;
  /** What is there already reads as zeros. */
  readonly isBase: boolean;
}

async function copyExtent(opened: OpenExtent, flat: OpenFile, { watch, isBase }: Copying): Promise<void> {
  const { extent, offset, file, sparse } = opened;
  if (isBase && file !== undefined && sparse === undefined) {
    const begin = extent.offset * SECTOR_BYTES;
    await copyData({ from: file, to: flat }, extent.sectors * SECTOR_BYTES, (done) => watch(offset + done), { from: begin, to: offset });
    return;
  }
  for await (const part of partsOf(opened)) {
    watch(part.offset);
    if (part.bytes !== undefined) await writeAllAt(flat.fd, [part.bytes], part.offset);
    else if (!isBase) await writeZeros(flat, part, watch);
  }
}

async function* partsOf({ extent, offset, file, sparse }: OpenExtent): AsyncGenerator<DiskPart> {
  if (file === undefined) yield { offset, length: extent.sectors * SECTOR_BYTES };
  else if (sparse !== undefined) yield* sparseParts({ offset, file, sparse });
  else yield* flatParts(file, { from: extent.offset * SECTOR_BYTES, offset, length: extent.sectors * SECTOR_BYTES });
}

async function* sparseParts({
  offset,
  file,
  sparse,
}: {
  readonly offset: number;
  readonly file: OpenFile;
  readonly sparse: SparseExtent;
}): AsyncGenerator<DiskPart> {
  const inflating: Promise<DiskPart>[] = [];
  const buffer = Buffer.allocUnsafe(PIECE_BYTES);
  for await (const range of sparse.grains()) {
    const at = offset + range.offset;
    if (range.kind === "deflated") {
      inflating.push(sparse.inflate(range).then((bytes) => ({ offset: at, length: bytes.length, bytes })));
      if (inflating.length >= GRAINS_AT_ONCE) yield* await Promise.all(inflating.splice(0));
      continue;
    }
    yield* await Promise.all(inflating.splice(0));
    if (range.kind === "data") yield* dataParts(file, { from: range.at, offset: at, length: range.length }, buffer);
    else yield { offset: at, length: range.length };
  }
  yield* await Promise.all(inflating.splice(0));
}

interface Place {
  /** Of the file. */
  readonly from: number;
  /** Of the disk. */
  readonly offset: number;
  readonly length: number;
}

/** All of it is the extent's own: what is a hole in its file are zeros of the disk. */
async function* flatParts(file: OpenFile, { from, offset, length }: Place): AsyncGenerator<DiskPart> {
  const buffer = Buffer.allocUnsafe(PIECE_BYTES);
  let done = 0;
  for (const range of dataRanges(file, from + length, from)) {
    const begin = range.offset - from;
    if (begin > done) yield { offset: offset + done, length: begin - done };
    yield* dataParts(file, { from: range.offset, offset: offset + begin, length: range.length }, buffer);
    done = begin + range.length;
  }
  if (done < length) yield { offset: offset + done, length: length - done };
}

async function* dataParts(file: OpenFile, { from, offset, length }: Place, buffer: Buffer): AsyncGenerator<DiskPart> {
  for (let done = 0; done < length; ) {
    const read = await readAt(file.fd, buffer.subarray(0, Math.min(buffer.length, length - done)), from + done);
    if (read === 0) throw fault("InvalidDiskFormat", `The disk became shorter while it was read.`, {});
    yield { offset: offset + done, length: read, bytes: buffer.subarray(0, read) };
    done += read;
  }
}

function invalid(path: DatastorePath, problem: string) {
  return fault("InvalidDiskFormat", `${formatDatastorePath(path)} ${problem}.`, {});
}
