/** Power: on, off, reset, suspend, and asking the guest to shut down. Source: vim25 VirtualMachine; paper «Virtualization Extensions». */
import { inFolder } from "../../base/index.ts";
import { fault, faultToLocalized, type Vmx } from "../../wire/index.ts";
import type { Call, HostAgent } from "../agent.ts";
import type { EventContext } from "../events.ts";
import { faultOf } from "../faults.ts";
import { limitBelowMemory } from "../resources/guarantees.ts";
import { planSharing, type SaltingPolicy } from "../resources/page-sharing.ts";
import type { Task } from "../tasks.ts";
import type { Vm } from "../vm.ts";
import { guestVariablesOf, machineSpecOf } from "../vm-config/index.ts";
import { forgetSuspension, rememberSuspension, suspendFileName } from "../vm-files.ts";
import { bootWarning } from "./boot-warning.ts";
import { aboutVm, readableFiles, requestPower } from "./context.ts";
import { convertForeignDisks } from "./convert-disks.ts";
import { settleMacs } from "./settle-macs.ts";

export function powerOn(call: Call, vm: Vm): Task {
  return call.startTask(vm.name, { kind: "power", vm: vm.id, wanted: "poweredOn" }, async ({ report }, task) =>
    powerOnWithin(call, vm, { task, report }),
  );
}

interface Within {
  readonly task: Task;
  /** How far a conversion of its disks is, in percent. */
  readonly report?: (percent: number) => void;
}

/** As a part of a task. */
export async function powerOnWithin(call: Call, vm: Vm, { task, report = () => {} }: Within): Promise<undefined> {
  const { agent } = call;
  const about = aboutVm(call, vm, task);
  const { suspendedMemory } = readableFiles(vm);
  agent.events.post("VmStartingEvent", `${vm.name} is starting`, about, { template: false });
  try {
    using _room = agent.pools.reserve(vm, readableFiles(vm).config);
    await settleMacs(agent, vm, about);
    if (suspendedMemory === undefined) await convertForeignDisks(agent, vm, report);
    const { vmx } = readableFiles(vm);
    const machine = machineSpecOf(vmx, {
      vm: vm.id,
      vmxPath: vm.vmxPath,
      datastores: agent.datastores(),
      networks: agent.networks.names(),
      host: agent.host,
      ...(suspendedMemory === undefined ? {} : { resumeFrom: suspendedMemory }),
    });
    const { guestVariables, warning: untold } = guestVariablesOf(vmx);
    const { sharingGroup, warning: unshared } = sharingOf(agent, vmx);
    vm.startingGroup = sharingGroup; // whoever is powered on meanwhile knows of it
    for (const warning of [bootWarning(machine), untold, unshared, limitBelowMemory(readableFiles(vm).config)].filter(
      (sentence) => sentence !== undefined,
    ))
      agent.events.post("VmMessageWarningEvent", `${vm.name}: ${warning}`, about, { template: false, message: warning });
    await agent.pools.tell(); // what it is to have of the processors holds from its first moment
    const monitor = await requestPower(
      agent.vms,
      vm,
      { kind: "powerOn", machine, guestVariables, ...(sharingGroup !== undefined && { sharingGroup }) },
      "poweredOn",
    );
    if (monitor !== undefined) vm.monitor = monitor;
  } catch (error) {
    // A monitor that was listed while it started is gone. While vmkernel is away this waits for the next connection.
    await agent.vms.synchronize().catch(() => {});
    const reason = faultToLocalized(faultOf(error));
    agent.events.post("VmFailedToPowerOnEvent", `Cannot power on ${vm.name}: ${reason.localizedMessage}`, about, {
      template: false,
      reason,
    });
    throw error;
  } finally {
    vm.startingGroup = undefined;
  }
  vm.changed();
  agent.events.post("VmPoweredOnEvent", `${vm.name} is powered on`, about, { template: false });
  const { sharingGroup } = vm.monitor ?? {};
  if (sharingGroup !== undefined) {
    const message = `${vm.name} shares equal pages of its memory with VMs of the group «${sharingGroup}»`;
    agent.events.post("VmMessageEvent", message, about, { template: false, message });
  }
  // The memory has been handed back to the guest: nothing may ever resume from it again.
  if (suspendedMemory !== undefined) await forgetSuspension(agent.vms, vm, suspendedMemory);
  else await agent.vms.refresh(vm); // it has a new log
  return undefined;
}

interface SharedMemory {
  readonly sharingGroup?: string;
  /** Why it shares with nobody although it might. */
  readonly warning?: string;
}

function sharingOf({ options, vms }: HostAgent, vmx: Vmx): SharedMemory {
  const groups = vms.list().flatMap(({ monitor, startingGroup }) => monitor?.sharingGroup ?? startingGroup ?? []);
  const policy = options.get("Mem.ShareForceSalting") as SaltingPolicy; // bounded by its row
  const sharing = planSharing({ vmx, policy, groups });
  if (sharing.kind === "group") return { sharingGroup: sharing.group };
  return sharing.kind === "notNow" ? { warning: sharing.because } : {};
}

