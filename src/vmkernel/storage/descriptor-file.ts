/** The descriptor of a disk on its datastore: read as what it is, replaced in one step. */
import { type DatastorePath, fileNameOf, formatDatastorePath, type Turns } from "../../base/index.ts";
import {
  createUnnamedFile,
  type OpenFile,
  openFileBeneath,
  openFolderBeneath,
  readUpTo,
  replaceFile,
  splitPath,
  syncFile,
  writeAll,
} from "../../system/index.ts";
import {
  fault,
  formatVmdkDescriptor,
  lineOfEntry,
  parseEmbeddedDescriptor,
  parseSparseHeader,
  parseVmdkDescriptor,
  SECTOR_BYTES,
  VMDK_DESCRIPTOR_BYTES_MAX,
  type VmdkDescriptor,
} from "../../wire/index.ts";
import { fileFault } from "./file-fault.ts";

export interface DiskSource {
  /** The datastore that `path` lies in. */
  open(path: DatastorePath): OpenFile;
  random(bytes: number): Uint8Array;
  /** The file that a descriptor in `from` means by a name: one beside it, or /vmfs/volumes/…. Undefined for one that leads out. */
  resolve(name: string, from: DatastorePath): Promise<DatastorePath | undefined>;
  /** How a descriptor in `from` is to name `file`. */
  nameIn(from: DatastorePath, file: DatastorePath): Promise<string>;
  /** Whoever changes what parents and children say of each other does so alone. */
  readonly families: Turns;
}

export async function readDescriptor(source: Pick<DiskSource, "open">, descriptor: DatastorePath): Promise<VmdkDescriptor> {
  try {
    using root = source.open(descriptor);
    using file = openFileBeneath(root, descriptor.path, "read");
    return parseDescriptorOf(await readUpTo(file, DESCRIPTOR_READ_BYTES), descriptor);
  } catch (error) {
    throw fileFault(error, descriptor, "reading");
  }
}

/** More than a descriptor can have; a hosted sparse disk has its own inside, behind its header. */
const DESCRIPTOR_READ_BYTES = 2 * VMDK_DESCRIPTOR_BYTES_MAX;

function parseDescriptorOf(bytes: Buffer, descriptor: DatastorePath): VmdkDescriptor {
  const name = formatDatastorePath(descriptor);
  if (bytes.toString("latin1", 0, 4) !== "KDMV") return parseVmdkDescriptor(bytes, name);
  const place = parseSparseHeader(bytes, name).descriptor;
  if (place === undefined) throw fault("InvalidDiskFormat", `${name} is an extent of a sparse disk, not its descriptor.`, {});
  const begin = place.sector * SECTOR_BYTES;
  const end = begin + place.sectors * SECTOR_BYTES;
  if (end > bytes.length) throw fault("InvalidDiskFormat", `${name} says that its descriptor lies at byte ${begin}, where it is not.`, {});
  const parsed = parseEmbeddedDescriptor(bytes.subarray(begin, end), name);
  if (parsed.extents.length !== 1)
    throw fault("InvalidDiskFormat", `${name} has its descriptor inside, and ${parsed.extents.length} extents.`, {});
  // The file may have been given another name since: the one extent is the file itself.
  return { ...parsed, extents: parsed.extents.map((extent) => ({ ...extent, file: fileNameOf(descriptor), offset: 0 })) };
}

/** The line of a descriptor's text that has that entry, counted from 1; undefined where none has. */
export async function lineOfKey(source: Pick<DiskSource, "open">, descriptor: DatastorePath, key: string): Promise<number | undefined> {
  using root = source.open(descriptor);
  using file = openFileBeneath(root, descriptor.path, "read");
  const text = (await readUpTo(file, DESCRIPTOR_READ_BYTES)).toString("latin1");
  return lineOfEntry(text.slice(Math.max(0, text.indexOf("# Disk DescriptorFile"))), key);
}

/** Who reads it finds the old one or the new one. */
export async function replaceDescriptor(
  source: Pick<DiskSource, "open">,
  descriptor: DatastorePath,
  parsed: VmdkDescriptor,
): Promise<void> {
  try {
    using root = source.open(descriptor);
    const { folder: path, name } = splitPath(descriptor.path);
    using folder = openFolderBeneath(root, path);
    using text = createUnnamedFile(folder);
    await writeAll(text, Buffer.from(formatVmdkDescriptor(parsed)));
    await syncFile(text);
    replaceFile(text, folder, name);
    await syncFile(folder);
  } catch (error) {
    throw fileFault(error, descriptor, "writing");
  }
}
