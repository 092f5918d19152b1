/** Which files a registered VM lives by: what a client may not delete from under it. Pure. */
import { type DatastorePath, formatDatastorePath, isAtOrBeneath } from "../../base/index.ts";
import { fault } from "../../wire/index.ts";

export interface HeldFile {
  readonly file: DatastorePath;
  /** The name of the VM whose file it is. */
  readonly by: string;
}

/**
 * Refuses to delete or move away the root of a datastore, a file of a VM, and a folder with one in it.
 * @throws {Fault} InvalidArgument, FileLocked
 */
export function refuseDelete(path: DatastorePath, held: readonly HeldFile[], doing: "delete" | "move" = "delete"): void {
  if (path.path === "") {
    throw fault("InvalidArgument", `${formatDatastorePath(path)} is a whole datastore, and no file.`, {
      invalidProperty: "name",
    });
  }
  const found = held.find(({ file }) => isAtOrBeneath(file, path));
  if (found === undefined) return;
  const file = formatDatastorePath(found.file);
  throw fault("FileLocked", `Unable to ${doing} ${formatDatastorePath(path)}: ${file} belongs to the virtual machine ${found.by}.`, {
    file,
  });
}

/** Refuses to put something else in the place of a file of a VM. @throws {Fault} FileLocked */
export function refuseReplace(path: DatastorePath, held: readonly HeldFile[]): void {
  const file = formatDatastorePath(path);
  const found = held.find((candidate) => formatDatastorePath(candidate.file) === file);
  if (found !== undefined) throw fault("FileLocked", `Unable to replace ${file}: it belongs to the virtual machine ${found.by}.`, { file });
}
