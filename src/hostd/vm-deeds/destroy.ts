/** Leaving the inventory: UnregisterVM keeps the files, Destroy_Task removes those that are the VM's. */
import { type DatastorePath, fileNameOf, formatDatastorePath, inFolder } from "../../base/index.ts";
import { fault } from "../../wire/index.ts";
import type { Call } from "../agent.ts";
import type { DoomedFiles } from "../recovery.ts";
import { gatherChains, pathOf, wantedByOthers } from "../snapshots/chain-facts.ts";
import { planDestruction } from "../snapshots/plan-cleaning.ts";
import type { Task } from "../tasks.ts";
import type { Vm } from "../vm.ts";
import { serialFilesOf } from "../vm-config/index.ts";
import { removeDiskIfThere, removeIfThere } from "../vm-files.ts";
import { isFileOfVm } from "../vm-layout.ts";
import type { Vmkernel } from "../vmkernel.ts";
import { aboutVm, readableFiles } from "./context.ts";

export function unregisterVm(call: Call, vm: Vm): void {
  const about = aboutVm(call, vm);
  call.agent.vms.leave(vm);
  call.agent.events.post("VmRemovedEvent", `Removed ${vm.name} from the inventory`, about, { template: false });
}

export async function destroyVm(call: Call, vm: Vm): Promise<Task> {
  const { vms, events } = call.agent;
  const doomed = await findDoomedFiles(call, vm);
  return call.startTask(vm.name, { kind: "destroyVm", vm: vm.id, doomed }, async ({ report }, task) => {
    const about = aboutVm(call, vm, task);
    await removeDoomedFiles(vms.vmkernel, doomed, report);
    vms.leave(vm);
    events.post("VmRemovedEvent", `Removed ${vm.name} from the inventory`, about, { template: false });
    return undefined;
  });
}

/**
 * What belongs to the VM: its disks and those of its snapshots, and in its folder the files that a VM has. An image in its CD drive
 * is not its own, and neither is a disk that another VM has or depends on: that one is refused, for one of the two would lose it.
 */
async function findDoomedFiles(call: Call, vm: Vm): Promise<DoomedFiles> {
  const { vms } = call.agent;
  const { vmx, snapshots } = readableFiles(vm);
  const datastores = call.agent.datastores();
  const chains = await gatherChains(vms.vmkernel, { vmx, vmxPath: vm.vmxPath, snapshots, datastores });
  const theirs = wantedByOthers(call.agent, vm);
  const { disks: chained, needed } = planDestruction(chains);
  const shared = chained.find((disk) => theirs.has(disk));
  if (shared !== undefined)
    throw fault("FileLocked", `Unable to access file ${shared}: another virtual machine has it too`, { file: shared });
  if (needed !== undefined)
    throw fault("FileLocked", `Unable to remove ${needed.parent}: it is the parent of ${needed.child}`, { file: needed.parent });
  const disks = chained.map(pathOf);
  const entries = await vms.vmkernel.request({ kind: "listFolder", folder: vm.home });
  const base = fileNameOf(vm.vmxPath).replace(/\.vmx$/i, "");
  const serial = new Set(serialFilesOf(vmx, vm.vmxPath, datastores).map(formatDatastorePath));
  const own = entries
    .filter((entry) => entry.kind === "file" && entry.name !== fileNameOf(vm.vmxPath))
    .map((entry) => inFolder(vm.home, entry.name))
    .filter((file) => isFileOfVm(fileNameOf(file), base) || serial.has(formatDatastorePath(file)));
  return { disks, files: [...own, vm.vmxPath], folder: vm.home };
}

/** The disks go first and the .vmx last, so that a destruction that is cut short can be told from the VM and finished. */
export async function removeDoomedFiles(
  vmkernel: Vmkernel,
  { disks, files, folder }: DoomedFiles,
  report: (percent: number) => void,
): Promise<void> {
  for (const [index, disk] of disks.entries()) {
    await removeDiskIfThere(vmkernel, disk);
    report((90 * (index + 1)) / disks.length);
  }
  for (const file of files) await removeIfThere(vmkernel, file);
  if (folder.path !== "") await removeIfEmpty(vmkernel, folder);
}

/** Removes a folder unless something that is not the VM's is left in it. */
export async function removeIfEmpty(vmkernel: Vmkernel, folder: DatastorePath): Promise<void> {
  const entries = await vmkernel.request({ kind: "listFolder", folder }).catch(() => undefined); // gone already
  if (entries !== undefined && entries.length === 0) await removeIfThere(vmkernel, folder);
}
