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
import type { DiskSource } from "./descriptor-file.ts";
import { naming, noDiskSpace } from "./file-fault.ts";
import { MadeFolders, openWay } from "./missing-folders.ts";
import { lockOrRefuse } from "./open-locked.ts";

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

/**
 * Folders that are not there are made when the file is whole.
 * @throws {Fault} FileLocked, FileAlreadyExists, NoDiskSpace, CannotAccessFile, FileNotFound when there is a file where a folder should be
 */
export function beginUpload(source: DiskSource, file: DatastorePath, rules: UploadRules): Upload {
  using root = openRoot(source, file);
  using way = openWay(root, folderOf(file).path);
  const { missing } = way;
  const openTarget = (folder: OpenFile) => createUnnamedFile(folder);
  return start({ file, rules, folder: way.folder, isNew: missing.length > 0, heldBytes: 0, openTarget }, async (open, folder) => {
    using made = new MadeFolders({ folder, missing });
    const placed = place(file, made.deepest, rules, (name) => nameFile(open, made.deepest, name));
    await made.keep();
    await syncFile(made.deepest);
    return placed;
  });
}

/**
 * Goes on with an upload that broke off, or begins one that may be gone on with: its bytes lie in a file of their own beside, and so
 * the folders that are not there are made at once.
 * @throws {Fault} as beginUpload; FileNotFound when there is nothing to go on with
 */
export async function resumeUpload(
  source: DiskSource,
  file: DatastorePath,
  { mayBegin, ...rules }: UploadRules & { readonly sizeBytes: number; readonly mayBegin: boolean },
): Promise<Upload> {
  const partial = inFolder(folderOf(file), `${fileNameOf(file)}${PARTIAL_SUFFIX}`);
  using root = openRoot(source, file);
  using way = openWay(root, folderOf(file).path);
  using made = new MadeFolders({ folder: way.folder, missing: mayBegin ? way.missing : refuseMissing(file, way.missing) });
  const openTarget = (folder: OpenFile) => openPartial(folder, fileNameOf(partial), mayBegin);
  const heldBytes = sizeIfThere(made.deepest, fileNameOf(partial));
  const upload = start(
    { file, rules, folder: made.deepest, isNew: false, heldBytes, openTarget, locking: partial },
    async (open, folder) => {
      const { size } = describeFile(open);
      if (size !== rules.sizeBytes) {
        throw fault("InvalidArgument", `${formatDatastorePath(partial)} has ${size} bytes, not ${rules.sizeBytes}`, {
          invalidProperty: "sizeBytes",
        });
      }
      const placed = place(file, folder, rules, (name) => moveNew(folder, { from: fileNameOf(partial), to: name }));
      await syncFile(folder);
      return placed;
    },
  );
  try {
    await made.keep();
  } catch (error) {
    upload[Symbol.dispose]();
    throw error;
  }
  return upload;
}

function openRoot(source: DiskSource, file: DatastorePath): OpenFile {
  if (file.path === "") throw fault("InvalidDatastorePath", "A datastore is no file.", { datastorePath: formatDatastorePath(file) });
  return source.open(file);
}

function refuseMissing(file: DatastorePath, missing: readonly string[]): readonly string[] {
  const text = formatDatastorePath(file);
  if (missing.length > 0) throw fault("FileNotFound", `File ${text} was not found: there is nothing to go on with`, { file: text });
  return missing;
}

interface Start {
  readonly file: DatastorePath;
  readonly rules: UploadRules;
  /** Where it is received. */
  readonly folder: OpenFile;
  /** Whether it will lie in a folder that is not there yet. */
  readonly isNew: boolean;
  /** Of it, that came before. */
  readonly heldBytes: number;
  readonly openTarget: (folder: OpenFile) => OpenFile;
  /** What is named when another is at it. */
  readonly locking?: DatastorePath;
}

function start(
  { file, rules, folder, isNew, heldBytes, openTarget, locking = file }: Start,
  commit: (open: OpenFile, folder: OpenFile) => ReturnType<Upload["commit"]>,
): Upload {
  if (!isNew) refuseTarget(folder, file, rules);
  if (rules.sizeBytes !== undefined && spaceOf(folder).freeBytes < rules.sizeBytes - heldBytes) throw noDiskSpace(file);
  using open = lockOrRefuse(openTarget(folder), locking, "exclusive");
  const kept = { open: new OpenFile(open.release()), folder: openFolderBeneath(folder, "") };
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

function sizeIfThere(folder: OpenFile, name: string): number {
  using open = openIfThere(folder, name);
  return open === undefined ? 0 : describeFile(open).size;
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
