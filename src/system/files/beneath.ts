/**
 * Files and folders beneath an open folder. The kernel refuses every way out of it: EXDEV for "..", ELOOP for a symlink.
 * Nothing here opens a device, a fifo or a socket that lies where a file should: opening some of those already does something.
 */
import { constants, fstatSync, openSync, type Stats } from "node:fs";
import { OpenFile } from "./open-file.ts";
import { isErrno, makeFolderAt, moveAt, O_PATH, O_TMPFILE, openat2, unlinkAt } from "./syscalls.ts";

/** What lies at a path is not a regular file. */
export class NotRegularFile extends Error {
  override readonly name = "NotRegularFile";
}

// The datastore's files are root's alone: a monitor and hostd get open descriptors, so nobody else needs to open one.
const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;

export type Access = "read" | "readWrite" | "append";

const ACCESS_FLAGS = {
  read: constants.O_RDONLY,
  readWrite: constants.O_RDWR,
  append: constants.O_WRONLY | constants.O_APPEND,
} as const satisfies Record<Access, number>;

/** Opens a folder by its path on the host, which no client chose. */
export function openHostFolder(path: string): OpenFile {
  return new OpenFile(openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW));
}

/** @param path relative to `root`, "" for `root` itself */
export function openFolderBeneath(root: OpenFile, path: string): OpenFile {
  return new OpenFile(openat2(root.fd, path === "" ? "." : path, { flags: constants.O_RDONLY | constants.O_DIRECTORY, mode: 0 }));
}

/** @throws {NotRegularFile} */
export function openFileBeneath(root: OpenFile, path: string, access: Access): OpenFile {
  using place = new OpenFile(openat2(root.fd, path, { flags: O_PATH, mode: 0 }));
  if (!fstatSync(place.fd).isFile()) throw new NotRegularFile(`${path} is not a regular file`);
  // Opened through the descriptor that was looked at: what lies at the path by now does not matter.
  return new OpenFile(openSync(`/proc/self/fd/${place.fd}`, ACCESS_FLAGS[access]));
}

/** EEXIST when anything is there, be it a symlink. */
export function createFileBeneath(root: OpenFile, path: string, access: Access): OpenFile {
  return new OpenFile(openat2(root.fd, path, { flags: ACCESS_FLAGS[access] | constants.O_CREAT | constants.O_EXCL, mode: FILE_MODE }));
}

/**
 * A new file in `folder` that has no name yet, open to read and write. It is gone when it is closed without one,
 * also by a crash, so a half-written file is never seen. Needs a file system with O_TMPFILE: ext4, XFS, Btrfs, tmpfs, overlayfs.
 */
export function createUnnamedFile(folder: OpenFile): OpenFile {
  return new OpenFile(openat2(folder.fd, ".", { flags: constants.O_RDWR | O_TMPFILE, mode: FILE_MODE }));
}

export function makeFolderBeneath(root: OpenFile, path: string): void {
  const { folder, name } = splitPath(path);
  using parent = openFolderBeneath(root, folder);
  makeFolderAt(parent.fd, name, FOLDER_MODE);
}

/** Removes a file, whatever its kind, or an empty folder. A symlink is removed itself, not followed. */
export function removeBeneath(root: OpenFile, path: string): void {
  const { folder, name } = splitPath(path);
  using parent = openFolderBeneath(root, folder);
  try {
    unlinkAt(parent.fd, name, "file");
  } catch (error) {
    if (!isErrno(error, "EISDIR")) throw error;
    unlinkAt(parent.fd, name, "folder");
  }
}

/** ENOTEMPTY when something is in it, ENOTDIR when it is a file or a symlink. */
export function removeFolderIn(parent: OpenFile, name: string): void {
  unlinkAt(parent.fd, name, "folder");
}

/**
 * Renames a file or a folder in one step, also from one root to another on the same file system. A symlink would be moved itself.
 * @throws EXDEV when the two are on different file systems; EEXIST when the name is taken and it may not replace
 */
export function moveBeneath(
  from: { readonly root: OpenFile; readonly path: string },
  to: { readonly root: OpenFile; readonly path: string },
  { replace }: { readonly replace: boolean },
): void {
  const source = splitPath(from.path);
  const target = splitPath(to.path);
  using fromFolder = openFolderBeneath(from.root, source.folder);
  using toFolder = openFolderBeneath(to.root, target.folder);
  moveAt({ folder: fromFolder.fd, name: source.name }, { folder: toFolder.fd, name: target.name }, { replace });
}

export function statBeneath(root: OpenFile, path: string): Stats {
  using place = new OpenFile(openat2(root.fd, path === "" ? "." : path, { flags: O_PATH | constants.O_NOFOLLOW, mode: 0 }));
  return fstatSync(place.fd);
}

/** The folder that `path` lies in, "" for the root, and its name there. */
export function splitPath(path: string): { readonly folder: string; readonly name: string } {
  const slash = path.lastIndexOf("/");
  return { folder: path.slice(0, Math.max(slash, 0)), name: path.slice(slash + 1) };
}