export function powerOff(call: Call, vm: Vm): Task {
  const { agent } = call;
  return call.startTask(vm.name, { kind: "power", vm: vm.id, wanted: "poweredOff" }, async (_, task) => {
    const about = aboutVm(call, vm, task);
    agent.events.post("VmStoppingEvent", `${vm.name} is stopping`, about, { template: false });
    if (vm.monitor !== undefined) {
      const sharedKiB = agent.performance.now(vm.ref, "memShared") ?? 0;
      if (sharedKiB > 0) {
        const message = `${vm.name} had ${Math.round(sharedKiB / 1024)} MB of its memory in pages that it shared`;
        agent.events.post("VmMessageEvent", message, about, { template: false, message });
      }
      await requestPower(agent.vms, vm, { kind: "powerOff", vm: vm.id }, "poweredOff");
      vm.monitor = undefined;
    } else {
      const { suspendedMemory } = readableFiles(vm);
      if (suspendedMemory !== undefined) await forgetSuspension(agent.vms, vm, suspendedMemory);
    }
    vm.changed();
    agent.events.post("VmPoweredOffEvent", `${vm.name} is powered off`, about, { template: false });
    return undefined;
  });
}

export function reset(call: Call, vm: Vm): Task {
  return call.startTask(vm.name, { kind: "none" }, async (_, task) => {
    await call.agent.vms.vmkernel.request({ kind: "reset", vm: vm.id });
    call.agent.events.post("VmResettingEvent", `${vm.name} is reset`, aboutVm(call, vm, task), { template: false });
    return undefined;
  });
}

export function suspend(call: Call, vm: Vm): Task {
  return startSuspension(call, vm, async () => {});
}

/**
 * StandbyGuest asks and returns: the guest writes out what it keeps for its disks, and its VM is suspended, which is what becomes of a
 * VM here whose guest stands by. @throws {Fault} ToolsUnavailable; NotSupported where the VM is to stay powered on meanwhile
 */
export function standbyGuest(call: Call, vm: Vm): void {
  const { agent } = call;
  if (readableFiles(vm).config.defaultPowerOps.standbyAction !== "checkpoint")
    throw fault("NotSupported", "A guest cannot stand by while its virtual machine stays powered on.", {});
  if (vm.monitor?.guest.tools !== "running")
    throw fault("ToolsUnavailable", `Cannot complete operation because the guest agent of ${vm.name} does not answer.`, {});
  startSuspension(call, vm, async (about) => {
    try {
      await agent.vms.vmkernel.request({ kind: "flushGuest", vm: vm.id });
    } catch (error) {
      const reason = faultToLocalized(faultOf(error));
      const fields = { template: false, reason };
      agent.events.post("VmFailedToStandbyGuestEvent", `${vm.name} cannot stand by: ${reason.localizedMessage}`, about, fields);
      throw error;
    }
    agent.events.post("VmGuestStandbyEvent", `Guest OS of ${vm.name} stands by`, about, { template: false });
  });
}

/**
 * The .vmx names the memory file before it exists, and the file appears whole or not at all, so at every moment a VM without a
 * monitor is suspended exactly when the file that its .vmx names is there.
 */
function startSuspension(call: Call, vm: Vm, prepare: (about: EventContext) => Promise<void>): Task {
  const { agent } = call;
  return call.startTask(vm.name, { kind: "power", vm: vm.id, wanted: "suspended" }, async (_, task) => {
    const about = aboutVm(call, vm, task);
    await prepare(about);
    agent.events.post("VmSuspendingEvent", `${vm.name} is being suspended`, about, { template: false });
    const name = suspendFileName(vm);
    await rememberSuspension(agent.vms, vm, name, vm.monitor?.memoryHotAdd?.addedMiB);
    await requestPower(agent.vms, vm, { kind: "suspend", vm: vm.id, to: inFolder(vm.home, name) }, "suspended");
    vm.monitor = undefined;
    await agent.vms.refresh(vm);
    agent.events.post("VmSuspendedEvent", `${vm.name} is suspended`, about, { template: false });
    return undefined;
  });
}

/** RebootGuest asks and returns; the guest's own reset is the event that follows. */
export async function rebootGuest(call: Call, vm: Vm): Promise<void> {
  await call.agent.vms.vmkernel.request({ kind: "rebootGuest", vm: vm.id });
}

/** What the guest makes of it is its own: many write down their memory and start anew. */
export async function sendNmi(call: Call, vm: Vm): Promise<void> {
  await call.agent.vms.vmkernel.request({ kind: "sendNmi", vm: vm.id });
}

/** For a VM that nothing else ends: its monitor is killed without being asked. */
export async function terminate(call: Call, vm: Vm): Promise<void> {
  await requestPower(call.agent.vms, vm, { kind: "terminate", vm: vm.id }, "poweredOff");
  vm.monitor = undefined;
  vm.changed();
  call.agent.events.post("VmPoweredOffEvent", `${vm.name} is powered off: its monitor was killed`, aboutVm(call, vm), { template: false });
}

/** ShutdownGuest asks and returns; the power state follows when the guest obeys. */
export async function shutdownGuest(call: Call, vm: Vm): Promise<void> {
  await call.agent.vms.vmkernel.request({ kind: "shutdownGuest", vm: vm.id });
  call.agent.events.post("VmGuestShutdownEvent", `Guest OS shut down for ${vm.name}`, aboutVm(call, vm), { template: false });
}
