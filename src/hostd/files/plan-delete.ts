/** Which files a registered VM lives by: what a client may not delete from under it. Pure. */
import { type DatastorePath, formatDatastorePath, isAtOrBeneath } from "../../base/index.ts";
import { fault } from "../../wire/index.ts";

export interface HeldFile {
  readonly file: DatastorePath;
  /** The name of the VM whose file it is. */
  readonly by: string;
}

/**
 * Refuses to delete the root of a datastore, a file of a VM, and a folder with one in it.
 * @throws {Fault} InvalidArgument, FileLocked
 */
export function refuseDelete(path: DatastorePath, held: readonly HeldFile[]): void {
  if (path.path === "") {
    throw fault("InvalidArgument", `${formatDatastorePath(path)} is a whole datastore, which is not deleted as a file.`, {
      invalidProperty: "name",
    });
  }
  const found = held.find(({ file }) => isAtOrBeneath(file, path));
  if (found === undefined) return;
  const file = formatDatastorePath(found.file);
  throw fault("FileLocked", `Unable to delete ${formatDatastorePath(path)}: ${file} belongs to the virtual machine ${found.by}.`, { file });
}
