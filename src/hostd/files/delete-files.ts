/** vim25 DeleteDatastoreFile_Task: a file, or a folder with all that is in it. */
import { type DatastorePath, Fault, formatDatastorePath, inFolder } from "../../base/index.ts";
import type { FolderEntry } from "../../vmkernel/index.ts";
import type { Call, HostAgent } from "../agent.ts";
import type { Task } from "../tasks.ts";
import type { Vmkernel } from "../vmkernel.ts";
import { heldFiles } from "./held-files.ts";
import { refuseDelete } from "./plan-delete.ts";

/** @throws {Fault} at once when a VM lives by what is to go; what is not there ends the task in FileNotFound */
export function deleteFiles(call: Call, path: DatastorePath): Task {
  refuseDelete(path, heldFiles(call.agent));
  return call.startTask(path.datastore, { kind: "deleteFiles", path }, async () => {
    await deleteTree(call.agent, path);
    return undefined;
  });
}

/** A VM that is registered meanwhile is noticed at the next folder; a file that a monitor has open is refused by vmkernel. */
export async function deleteTree(agent: HostAgent, path: DatastorePath): Promise<void> {
  refuseDelete(path, heldFiles(agent));
  const { vmkernel } = agent.vms;
  for (const entry of await entriesOf(vmkernel, path)) {
    const child = inFolder(path, entry.name);
    if (entry.kind === "folder") await deleteTree(agent, child);
    else await vmkernel.request({ kind: "remove", path: child });
  }
  await vmkernel.request({ kind: "remove", path });
}

/** Nothing for a file. One that is not there is for `remove` to tell. */
export async function entriesOf(vmkernel: Vmkernel, path: DatastorePath): Promise<readonly FolderEntry[]> {
  try {
    return await vmkernel.request({ kind: "listFolder", folder: path });
  } catch (error) {
    if (error instanceof Fault && error.fault === "FileNotFound") return [];
    throw error;
  }
}

/** Goes on with a deletion that a crash cut short. What is gone already is what was wanted. */
export async function finishDeleting(agent: HostAgent, path: DatastorePath): Promise<void> {
  try {
    await deleteTree(agent, path);
  } catch (error) {
    if (error instanceof Fault && error.fault === "FileNotFound" && error.fields.file === formatDatastorePath(path)) return;
    throw error;
  }
}
