/** The descriptor of a disk on its datastore: read as what it is, replaced in one step. */
import { type DatastorePath, formatDatastorePath, type Turns } from "../../base/index.ts";
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
import { formatVmdkDescriptor, parseVmdkDescriptor, VMDK_DESCRIPTOR_BYTES_MAX, type VmdkDescriptor } from "../../wire/index.ts";
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
    // One byte more than a descriptor can have: a sparse disk still names itself in its first ones.
    return parseVmdkDescriptor(await readUpTo(file, VMDK_DESCRIPTOR_BYTES_MAX + 1), formatDatastorePath(descriptor));
  } catch (error) {
    throw fileFault(error, descriptor, "reading");
  }
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
