/**
 * Storage: what hostd may ask of the datastores, and the open files that monitors are started with.
 * hostd and monitors get descriptors and texts; only vmkernel ever opens a path.
 */
import { randomBytes } from "node:crypto";
import { type DatastorePath, formatDatastorePath, inFolder, Turns } from "../../base/index.ts";
import {
  createFileBeneath,
  createUnnamedFile,
  describeFile,
  isErrno,
  makeFolderBeneath,
  nameFile,
  namesIn,
  type OpenFile,
  openFileBeneath,
  openFolderBeneath,
  readWhole,
  removeBeneath,
  replaceFile,
  splitPath,
  statBeneath,
  syncFile,
  tryLock,
  writeAll,
} from "../../system/index.ts";
import { fault } from "../../wire/index.ts";
import type { DiskAttachment, FileAttachment, LayerAttachment } from "../attachments.ts";
import type { Controls } from "../controls.ts";
import type { DatastoreDescription, DiskChange, DiskDescription, FolderEntry, Moved, NewDisk } from "../rpc.ts";
import { openLayer, readChain, settleMark, whileWritten } from "./chain.ts";
import { createChild, type NewChild, removeDisk } from "./child-disks.ts";
import { type CommitPlaces, commitDisk, commitWith } from "./commit-disk.ts";
import { createDatastore, removeDatastore, renameDatastore } from "./datastore-deeds.ts";
import { Datastores, UUID_FILE } from "./datastores.ts";
import type { DiskSource } from "./descriptor-file.ts";
import { changeDisk, extendWritten, type Growth } from "./disk-changes.ts";
import { beginDiskImport } from "./disk-streams.ts";
import { copyDisk, type DiskTransfer, moveDisk } from "./disk-transfers.ts";
import { createDisk, describeDisk, openDisk } from "./disks.ts";
import { fileLocked, naming } from "./file-fault.ts";
import { copyFile, type FileTransfer, moveFile } from "./file-transfers.ts";
import { type OverlayPlace, openNonpersistent } from "./nonpersistent-disk.ts";
import { handOn, lockOrRefuse } from "./open-locked.ts";
import { beginUpload, resumeUpload, type Upload, type UploadRules } from "./uploads.ts";
import { beginVmLog, VM_LOG } from "./vm-logs.ts";

