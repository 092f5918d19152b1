/** Settles, at start, the tasks that a former hostd left unfinished: each ends in success or error, and nothing stays half-done. */
import { type DatastorePath, formatDatastorePath } from "../base/index.ts";
import { type AnyValue, fault, faultToLocalized } from "../wire/index.ts";
import type { HostAgent } from "./agent.ts";
import { faultOf } from "./faults.ts";
import { finishDeleting } from "./files/delete-files.ts";
import { settleFiles } from "./files/settling.ts";
import { decideRecovery, type Facts, type Journal } from "./recovery.ts";
import { settleSnapshots } from "./snapshots/settle-snapshots.ts";
import { snapshotRef } from "./snapshots/snapshot-tree.ts";
import type { Task } from "./tasks.ts";
import type { Vm } from "./vm.ts";
import { changeVersionOf, diskPathsOf } from "./vm-config/index.ts";
import { removeDoomedFiles, removeIfEmpty } from "./vm-deeds/destroy.ts";
import { restoreMachine } from "./vm-deeds/running-machine.ts";
import { removeDiskIfThere, removeIfThere } from "./vm-files.ts";

const UNDONE = "The host agent was restarted before the task was done; what it had begun was undone.";

export async function recoverTasks(agent: HostAgent): Promise<void> {
  for (const { task, journal } of agent.tasks.interrupted()) await settle(agent, task, journal);
}

async function settle(agent: HostAgent, task: Task, journal: Journal): Promise<void> {
  const vm = subjectOf(agent, journal);
  const recovery = decideRecovery(journal, factsOf(agent, vm));
  const { vmkernel } = agent.vms;
  switch (recovery.kind) {
    case "succeeded":
      return agent.tasks.finish(task, { result: resultOf(journal, vm) });
    case "finish":
      await removeDoomedFiles(vmkernel, recovery.doomed, () => {});
      if (vm !== undefined) agent.vms.leave(vm);
      return agent.tasks.finish(task, {});
    case "takeBack":
      if (vm !== undefined) agent.vms.leave(vm);
      await removeDoomedFiles(vmkernel, recovery.doomed, () => {});
      return agent.tasks.finish(task, { error: faultToLocalized(fault("SystemError", UNDONE, { reason: UNDONE })) });
    case "deleteRest":
      try {
        await finishDeleting(agent, recovery.path);
      } catch (error) {
        return agent.tasks.finish(task, { error: faultToLocalized(faultOf(error)) });
      }
      return agent.tasks.finish(task, {});
    case "settleSnapshots":
      try {
        if (vm !== undefined) await settleSnapshots(agent, vm, recovery.journal);
      } catch (error) {
        return agent.tasks.finish(task, { error: faultToLocalized(faultOf(error)) });
      }
      return agent.tasks.finish(task, { result: resultOf(journal, vm) });
    case "settleFiles":
      try {
        await settleFiles(agent, recovery.journal);
      } catch (error) {
        return agent.tasks.finish(task, { error: faultToLocalized(faultOf(error)) });
      }
      return agent.tasks.finish(task, { result: resultOf(journal, vm) });
    case "failed": {
      const { disks, vmx, folder } = recovery.remove;
      if (vm !== undefined && recovery.machine !== undefined) await restoreMachine(agent, vm, recovery.machine);
      for (const disk of disks) await removeDiskIfThere(vmkernel, disk);
      if (vmx !== undefined) await removeIfThere(vmkernel, vmx);
      if (folder !== undefined) await removeIfEmpty(vmkernel, folder);
      return agent.tasks.finish(task, { error: faultToLocalized(fault("SystemError", UNDONE, { reason: UNDONE })) });
    }
  }
}

function subjectOf(agent: HostAgent, journal: Journal): Vm | undefined {
  if ("vm" in journal) return agent.vms.find(journal.vm);
  if (!("vmx" in journal)) return undefined;
  const vmx = formatDatastorePath(journal.vmx);
  return agent.vms.list().find((vm) => formatDatastorePath(vm.vmxPath) === vmx);
}

function factsOf(agent: HostAgent, vm: Vm | undefined): Facts {
  const readable = vm?.files.kind === "readable" ? vm.files : undefined;
  const disksInUse: readonly DatastorePath[] =
    vm === undefined || readable === undefined ? [] : diskPathsOf(readable.vmx, vm.vmxPath, agent.datastores());
  const changeVersion = readable === undefined ? {} : { changeVersion: changeVersionOf(readable.vmx) };
  return { registered: vm !== undefined, powerState: vm?.powerState ?? "poweredOff", disksInUse, ...changeVersion };
}

function resultOf(journal: Journal, vm: Vm | undefined): AnyValue | undefined {
  if (journal.kind === "makeDisk") return { anyType: "string", value: formatDatastorePath(journal.descriptor) };
  if (journal.kind === "moveDisk") return { anyType: "string", value: formatDatastorePath(journal.to) };
  if (journal.kind === "createSnapshot") return { anyType: "VirtualMachineSnapshot", value: snapshotRef(journal.vm, journal.entry.uid) };
  const entered = journal.kind === "createVm" || journal.kind === "registerVm";
  return entered && vm !== undefined ? { anyType: "VirtualMachine", value: vm.ref } : undefined;
}
