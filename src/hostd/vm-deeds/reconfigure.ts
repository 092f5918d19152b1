/**
 * ReconfigVM_Task, UpgradeVM_Task and Rename_Task: the .vmx is replaced in one step, so a VM has its old configuration or the new one.
 * A running VM's monitor changes before it, whole or not at all, and is given back what it had when the .vmx can't be replaced.
 */
import { Undo } from "../../base/index.ts";
import type { MachineSpec } from "../../vmkernel/index.ts";
import { fault, formatVmx, type VirtualMachineConfigInfo, type VirtualMachineConfigSpec, type Vmx } from "../../wire/index.ts";
import type { Call, HostAgent } from "../agent.ts";
import { parseEntityName } from "../entity-name.ts";
import type { Journal } from "../recovery.ts";
import { limitBelowMemory, type Sized } from "../resources/guarantees.ts";
import { poolRef } from "../resources/pool-tree.ts";
import type { Task } from "../tasks.ts";
import type { Vm } from "../vm.ts";
import {
  type ConfigPlan,
  changeVersionOf,
  memoryMibOf,
  planHotChange,
  planReconfigure,
  planUpgrade,
  readAllocations,
  readCpuAffinity,
  vcpusOf,
} from "../vm-config/index.ts";
import { changeVmx, makeDisk, removeDiskIfThere } from "../vm-files.ts";
import { aboutVm, readableFiles } from "./context.ts";
import { configContext, requireAbsent } from "./create.ts";
import { changeMachine, growDisk, restoreMachine } from "./running-machine.ts";

export async function reconfigure(call: Call, vm: Vm, requested: VirtualMachineConfigSpec): Promise<Task> {
  const { agent } = call;
  const { vmx, config } = readableFiles(vm);
  const spec = requested.name === undefined ? requested : { ...requested, name: parseEntityName(requested.name, "spec.name") };
  if (spec.name !== undefined) agent.vms.requireFreeName(spec.name, vm);
  const plan = planReconfigure(vmx, spec, { ...(await configContext(agent, vm.vmxPath, vm)), config });
  for (const descriptor of plan.disksToAttach) await agent.vms.vmkernel.request({ kind: "describeDisk", descriptor });
  // A disk that replaces another takes its place: it is neither new nor anything to take back.
  const disks = plan.disksToCreate.filter(({ replaces }) => !replaces).map(({ descriptor }) => descriptor);
  await requireAbsent(agent, disks);
  if (vm.monitor !== undefined) agent.pools.requireRoom(vm, sizeOf(vm.name, plan.vmx));
  const running = await planRunning(agent, vm, { vmx, config, plan, spec });
  const journal: Journal = {
    kind: "reconfigure",
    vm: vm.id,
    created: { disks },
    becomes: changeVersionOf(plan.vmx),
    ...(running && { before: running.before }),
  };
  return call.startTask(vm.name, journal, async ({ report, allowCancel }, task) => {
    await using undo = new Undo();
    const { vmkernel } = agent.vms;
    // A disk that has taken another's place cannot be taken back.
    const isUndone = plan.disksToCreate.length > 0 && !plan.disksToCreate.some(({ replaces }) => replaces);
    const signal = isUndone ? allowCancel() : undefined;
    for (const [index, planned] of plan.disksToCreate.entries()) {
      const { descriptor, replaces } = planned;
      if (replaces) await removeDiskIfThere(vmkernel, descriptor);
      else undo.add(() => removeDiskIfThere(vmkernel, descriptor));
      const watch = (percent: number) => report((80 * (index + percent / 100)) / plan.disksToCreate.length);
      await makeDisk(vmkernel, planned, { report: watch, ...(signal && { signal }) });
    }
    if (signal?.aborted === true) throw fault("RequestCanceled", "The task was canceled by a user.", {});
    // Where more fails after it, a disk stays larger: that takes nothing from anybody, and clients see it.
    if (plan.disksToExtend.length > 0) undo.add(() => agent.vms.refresh(vm));
    for (const larger of plan.disksToExtend) {
      const { descriptor, capacityBytes } = larger;
      if (running !== undefined) await growDisk(agent, vm, larger);
      else await vmkernel.request({ kind: "changeDisk", descriptor, change: { kind: "extend", capacityBytes } });
    }
    if (running !== undefined) {
      undo.add(() => restoreMachine(agent, vm, running.before));
      await changeMachine(agent, vm, running.wanted);
    }
    await vmkernel.request({ kind: "writeText", file: vm.vmxPath, text: formatVmx(plan.vmx) });
    undo.release();
    // From here on the VM is as it was asked to be; a disk that is no longer its own goes last.
    for (const descriptor of plan.disksToDelete) await removeDiskIfThere(vmkernel, descriptor);
    await agent.vms.refresh(vm);
    agent.changes.changed(poolRef(agent.pools.poolOf(vm))); // which shows what its members have of it
    const fields = { template: false, configSpec: spec };
    agent.events.post("VmReconfiguredEvent", `Reconfigured ${vm.name}`, aboutVm(call, vm, task), fields);
    warnOfLimit(call, vm, { before: config, task });
    return undefined;
  });
}