/** All paths are untrusted; every failure is a {@link Fault} that names the datastore path. */
export interface Storage {
  listDatastores(): Promise<DatastoreDescription[]>;
  createDatastore(name: string): Promise<void>;
  renameDatastore(names: { readonly from: string; readonly to: string }): Promise<void>;
  removeDatastore(name: string): Promise<void>;
  /** At most {@link TEXT_BYTES_MAX}, UTF-8. */
  readText(file: DatastorePath, options?: TextOptions): Promise<string>;
  writeText(file: DatastorePath, text: string, options?: TextOptions & { readonly mustBeNew?: boolean }): Promise<void>;
  /** A file that must not be there yet, whole or not at all. */
  writeNew(file: DatastorePath, bytes: Uint8Array): Promise<void>;
  listFolder(folder: DatastorePath): Promise<FolderEntry[]>;
  /** One level: the parent must be there. */
  makeFolder(folder: DatastorePath): Promise<void>;
  /** A file or an empty folder. FileLocked while a monitor holds the file. */
  remove(path: DatastorePath): Promise<void>;
  /** The file is there whole or not at all. */
  copyFile(transfer: FileTransfer, controls: Controls): Promise<void>;
  /** A file or a folder, in one step. */
  moveFile(transfer: FileTransfer): Promise<Moved>;
  createDisk(descriptor: DatastorePath, disk: NewDisk, controls?: Controls): Promise<DiskDescription>;
  describeDisk(descriptor: DatastorePath): Promise<DiskDescription>;
  /** FileLocked for one that has children. Of one that is another name of a disk, the name alone goes. */
  deleteDisk(descriptor: DatastorePath): Promise<void>;
  /** A disk that has what its parent has, and from now on what is written to it. Nobody writes the parent as long as it has children. */
  createChildDisk(descriptor: DatastorePath, child: NewChild): Promise<DiskDescription>;
  /** Puts what a child has into its parent, of which it must be the only child; from then on it is another name of the parent. */
  commitDisk(descriptor: DatastorePath, controls: Controls): Promise<DiskDescription>;
  /** For a disk that is written meanwhile: what `commitDisk` does, with the data put there by `deed`. */
  commitWith(descriptor: DatastorePath, deed: (places: CommitPlaces) => Promise<void>): Promise<DiskDescription>;
  /** The disk and its parents, as their descriptors have them. */
  chainOf(descriptor: DatastorePath): Promise<readonly DatastorePath[]>;
  copyDisk(transfer: DiskTransfer, controls: Controls): Promise<DiskDescription>;
  /** Descriptor and extent, so that whatever cuts it short, one of the two places has the whole disk. */
  moveDisk(transfer: FileTransfer): Promise<Moved>;
  /** Changes a disk where it lies, when nobody has it open. */
  changeDisk(descriptor: DatastorePath, change: DiskChange, controls: Controls): Promise<DiskDescription>;
  /** Makes a disk larger that a guest writes meanwhile; `show` tells the guest, and when it throws the disk is what it was. */
  extendWritten(descriptor: DatastorePath, growth: Growth, controls: Controls): Promise<DiskDescription>;
  /** Exclusive to its holder when writable, shared with other readers when not. FileLocked when that can't be. */
  openDisk(descriptor: DatastorePath, access: { readonly writable: boolean }): Promise<DiskAttachment>;
  /** A disk that nobody writes, under what a guest writes for as long as its monitor is there: that lies in `home`, without a name. */
  openNonpersistent(descriptor: DatastorePath, place: OverlayPlace): Promise<DiskAttachment>;
  /** The disk's own file, without those of its parents. Unlocked where nothing is said: for a monitor that holds the disk already. */
  openOwn(descriptor: DatastorePath, access: { readonly writable: boolean; readonly isLocked?: boolean }): Promise<LayerAttachment>;
  /** Lets the file of a disk with children be written meanwhile, by whom something is put into it. */
  whileWritten<T>(descriptor: DatastorePath, deed: () => Promise<T>): Promise<T>;
  /** Has the file system itself keep the file of a disk from being written when it has children, and not when it has none. */
  settleMark(descriptor: DatastorePath): Promise<void>;
  /** An ISO or floppy image, read-only. Shared: several VMs may have it in their drives. */
  openImage(file: DatastorePath): Promise<FileAttachment>;
  /** A log that is written at its end; made when it is not there. Exclusive. */
  openAppend(file: DatastorePath): Promise<FileAttachment>;
  /** A new log in a VM's folder; the one that was there is put aside, and no more than `keepOld` are kept. Exclusive. */
  beginVmLog(home: DatastorePath, keepOld: number): Promise<FileAttachment>;
  /** A new file to write a guest's memory to. FileAlreadyExists when there is one. Exclusive. */
  createExclusive(file: DatastorePath): Promise<FileAttachment>;
  /** A file to read a guest's memory from. */
  openForRead(file: DatastorePath): Promise<FileAttachment>;
  /** A VM's EFI variables, writable; begun from `template` when it has none. Exclusive. */
  openNvram(file: DatastorePath, template: Uint8Array): Promise<FileAttachment>;
  /** A file to read while another writes at its end: not locked, so it may grow meanwhile. */
  openLog(file: DatastorePath): Promise<FileAttachment>;
  beginUpload(file: DatastorePath, rules: UploadRules): Promise<Upload>;
  resumeUpload(file: DatastorePath, rules: Parameters<typeof resumeUpload>[2]): Promise<Upload>;
  /** A disk to be filled anew; it reads as zeros. Exclusive. */
  beginDiskImport(descriptor: DatastorePath, options: { readonly eager: boolean }): Promise<Upload>;
}

