/**
 * Uploads: a file that a client sends appears whole or not at all. Whoever receives it writes through a descriptor, and asks for
 * its name when the last byte is there; what is closed before leaves the old file as it was.
 */
import { randomBytes } from "node:crypto";
import { type DatastorePath, fileNameOf, folderOf, formatDatastorePath, inFolder } from "../../base/index.ts";
import {
  createFileBeneath,
  createUnnamedFile,
  describeFile,
  isErrno,
  nameFile,
  OpenFile,
  openFileBeneath,
  openFolderBeneath,
  removeBeneath,
  renameInFolder,
  spaceOf,
  syncFile,
} from "../../system/index.ts";
import { fault } from "../../wire/index.ts";
import { type DiskSource, lockOrRefuse } from "./disks.ts";
import { naming, noDiskSpace } from "./file-fault.ts";

/** What an upload that can be resumed is called until it is whole: it can be looked at, listed and removed like any file. */
export const PARTIAL_SUFFIX = ".partial";

export interface UploadRules {
  /** How long it will be; undefined when the client did not say. */
  readonly sizeBytes: number | undefined;
  /** FileAlreadyExists when there is one of that name, at the beginning or at the end. */
  readonly mustBeNew: boolean;
}

/** The file that is being received: locked as long as any copy of `fd` is open, so that no monitor can be started on it. */
export interface Upload extends Disposable {
  readonly fd: number;
  /** Gives the file its name, for good. @returns whether it took the place of another */
  commit(): Promise<{ readonly replaced: boolean }>;
}

/** @throws {Fault} FileNotFound without the folder, FileLocked, FileAlreadyExists, NoDiskSpace, CannotAccessFile */
export function beginUpload(source: DiskSource, file: DatastorePath, rules: UploadRules): Upload {
  return start({ source, file, rules, openTarget: (folder) => createUnnamedFile(folder) }, async (open, folder) => {
    const placed = place(file, folder, rules, (name) => nameFile(open, folder, name));
    await syncFile(folder);
    return placed;
  });
}

/**
 * Goes on with an upload that broke off, or begins one that may be gone on with: its bytes lie in a file of their own beside.
 * @throws {Fault} as beginUpload; FileNotFound when there is nothing to go on with
 */
export function resumeUpload(
  source: DiskSource,
  file: DatastorePath,
  { mayBegin, ...rules }: UploadRules & { readonly sizeBytes: number; readonly mayBegin: boolean },
): Upload {
  const partial = inFolder(folderOf(file), `${fileNameOf(file)}${PARTIAL_SUFFIX}`);
  const openTarget = (folder: OpenFile) => openPartial(folder, fileNameOf(partial), mayBegin);
  return start({ source, file, rules, openTarget, locking: partial }, async (open, folder) => {
    const { size } = describeFile(open);
    if (size !== rules.sizeBytes) {
      throw fault("InvalidArgument", `${formatDatastorePath(partial)} has ${size} bytes, not ${rules.sizeBytes}`, {
        invalidProperty: "sizeBytes",
      });
    }
    const placed = place(file, folder, rules, (name) => moveNew(folder, { from: fileNameOf(partial), to: name }));
    await syncFile(folder);
    return placed;
  });
}

interface Start {
  readonly source: DiskSource;
  readonly file: DatastorePath;
  readonly rules: UploadRules;
  readonly openTarget: (folder: OpenFile) => OpenFile;
  /** What is named when another is at it. */
  readonly locking?: DatastorePath;
}

function start(
  { source, file, rules, openTarget, locking = file }: Start,
  commit: (open: OpenFile, folder: OpenFile) => ReturnType<Upload["commit"]>,
): Upload {
  if (file.path === "") throw fault("InvalidDatastorePath", "A datastore is no file.", { datastorePath: formatDatastorePath(file) });
  using root = source.open(file);
  using folder = openFolderBeneath(root, folderOf(file).path);
  refuseTarget(folder, file, rules);
  using open = lockOrRefuse(openTarget(folder), locking, "exclusive");
  if (rules.sizeBytes !== undefined && spaceOf(folder).freeBytes < rules.sizeBytes - describeFile(open).size) throw noDiskSpace(file);
  const kept = { open: new OpenFile(open.release()), folder: new OpenFile(folder.release()) };
  return {
    fd: kept.open.fd,
    commit: () =>
      naming(file, "writing", async () => {
        await syncFile(kept.open);
        return commit(kept.open, kept.folder);
      }),
    [Symbol.dispose]() {
      kept.open[Symbol.dispose]();
      kept.folder[Symbol.dispose]();
    },
  };
}

/** Looked at before the client sends gigabytes for nothing; looked at again when they are there. */
function refuseTarget(folder: OpenFile, file: DatastorePath, { mustBeNew }: UploadRules): void {
  using old = openIfThere(folder, fileNameOf(file));
  if (old === undefined) return;
  if (mustBeNew) throw alreadyExists(file);
  lockOrRefuse(old, file, "exclusive");
}

function openIfThere(folder: OpenFile, name: string): OpenFile | undefined {
  try {
    return openFileBeneath(folder, name, "read");
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

/**
 * Puts the file in its place. In one turn of the event loop, with the old one locked: no monitor gets hold of either between.
 * @param giveName a name that nothing has; EEXIST otherwise
 */
function place(
  file: DatastorePath,
  folder: OpenFile,
  { mustBeNew }: UploadRules,
  giveName: (name: string) => void,
): { readonly replaced: boolean } {
  const name = fileNameOf(file);
  try {
    giveName(name);
    return { replaced: false };
  } catch (error) {
    if (!isErrno(error, "EEXIST")) throw error;
    if (mustBeNew) throw alreadyExists(file);
  }
  using old = lockOrRefuse(openFileBeneath(folder, name, "read"), file, "exclusive");
  // linkat(2) can't replace. The name between is nobody's, and only a crash between these two calls leaves it behind.
  const between = `.${randomBytes(8).toString("hex")}.upload`;
  giveName(between);
  try {
    renameInFolder(folder, { from: between, to: name });
  } catch (error) {
    removeBeneath(folder, between);
    throw error;
  }
  return { replaced: describeFile(old).isFile() };
}

function openPartial(folder: OpenFile, name: string, mayBegin: boolean): OpenFile {
  try {
    return openFileBeneath(folder, name, "readWrite");
  } catch (error) {
    if (!mayBegin || !isErrno(error, "ENOENT")) throw error;
    return createFileBeneath(folder, name, "readWrite");
  }
}

/** Renames unless the name is taken: nothing else runs between the two calls but what is not ours. */
function moveNew(folder: OpenFile, { from, to }: { readonly from: string; readonly to: string }): void {
  using taken = openIfThere(folder, to);
  if (taken !== undefined) throw Object.assign(new Error(`EEXIST: rename ${to}`), { code: "EEXIST", syscall: "rename" });
  renameInFolder(folder, { from, to });
}

function alreadyExists(file: DatastorePath) {
  const text = formatDatastorePath(file);
  return fault("FileAlreadyExists", `File ${text} already exists`, { file: text });
}
