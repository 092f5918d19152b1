/** vim25 DeleteDatastoreFile_Task, a file or a folder with all that is in it, and DeleteVirtualDisk_Task. */
import { type DatastorePath, Fault, formatDatastorePath, inFolder } from "../../base/index.ts";
import type { FolderEntry } from "../../vmkernel/index.ts";
import type { Call, HostAgent } from "../agent.ts";
import type { Task } from "../tasks.ts";
import type { Vm } from "../vm.ts";
import { diskPathsOf } from "../vm-config/index.ts";
import type { Vmkernel } from "../vmkernel.ts";
import { type HeldFile, refuseDelete } from "./plan-delete.ts";

/** @throws {Fault} at once when a VM lives by what is to go; what is not there ends the task in FileNotFound */
export function deleteFiles(call: Call, path: DatastorePath): Task {
  refuseDelete(path, heldFiles(call.agent));
  return call.startTask(path.datastore, { kind: "deleteFiles", path }, async () => {
    await deleteTree(call.agent, path);
    return undefined;
  });
}

/** A disk's descriptor and its data. Half of it gone, the rest goes with the next try. */
export function deleteDisk(call: Call, descriptor: DatastorePath): Task {
  refuseDelete(descriptor, heldFiles(call.agent));
  return call.startTask(descriptor.datastore, { kind: "none" }, async () => {
    await call.agent.vms.vmkernel.request({ kind: "deleteDisk", descriptor });
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
async function entriesOf(vmkernel: Vmkernel, path: DatastorePath): Promise<readonly FolderEntry[]> {
  try {
    return await vmkernel.request({ kind: "listFolder", folder: path });
  } catch (error) {
    if (error instanceof Fault && error.fault === "FileNotFound") return [];
    throw error;
  }
}

/** The files that these VMs live by; of every registered one when none are named. */
export function heldFiles({ vms, datastores }: HostAgent, of: readonly Vm[] = vms.list()): readonly HeldFile[] {
  return of.flatMap((vm) => filesOf(vm, datastores()).map((file) => ({ file, by: vm.name })));
}

export function filesOf(vm: Vm, datastores: ReturnType<HostAgent["datastores"]>): readonly DatastorePath[] {
  if (vm.files.kind === "unreadable") return [vm.vmxPath];
  const disks = diskPathsOf(vm.files.vmx, vm.vmxPath, datastores);
  const data = disks.map(({ datastore, path }) => ({ datastore, path: path.replace(/\.vmdk$/i, "-flat.vmdk") }));
  return [vm.vmxPath, ...disks, ...data, ...(vm.files.suspendedMemory === undefined ? [] : [vm.files.suspendedMemory])];
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
