/** The archive format of an initramfs: cpio "newc". Pure. Source: Linux Documentation/driver-api/early-userspace/buffer-format.rst. */
import { dirname } from "node:path/posix";

const FOLDER_MODE = 0o040755;
const FILE_MODE = 0o100755; // a program as well: the guest has no other user to keep out

/**
 * @param {{ folders: string[], files: { path: string, content: Buffer | string }[] }} tree relative paths; the folders that files lie in
 *   need not be named
 * @returns {Buffer} the same bytes for the same tree: no times, no owner but root
 */
export function packCpio({ folders, files }) {
  const allFolders = [...new Set([...folders, ...files.flatMap(({ path }) => parentsOf(path))])];
  const entries = [
    ...allFolders.map((path) => ({ path, mode: FOLDER_MODE, content: "" })),
    ...files.map(({ path, content }) => ({ path, mode: FILE_MODE, content })),
  ];
  const records = entries.map((entry, index) => record({ ...entry, inode: index + 1 }));
  return Buffer.concat([...records, record({ path: "TRAILER!!!", mode: 0, content: "", inode: 0 })]);
}

/** Outermost first: the kernel makes what it reads, in the order in which it reads it. */
function parentsOf(path) {
  const parent = dirname(path);
  return parent === "." ? [] : [...parentsOf(parent), parent];
}

function record({ path, mode, content, inode }) {
  const bytes = Buffer.from(content);
  const name = Buffer.from(`${path}\0`);
  // inode mode uid gid nlink mtime filesize devmajor devminor rdevmajor rdevminor namesize check
  const fields = [inode, mode, 0, 0, 1, 0, bytes.length, 0, 0, 0, 0, name.length, 0];
  const header = Buffer.from(`070701${fields.map((field) => field.toString(16).padStart(8, "0")).join("")}`);
  return Buffer.concat([padded(Buffer.concat([header, name])), padded(bytes)]);
}

/** Header with name, and content, each end at a multiple of four bytes. */
function padded(bytes) {
  return Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
}