/** Once: when it has become so. */
function warnOfLimit(call: Call, vm: Vm, { before, task }: { readonly before: VirtualMachineConfigInfo; readonly task: Task }): void {
  const message = limitBelowMemory(readableFiles(vm).config);
  if (message === undefined || message === limitBelowMemory(before)) return;
  call.agent.events.post("VmMessageWarningEvent", `${vm.name}: ${message}`, aboutVm(call, vm, task), { template: false, message });
}

function sizeOf(name: string, vmx: Vmx): Sized {
  const hardware = { numCPU: vcpusOf(vmx), memoryMB: memoryMibOf(vmx) };
  return { name, hardware, cpuAffinity: readCpuAffinity(vmx), ...readAllocations(vmx) };
}

interface Reconfiguration {
  readonly vmx: Vmx;
  readonly config: VirtualMachineConfigInfo;
  readonly plan: ConfigPlan;
  readonly spec: VirtualMachineConfigSpec;
}

/** @returns undefined for a VM that is off: then the .vmx is all there is to change */
async function planRunning(
  agent: HostAgent,
  vm: Vm,
  { vmx, config, plan, spec }: Reconfiguration,
): Promise<{ readonly before: MachineSpec; readonly wanted: MachineSpec } | undefined> {
  if (vm.monitor === undefined) return undefined;
  const { machine: before } = await agent.vms.vmkernel.request({ kind: "inspectMonitor", vm: vm.id });
  const wanted = planHotChange({
    before,
    vmx,
    plan,
    devices: config.hardware.device ?? [],
    changes: spec.deviceChange ?? [],
    vm: vm.id,
    vmxPath: vm.vmxPath,
    datastores: agent.datastores(),
    networks: agent.networks.names(),
    host: agent.host,
  });
  return { before, wanted };
}

export function upgradeHardware(call: Call, vm: Vm, version?: string): Task {
  const { vmx } = readableFiles(vm);
  const change = planUpgrade(vmx, version);
  return call.startTask(vm.name, { kind: "none" }, async (_, task) => {
    await changeVmx(call.agent.vms, vm, change);
    const reached = readableFiles(vm).config.version;
    const fields = { template: false, version: reached };
    call.agent.events.post("VmUpgradeCompleteEvent", `The hardware of ${vm.name} is ${reached}`, aboutVm(call, vm, task), fields);
    return undefined;
  });
}

export function rename(call: Call, vm: Vm, requested: string): Task {
  const { agent } = call;
  const newName = parseEntityName(requested, "newName");
  agent.vms.requireFreeName(newName, vm);
  return call.startTask(vm.name, { kind: "none" }, async (_, task) => {
    readableFiles(vm);
    const oldName = vm.name;
    await changeVmx(agent.vms, vm, { displayName: newName });
    const fields = { template: false, oldName, newName };
    agent.events.post("VmRenamedEvent", `Renamed ${oldName} to ${newName}`, aboutVm(call, vm, task), fields);
    return undefined;
  });
}