export interface TextOptions {
  /** For a file that is no text: each character is a byte. */
  readonly encoding?: "latin1";
}

/** What readText and writeText take: a .vmx is a few KiB, one with a guest's cloud-init data some hundred. */
export const TEXT_BYTES_MAX = 1024 * 1024;
/** A listing goes to hostd as one line, which ends the connection when it is longer than a line can be: some 50,000 short names. */
const LISTING_BYTES_MAX = 7 * 1024 * 1024;
const ENTRY_BYTES = 130; // what is written of an entry beside its name, at most

/** @param volumes the folder that the datastores lie in, on the host; it exists */
export function createStorage(volumes: string, random: (bytes: number) => Uint8Array = randomBytes): Storage {
  const datastores = new Datastores(volumes, random);
  const source: DiskSource = {
    open: (path) => datastores.open(path),
    random,
    resolve: (name, from) => datastores.resolve(name, from),
    nameIn: (from, file) => datastores.nameIn(from, file),
    families: new Turns(1),
  };
  return {
    listDatastores: () => datastores.list(),
    createDatastore: (name) => createDatastore(volumes, name),
    renameDatastore: (names) => renameDatastore(volumes, names),
    removeDatastore: (name) => removeDatastore(volumes, name),
    readText: (file, options) => naming(file, "reading", () => readText(source, file, options)),
    writeText: (file, text, options) =>
      naming(file, "writing", () => writeText(source, file, { ...options, text, mustBeNew: options?.mustBeNew ?? false })),
    writeNew: (file, bytes) => naming(file, "writing", () => writeWhole(source, file, { bytes, mustBeNew: true })),
    listFolder: (folder) => naming(folder, "listing", () => listFolder(source, folder)),
    makeFolder: (folder) => naming(folder, "creating", () => makeFolder(source, folder)),
    remove: (path) => naming(path, "removing", () => remove(source, path)),
    copyFile: (transfer, controls) => naming(transfer.from, "reading", () => copyFile(source, transfer, controls)),
    moveFile: (transfer) => naming(transfer.from, "moving", () => moveFile(source, transfer)),
    createDisk: (descriptor, disk, controls) => naming(descriptor, "creating", () => createDisk(source, descriptor, disk, controls)),
    describeDisk: (descriptor) => naming(descriptor, "reading", () => describeDisk(source, descriptor)),
    deleteDisk: (descriptor) => naming(descriptor, "removing", () => removeDisk(source, descriptor)),
    createChildDisk: (descriptor, child) => naming(descriptor, "creating", () => createChild(source, descriptor, child)),
    commitDisk: (descriptor, controls) => naming(descriptor, "committing", () => commitDisk(source, descriptor, controls)),
    commitWith: (descriptor, deed) => naming(descriptor, "committing", () => commitWith(source, descriptor, deed)),
    chainOf: async (descriptor) => (await readChain(source, descriptor)).map(({ path }) => path),
    copyDisk: (transfer, controls) => naming(transfer.from, "reading", () => copyDisk(source, transfer, controls)),
    moveDisk: (transfer) => naming(transfer.from, "moving", () => moveDisk(source, transfer)),
    changeDisk: (descriptor, change, controls) => naming(descriptor, "changing", () => changeDisk(source, descriptor, change, controls)),
    extendWritten: (descriptor, growth, controls) =>
      naming(descriptor, "changing", () => extendWritten(source, descriptor, growth, controls)),
    openDisk: (descriptor, access) => naming(descriptor, "opening", () => openDisk(source, descriptor, access)),
    openNonpersistent: (descriptor, place) => naming(descriptor, "opening", () => openNonpersistent(source, descriptor, place)),
    openOwn: (descriptor, { writable, isLocked = false }) =>
      naming(descriptor, "opening", async () =>
        openLayer(source, (await readChain(source, descriptor))[0], { writable, isUnlocked: !isLocked }),
      ),
    whileWritten: (descriptor, deed) => whileWritten(source, descriptor, deed),
    settleMark: (descriptor) => settleMark(source, descriptor),
    openImage: (file) => naming(file, "opening", () => openShared(source, file)),
    openAppend: (file) => naming(file, "opening", () => openAppend(source, file)),
    beginVmLog: (home, keepOld) => naming(inFolder(home, VM_LOG), "creating", () => beginVmLog(source, home, keepOld)),
    createExclusive: (file) => naming(file, "creating", () => createExclusive(source, file)),
    openForRead: (file) => naming(file, "opening", () => openShared(source, file)),
    openLog: (file) => naming(file, "opening", () => openLog(source, file)),
    beginUpload: (file, rules) => naming(file, "writing", () => beginUpload(source, file, rules)),
    resumeUpload: (file, rules) => naming(file, "writing", () => resumeUpload(source, file, rules)),
    beginDiskImport: (descriptor, options) => naming(descriptor, "writing", () => beginDiskImport(source, descriptor, options)),
    openNvram: (file, template) => naming(file, "opening", () => openNvram(source, file, template)),
  };
}

