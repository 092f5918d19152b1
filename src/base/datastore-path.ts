/**
 * Datastore paths: `[datastore] folder/file.vmx`. Pure.
 * Source: ESXi's VM files; vim25 writes every file of a VM in this form.
 */

export interface DatastorePath {
  readonly datastore: string;
  /** Relative to the datastore's root, "/"-separated, no leading or trailing slash; "" is the root itself. */
  readonly path: string;
}

const DATASTORE_NAME_MAX = 42; // vim25: the longest name that a datastore can have
const PATH_BYTES_MAX = 2048; // well under PATH_MAX, so that "<root>/<path>" never reaches it
const COMPONENT_BYTES_MAX = 255; // NAME_MAX of every file system that can hold a datastore

/**
 * Reads a datastore path that a client sent (untrusted). Slashes too many are left out, as they are of every path of a POSIX system:
 * Packer joins "[datastore1] packer_cache//debian.iso".
 * @returns undefined when it is none: no datastore in brackets, a `.` or `..` component, a control character, too long.
 */
export function parseDatastorePath(text: string): DatastorePath | undefined {
  const match = /^\[([^[\]/]+)\] ?(.*)$/s.exec(text);
  const datastore = match?.[1];
  if (match === null || datastore === undefined || datastore.length > DATASTORE_NAME_MAX) return undefined;
  const path = (match[2] ?? "")
    .split("/")
    .filter((part) => part !== "")
    .join("/");
  return isSafePath(path) && !hasControlCharacter(datastore) ? { datastore, path } : undefined;
}

/** Whether `path` stays beneath the root that it is relative to. The kernel is asked to enforce the same (openat2, RESOLVE_BENEATH). */
export function isSafePath(path: string): boolean {
  if (path === "") return true;
  if (Buffer.byteLength(path) > PATH_BYTES_MAX || hasControlCharacter(path)) return false;
  return path.split("/").every((part) => part !== "" && part !== "." && part !== ".." && Buffer.byteLength(part) <= COMPONENT_BYTES_MAX);
}

function hasControlCharacter(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that they are there is what is being asked
  return /[\u0000-\u001f\u007f]/.test(text);
}

export function formatDatastorePath({ datastore, path }: DatastorePath): string {
  return `[${datastore}] ${path}`;
}

/** The folder that a file lies in; "" for the root. */
export function folderOf({ datastore, path }: DatastorePath): DatastorePath {
  return { datastore, path: path.split("/").slice(0, -1).join("/") };
}

export function fileNameOf({ path }: DatastorePath): string {
  return path.split("/").at(-1) ?? "";
}

/** `name` in `folder`. A name that starts with "/" or "[" is not joined: it is absolute, and the caller must have handled it. */
export function inFolder(folder: DatastorePath, name: string): DatastorePath {
  return { datastore: folder.datastore, path: folder.path === "" ? name : `${folder.path}/${name}` };
}

/** Whether `file` is `top` or lies in it, however deep. */
export function isAtOrBeneath(file: DatastorePath, top: DatastorePath): boolean {
  return file.datastore === top.datastore && (top.path === "" || file.path === top.path || file.path.startsWith(`${top.path}/`));
}
