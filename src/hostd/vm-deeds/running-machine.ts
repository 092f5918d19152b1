/** The machine of a running VM, as its monitor has it: changed together with the .vmx, and given back when that fails. */
import { Fault, messageOf } from "../../base/index.ts";
import { ConnectionLost, type MachineSpec } from "../../vmkernel/index.ts";
import type { HostAgent } from "../agent.ts";
import type { Vm } from "../vm.ts";
import type { ConfigPlan } from "../vm-config/index.ts";

/** @throws {Fault} what the monitor or its guest says against it; then it is what it was */
export async function changeMachine({ vms }: HostAgent, vm: Vm, machine: MachineSpec): Promise<void> {
  const ask = () => vms.vmkernel.request({ kind: "changeMonitor", machine });
  vm.monitor = await ask().catch((error) => {
    // A vmkernel that died over it has found what is there, and makes it the wanted one from there.
    if (error instanceof ConnectionLost) return ask();
    throw error;
  });
  vm.changed();
}

/** @throws {Fault} what is said against it; then the disk is what it was */
export async function growDisk(
  { vms }: HostAgent,
  vm: Vm,
  { descriptor, capacityBytes }: ConfigPlan["disksToExtend"][number],
): Promise<void> {
  const ask = () => vms.vmkernel.request({ kind: "growDisk", vm: vm.id, descriptor, capacityBytes });
  await ask().catch((error) => {
    // A vmkernel that died over it left the disk as it was or larger, and makes it what is wanted from there.
    if (error instanceof ConnectionLost) return ask();
    throw error;
  });
}

/** As {@link changeMachine}, back to what was. A VM that is off has nothing to be given back; what fails besides is told to whoever looks. */
export async function restoreMachine(agent: HostAgent, vm: Vm, machine: MachineSpec): Promise<void> {
  try {
    await changeMachine(agent, vm, machine);
  } catch (error) {
    if (error instanceof Fault && error.fault === "InvalidPowerState") return;
    const message = `The devices of ${vm.name} could not be given back as they were: ${messageOf(error)}. They are as configured again when it is powered on next.`;
    agent.events.post("VmMessageWarningEvent", message, { userName: "", vm: { ref: vm.ref, name: vm.name } }, { template: false, message });
  }
}
