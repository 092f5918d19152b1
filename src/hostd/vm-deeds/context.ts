/** What the deeds of a VM share: its files or the fault that they can't be read, events about it, vmkernel's word after a lost connection. */
import { ConnectionLost, type VmkernelRequest, type VmkernelResults } from "../../vmkernel/index.ts";
import { fault, type VirtualMachinePowerState } from "../../wire/index.ts";
import type { Call } from "../agent.ts";
import type { EventContext } from "../events.ts";
import type { Task } from "../tasks.ts";
import type { Vm, VmFiles } from "../vm.ts";
import type { Vms } from "../vms.ts";

/** The VM's files as they were read last; InvalidState when they can't be. */
export function readableFiles(vm: Vm): Extract<VmFiles, { kind: "readable" }> {
  if (vm.files.kind === "readable") return vm.files;
  throw fault("InvalidState", `The configuration of ${vm.name} cannot be read: ${vm.files.because}`, {});
}

/** Who, about which VM, in which chain of events. */
export function aboutVm(call: Call, vm: Vm, task?: Task): EventContext {
  const chain = task?.info.eventChainId;
  return {
    userName: call.session?.userName ?? "",
    vm: { ref: vm.ref, name: vm.name },
    ...(chain === undefined ? {} : { chainId: chain }),
  };
}

/**
 * Tells of a task that no event of vim25 is the end of: those who watch events see that it began, and who began it.
 * @param what the task does, for people
 */
export function tellOfTask(call: Call, vm: Vm, task: Task, what: string): Task {
  call.agent.events.post("TaskEvent", `Task: ${what}`, aboutVm(call, vm, task), { info: task.info });
  return task;
}

/**
 * Puts a power request to vmkernel. When vmkernel dies over it, the kernel tells what became of it: the monitor is there, or not. What
 * was not done is asked for once more.
 * @returns what vmkernel answered, or undefined when it was lost but the VM got where it should
 */
export async function requestPower<R extends VmkernelRequest>(
  vms: Vms,
  vm: Vm,
  request: R,
  wanted: VirtualMachinePowerState,
  isAskedAgain = false,
): Promise<VmkernelResults[R["kind"]] | undefined> {
  try {
    return await vms.vmkernel.request(request);
  } catch (error) {
    if (!(error instanceof ConnectionLost)) throw error;
    await vms.synchronize();
    await vms.refresh(vm);
    if (vm.powerState === wanted) return undefined;
    if (!isAskedAgain) return requestPower(vms, vm, request, wanted, true);
    throw fault("SystemError", `vmkernel restarted before ${vm.name} was ${wanted}; it is ${vm.powerState}.`, {
      reason: "vmkernel restarted",
    });
  }
}
