/**
 * Which request is legal in which state of a VM: one table. Pure.
 * Source: vim25 InvalidPowerState and TaskInProgress, as the methods' documentation names them.
 */
import type { Fault } from "../base/index.ts";
import { fault, isSubtype, type MoRef, managedObjectType, type VirtualMachinePowerState } from "../wire/index.ts";

const legalFrom = {
  PowerOnVM_Task: ["poweredOff", "suspended"],
  PowerOffVM_Task: ["poweredOn", "suspended"], // powering off a suspended VM gives up its memory
  ResetVM_Task: ["poweredOn"],
  SuspendVM_Task: ["poweredOn"],
  ShutdownGuest: ["poweredOn"],
  RebootGuest: ["poweredOn"],
  StandbyGuest: ["poweredOn"],
  SendNMI: ["poweredOn"],
  TerminateVM: ["poweredOn"],
  ReconfigVM_Task: ["poweredOff", "poweredOn"], // what can't change while it runs is refused by the change
  UpgradeVM_Task: ["poweredOff"],
  ExportVm: ["poweredOff"],
  UnregisterVM: ["poweredOff", "suspended"],
  Destroy_Task: ["poweredOff", "suspended"],
  CreateSnapshot_Task: ["poweredOff", "poweredOn"],
  CreateSnapshotEx_Task: ["poweredOff", "poweredOn"],
  RevertToCurrentSnapshot_Task: ["poweredOff", "poweredOn", "suspended"],
  RemoveAllSnapshots_Task: ["poweredOff", "poweredOn"],
  ConsolidateVMDisks_Task: ["poweredOff", "poweredOn"],
  // Of a snapshot, which are deeds on its VM.
  RevertToSnapshot_Task: ["poweredOff", "poweredOn", "suspended"],
  RemoveSnapshot_Task: ["poweredOff", "poweredOn"],
  ExportSnapshot: ["poweredOff", "poweredOn", "suspended"],
  RenameSnapshot: ["poweredOff", "poweredOn", "suspended"],
  Rename_Task: ["poweredOff", "poweredOn", "suspended"],
  AcquireTicket: ["poweredOn"],
  PutUsbScanCodes: ["poweredOn"],
  CreateScreenshot_Task: ["poweredOn"],
  MountToolsInstaller: ["poweredOn"],
  UnmountToolsInstaller: ["poweredOn"],
  UpgradeTools_Task: ["poweredOn"],
  ExtractOvfEnvironment: ["poweredOn"],
  ResetGuestInformation: ["poweredOff"],
  DefragmentAllDisks: ["poweredOff"],
  reloadVirtualMachineFromPath_Task: ["poweredOff"],
} as const satisfies Record<string, readonly VirtualMachinePowerState[]>;

export type VmMethod = keyof typeof legalFrom;

/** What a VM answers also while a task works on it: its console is for whoever must see what goes on there. */
const besideTasks: ReadonlySet<VmMethod> = new Set(["AcquireTicket", "PutUsbScanCodes"]);

/** What is there for a VM whose .vmx cannot be read. */
const mends: ReadonlySet<VmMethod> = new Set(["UnregisterVM", "reloadVirtualMachineFromPath_Task"]);

/** What nothing would come of while the guest stands still over a question. */
const needsRunningGuest: ReadonlySet<VmMethod> = new Set([
  "ResetVM_Task",
  "SuspendVM_Task",
  "ShutdownGuest",
  "RebootGuest",
  "StandbyGuest",
]);

const reaches = {
  PowerOnVM_Task: "poweredOn",
  PowerOffVM_Task: "poweredOff",
  SuspendVM_Task: "suspended",
  TerminateVM: "poweredOff",
  ExportVm: "poweredOff",
  UpgradeVM_Task: "poweredOff", // vim25 asks for the state that it is done in
} as const satisfies Partial<Record<VmMethod, VirtualMachinePowerState>>;

const label: Readonly<Record<VirtualMachinePowerState, string>> = {
  poweredOff: "Powered off",
  poweredOn: "Powered on",
  suspended: "Suspended",
};

export interface VmSituation {
  readonly powerState: VirtualMachinePowerState;
  /** The task that works on the VM now. */
  readonly activeTask: MoRef<"Task"> | undefined;
  /** Whether its .vmx can be read. */
  readonly accessible: boolean;
  /** Its guest stands still until somebody answers. */
  readonly hasQuestion: boolean;
}

/** Decides whether `method` may run on a VM in that situation. Methods outside the table are legal in every state. */
export function refuseInState(method: string, vm: VmSituation): Fault | undefined {
  if (!isVmMethod(method)) return undefined;
  if (vm.activeTask !== undefined && !besideTasks.has(method)) {
    return fault("TaskInProgress", "The operation is not allowed in the current state: another task is already in progress.", {
      task: vm.activeTask,
    });
  }
  const states: readonly VirtualMachinePowerState[] = legalFrom[method];
  if (!states.includes(vm.powerState)) {
    const text = `The attempted operation cannot be performed in the current state (${label[vm.powerState]}).`;
    if (!declaresState(method)) return fault("InvalidRequest", text, {});
    const requestedState = method in reaches ? reaches[method as keyof typeof reaches] : undefined;
    return fault("InvalidPowerState", text, {
      ...(requestedState === undefined ? {} : { requestedState }),
      existingState: vm.powerState,
    });
  }
  if (vm.hasQuestion && needsRunningGuest.has(method)) {
    return fault("InvalidState", "The virtual machine waits for the answer to a question.", {});
  }
  if (!vm.accessible && !mends.has(method)) {
    return fault("InvalidState", "The configuration file of the virtual machine cannot be read.", {});
  }
  return undefined;
}

/** A strict client can decode the faults that the schema declares for the method; PutUsbScanCodes declares none. */
function declaresState(method: VmMethod): boolean {
  return (
    managedObjectType("VirtualMachine")
      .methods.get(method)
      ?.faults.some((declared) => isSubtype("InvalidPowerState", declared)) === true
  );
}

function isVmMethod(method: string): method is VmMethod {
  return Object.hasOwn(legalFrom, method);
}

/** The methods of the table that a VM in that situation would refuse: vim25 VirtualMachine.disabledMethod. */
export function disabledMethods(vm: VmSituation): readonly VmMethod[] {
  const { methods } = managedObjectType("VirtualMachine");
  return (Object.keys(legalFrom) as VmMethod[]).filter((method) => methods.has(method) && refuseInState(method, vm) !== undefined);
}
