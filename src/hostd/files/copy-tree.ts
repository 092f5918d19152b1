/** Copying all that is in a folder, file by file, with one progress for the whole. */
import { type DatastorePath, formatDatastorePath, inFolder } from "../../base/index.ts";
import type { Controls, FolderEntry } from "../../vmkernel/index.ts";
import { fault } from "../../wire/index.ts";
import type { Vmkernel } from "../vmkernel.ts";
import { within } from "./plan-transfer.ts";

export interface TreeEntry {
  readonly path: DatastorePath;
  readonly kind: FolderEntry["kind"];
  readonly bytes: number;
}

const TREE_ENTRIES_MAX = 100_000; // as many as one folder can have: some 20 MB in memory

/** All that is in a folder, a folder before what is in it. Links and pipes are nothing that a datastore has. */
export async function listTree(vmkernel: Vmkernel, top: DatastorePath): Promise<readonly TreeEntry[]> {
  const found: TreeEntry[] = [];
  const folders = [top];
  for (let folder = folders.shift(); folder !== undefined; folder = folders.shift()) {
    for (const { name, kind, allocatedBytes } of await vmkernel.request({ kind: "listFolder", folder })) {
      const path = inFolder(folder, name);
      found.push({ path, kind, bytes: allocatedBytes });
      if (kind === "folder") folders.push(path);
    }
    if (found.length > TREE_ENTRIES_MAX) {
      const file = formatDatastorePath(top);
      throw fault("FileFault", `There are more than ${TREE_ENTRIES_MAX} files in ${file}.`, { file });
    }
  }
  return found;
}

interface TreeCopy {
  readonly tree: readonly TreeEntry[];
  readonly from: DatastorePath;
  readonly to: DatastorePath;
  readonly replace: boolean;
  /** What is in `to` already. */
  readonly there?: ReadonlyMap<string, FolderEntry["kind"]>;
  /** Throws for a file that may not be replaced. */
  readonly check?: (path: DatastorePath) => void;
  /** Told of each file and folder that was made; not of one that was replaced. */
  readonly made?: (path: DatastorePath) => void;
}

/** @throws {Fault} FileAlreadyExists, before anything is copied */
export async function copyTree(vmkernel: Vmkernel, copy: TreeCopy, controls: Controls): Promise<void> {
  const { tree, replace, made } = copy;
  refuseConflicts(copy);
  const total = tree.reduce((sum, { bytes }) => sum + bytes, 0);
  let done = 0;
  for (const { path, kind, bytes } of tree) {
    if (controls.signal.aborted) throw fault("RequestCanceled", "The task was canceled by a user.", {});
    const to = within(path, copy);
    const isThere = copy.there?.has(formatDatastorePath(to)) === true;
    if (kind === "file") {
      const report = (percent: number) => controls.report((100 * done + percent * bytes) / Math.max(total, 1));
      await vmkernel.request({ kind: "copyFile", from: path, to, replace: isThere && replace }, { signal: controls.signal, report });
    } else if (!isThere) await vmkernel.request({ kind: "makeFolder", folder: to });
    if (!isThere) made?.(to);
    done += bytes;
  }
}

function refuseConflicts(copy: TreeCopy): void {
  const { tree, replace, there, check } = copy;
  for (const { path, kind } of tree) {
    const to = within(path, copy);
    const file = formatDatastorePath(to);
    const found = there?.get(file);
    if (found === undefined || (kind === "folder" && found === "folder")) continue;
    if (kind !== found || !replace) throw fault("FileAlreadyExists", `The file ${file} already exists.`, { file });
    check?.(to);
  }
}