async function readText(source: DiskSource, file: DatastorePath, { encoding }: TextOptions = {}): Promise<string> {
  using root = source.open(file);
  using open = openFileBeneath(root, file.path, "read");
  const bytes = await readWhole(open, TEXT_BYTES_MAX);
  if (encoding !== undefined) return bytes.toString(encoding);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    const path = formatDatastorePath(file);
    throw fault("CannotAccessFile", `reading ${path}: it is not a text in UTF-8`, { file: path }, { cause: error });
  }
}

async function writeText(
  source: DiskSource,
  file: DatastorePath,
  { text, mustBeNew, encoding = "utf8" }: { text: string; mustBeNew: boolean; encoding?: BufferEncoding },
): Promise<void> {
  const bytes = Buffer.from(text, encoding);
  const path = formatDatastorePath(file);
  if (bytes.length > TEXT_BYTES_MAX)
    throw fault("InvalidArgument", `${path} would be larger than ${TEXT_BYTES_MAX} bytes`, { invalidProperty: "text" });
  await writeWhole(source, file, { bytes, mustBeNew });
}

async function writeWhole(
  source: DiskSource,
  file: DatastorePath,
  { bytes, mustBeNew }: { bytes: Uint8Array; mustBeNew: boolean },
): Promise<void> {
  using root = source.open(file);
  const { folder: folderPath, name } = splitPath(file.path);
  using folder = openFolderBeneath(root, folderPath);
  if (!mustBeNew) refuseOtherThanFile(folder, name);
  using open = createUnnamedFile(folder);
  await writeAll(open, bytes);
  await syncFile(open);
  if (mustBeNew) nameFile(open, folder, name);
  else replaceFile(open, folder, name);
  await syncFile(folder);
}

/** rename(2) would put a text in the place of a fifo or a symlink without a word: something else had laid it there. */
function refuseOtherThanFile(folder: OpenFile, name: string): void {
  try {
    openFileBeneath(folder, name, "read")[Symbol.dispose]();
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
  }
}

function listFolder(source: DiskSource, folder: DatastorePath): FolderEntry[] {
  using root = source.open(folder);
  using open = openFolderBeneath(root, folder.path);
  const names = namesIn(open).filter((name) => name !== UUID_FILE);
  const bytes = names.reduce((sum, name) => sum + Buffer.byteLength(JSON.stringify(name)) + ENTRY_BYTES, 0);
  if (bytes > LISTING_BYTES_MAX) {
    const file = formatDatastorePath(folder);
    throw fault("FileFault", `listing ${file}: its ${names.length} entries are more than can be listed`, { file });
  }
  return names.flatMap((name) => describeEntry(open, name));
}

