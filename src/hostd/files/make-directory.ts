/** vim25 MakeDirectory: a new folder, with those above it where the client wants them. */
import { type DatastorePath, Fault, folderOf, formatDatastorePath } from "../../base/index.ts";
import { fault } from "../../wire/index.ts";
import type { Vmkernel } from "../vmkernel.ts";

/** @throws {Fault} FileAlreadyExists; FileNotFound when the folder above is missing and not to be made */
export async function makeDirectory(vmkernel: Vmkernel, folder: DatastorePath, { withParents }: { withParents: boolean }): Promise<void> {
  const file = formatDatastorePath(folder);
  if (folder.path === "") throw fault("FileAlreadyExists", `The folder ${file} already exists.`, { file });
  if (withParents) await makeParents(vmkernel, folderOf(folder));
  await vmkernel.request({ kind: "makeFolder", folder });
}

async function makeParents(vmkernel: Vmkernel, folder: DatastorePath): Promise<void> {
  if (folder.path === "") return;
  try {
    await vmkernel.request({ kind: "makeFolder", folder });
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    if (error.fault === "FileAlreadyExists") return; // a file of that name is told by what comes beneath it
    if (error.fault !== "FileNotFound") throw error;
    await makeParents(vmkernel, folderOf(folder));
    await vmkernel.request({ kind: "makeFolder", folder });
  }
}
