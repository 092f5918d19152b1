/** Copying and moving files between any two places of the datastores. A copy has its name when it is whole; a move is one step. */
import { type DatastorePath, formatDatastorePath, inFolder, isAtOrBeneath } from "../../base/index.ts";
import {
  copyData,
  createUnnamedFile,
  describeFile,
  isErrno,
  makeSparse,
  moveBeneath,
  NotRegularFile,
  nameFile,
  namesIn,
  type OpenFile,
  openFileBeneath,
  openFolderBeneath,
  replaceFile,
  shareBlocks,
  splitPath,
  statBeneath,
  syncFile,
  tryLock,
} from "../../system/index.ts";
import { fault } from "../../wire/index.ts";
import { type Controls, throwIfCanceled, watchBytes } from "../controls.ts";
import type { Moved } from "../rpc.ts";
import type { DiskSource } from "./descriptor-file.ts";
import { requireSpace, STAT_BLOCK_BYTES } from "./disks.ts";
import { fileFault, fileLocked, naming } from "./file-fault.ts";
import { lockOrRefuse } from "./open-locked.ts";

export interface FileTransfer {
  readonly from: DatastorePath;
  readonly to: DatastorePath;
  /** Takes the place of a file of that name, if there is one. */
  readonly replace: boolean;
}

const FOLDER_FILES_MAX = 100_000; // as many as a folder that is listed can have
const FILES_A_TURN = 500; // some milliseconds; between two turns others get theirs

export async function copyFile(source: DiskSource, { from, to, replace }: FileTransfer, controls: Controls): Promise<void> {
  requirePlaces(from, to);
  using root = source.open(from);
  using file = lockOrRefuse(openFileBeneath(root, from.path, "read"), from, "shared");
  const { size, blocks } = describeFile(file);
  await naming(to, "writing", async () => {
    using toRoot = source.open(to);
    const { folder: folderPath, name } = splitPath(to.path);
    using folder = openFolderBeneath(toRoot, folderPath);
    using held = requireRoom(folder, to, replace);
    using copy = createUnnamedFile(folder);
    if (!(await shareBlocks({ from: file, to: copy }, size))) {
      requireSpace(folder, to, blocks * STAT_BLOCK_BYTES);
      makeSparse(copy, size);
      await copyData({ from: file, to: copy }, size, watchBytes(controls, size));
    }
    await syncFile(copy);
    throwIfCanceled(controls);
    if (held === undefined) nameFile(copy, folder, name);
    else replaceFile(copy, folder, name);
    await syncFile(folder);
  });
}

export async function moveFile(source: DiskSource, { from, to, replace }: FileTransfer): Promise<Moved> {
  requirePlaces(from, to);
  using root = source.open(from);
  const stats = statBeneath(root, from.path);
  if (stats.isDirectory()) await requireFolderFree(root, from);
  // A pipe or a symlink is nothing that a datastore has, whoever laid it there.
  else if (!stats.isFile()) throw new NotRegularFile(`${formatDatastorePath(from)} is neither a file nor a folder`);
  using held = stats.isFile() ? lockOrRefuse(openFileBeneath(root, from.path, "read"), from, "exclusive") : undefined;
  const isMoved = await naming(to, "moving to", async () => {
    using toRoot = source.open(to);
    using folder = openFolderBeneath(toRoot, splitPath(to.path).folder);
    using target = requireRoom(folder, to, replace && held !== undefined);
    try {
      moveBeneath({ root, path: from.path }, { root: toRoot, path: to.path }, { replace: target !== undefined });
    } catch (error) {
      if (isErrno(error, "EXDEV")) return false;
      throw error;
    }
    await syncFile(folder);
    return true;
  });
  if (!isMoved) return "otherFileSystem";
  using folder = openFolderBeneath(root, splitPath(from.path).folder);
  await syncFile(folder);
  return "moved";
}

/** @throws {Fault} InvalidArgument when one is a whole datastore, or the target lies in the source */
function requirePlaces(from: DatastorePath, to: DatastorePath): void {
  for (const [path, invalidProperty] of [
    [from, "from"],
    [to, "to"],
  ] as const) {
    if (path.path === "") throw fault("InvalidArgument", `${formatDatastorePath(path)} is a whole datastore.`, { invalidProperty });
  }
  if (!isAtOrBeneath(to, from)) return;
  throw fault("InvalidArgument", `${formatDatastorePath(to)} lies in ${formatDatastorePath(from)} itself.`, { invalidProperty: "to" });
}

/**
 * @returns the file that has the name, locked so that nobody else gets it, or undefined when the name is free
 * @throws {Fault} FileAlreadyExists, FileLocked
 */
function requireRoom(folder: OpenFile, to: DatastorePath, replace: boolean): OpenFile | undefined {
  const { name } = splitPath(to.path);
  let isFile: boolean;
  try {
    isFile = statBeneath(folder, name).isFile();
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
  if (!replace || !isFile) throw fileFault(Object.assign(new Error("the name is taken"), { code: "EEXIST" }), to, "writing");
  return lockOrRefuse(openFileBeneath(folder, name, "read"), to, "exclusive");
}

/** @throws {Fault} FileLocked when anybody has a file of the folder, however deep, open and locked */
async function requireFolderFree(root: OpenFile, top: DatastorePath): Promise<void> {
  const folders = [top];
  let seen = 0;
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    using open = openFolderBeneath(root, folder.path);
    for (const name of namesIn(open)) {
      seen += 1;
      if (seen > FOLDER_FILES_MAX) {
        const file = formatDatastorePath(top);
        throw fault("FileFault", `moving ${file}: there are more than ${FOLDER_FILES_MAX} files in it`, { file });
      }
      if (seen % FILES_A_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
      const path = inFolder(folder, name);
      const stats = statBeneath(open, name);
      if (stats.isDirectory()) folders.push(path);
      else if (stats.isFile()) requireFree(open, path);
    }
  }
}

function requireFree(folder: OpenFile, file: DatastorePath): void {
  using open = openFileBeneath(folder, splitPath(file.path).name, "read");
  if (!tryLock(open.fd, "exclusive")) throw fileLocked(file);
}
