/** Which files a client may not write over, because a virtual machine that is not off lives by them. Pure. */
import { type DatastorePath, formatDatastorePath } from "../../base/index.ts";
import { fault } from "../../wire/index.ts";
import type { HeldFile } from "./plan-delete.ts";

/** @param held files of the VMs that run, are suspended, or are being worked on. @throws {Fault} FileLocked */
export function refuseOverwrite(path: DatastorePath, held: readonly HeldFile[]): void {
  const found = held.find(({ file }) => file.datastore === path.datastore && file.path === path.path);
  if (found === undefined) return;
  const file = formatDatastorePath(path);
  throw fault("FileLocked", `Unable to write ${file}: it belongs to the virtual machine ${found.by}, which is not powered off.`, { file });
}