/** Nothing for what is neither file nor folder, and for what went away meanwhile: neither can be asked for. */
function describeEntry(folder: OpenFile, name: string): FolderEntry[] {
  try {
    const stats = statBeneath(folder, name);
    if (!stats.isFile() && !stats.isDirectory()) return [];
    const kind = stats.isFile() ? "file" : "folder";
    return [{ name, kind, sizeBytes: stats.size, allocatedBytes: stats.blocks * 512, modifiedAtMs: Math.trunc(stats.mtimeMs) }];
  } catch (error) {
    if (isErrno(error, "ENOENT", "ELOOP")) return [];
    throw error;
  }
}

async function makeFolder(source: DiskSource, folder: DatastorePath): Promise<void> {
  using root = source.open(folder);
  makeFolderBeneath(root, folder.path);
  using parent = openFolderBeneath(root, splitPath(folder.path).folder);
  await syncFile(parent);
}

async function remove(source: DiskSource, path: DatastorePath): Promise<void> {
  using root = source.open(path);
  if (statBeneath(root, path.path).isFile()) {
    using open = openFileBeneath(root, path.path, "read");
    if (!tryLock(open.fd, "exclusive")) throw fileLocked(path);
    removeBeneath(root, path.path);
  } else {
    removeBeneath(root, path.path);
  }
  using parent = openFolderBeneath(root, splitPath(path.path).folder);
  await syncFile(parent);
}

function openShared(source: DiskSource, file: DatastorePath): FileAttachment {
  using root = source.open(file);
  using open = lockOrRefuse(openFileBeneath(root, file.path, "read"), file, "shared");
  return attach(open, file, { writable: false });
}

function openLog(source: DiskSource, file: DatastorePath): FileAttachment {
  using root = source.open(file);
  using open = openFileBeneath(root, file.path, "read");
  return attach(open, file, { writable: false });
}

function openAppend(source: DiskSource, file: DatastorePath): FileAttachment {
  using root = source.open(file);
  using open = lockOrRefuse(openOrCreate(root, file.path), file, "exclusive");
  return attach(open, file, { writable: true });
}

function openOrCreate(root: OpenFile, path: string): OpenFile {
  try {
    return openFileBeneath(root, path, "append");
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
    return createFileBeneath(root, path, "append");
  }
}

function createExclusive(source: DiskSource, file: DatastorePath): FileAttachment {
  using root = source.open(file);
  using open = lockOrRefuse(createFileBeneath(root, file.path, "readWrite"), file, "exclusive");
  return attach(open, file, { writable: true });
}

async function openNvram(source: DiskSource, file: DatastorePath, template: Uint8Array): Promise<FileAttachment> {
  using root = source.open(file);
  await beginNvram(root, file, template);
  using open = lockOrRefuse(openFileBeneath(root, file.path, "readWrite"), file, "exclusive");
  const { size } = describeFile(open);
  if (size !== template.length) {
    const path = formatDatastorePath(file);
    throw fault("CannotAccessFile", `opening ${path}: it has ${size} bytes, the firmware's variables have ${template.length}`, {
      file: path,
    });
  }
  return attach(open, file, { writable: true });
}

async function beginNvram(root: OpenFile, file: DatastorePath, template: Uint8Array): Promise<void> {
  const { folder: folderPath, name } = splitPath(file.path);
  using folder = openFolderBeneath(root, folderPath);
  using open = createUnnamedFile(folder);
  await writeAll(open, template);
  await syncFile(open);
  try {
    nameFile(open, folder, name);
  } catch (error) {
    if (!isErrno(error, "EEXIST")) throw error; // there already: the VM keeps its variables
  }
}

function attach(open: OpenFile, file: DatastorePath, { writable }: { writable: boolean }): FileAttachment {
  const { size } = describeFile(open);
  return { file, sizeBytes: size, writable, ...handOn(open) };
}
