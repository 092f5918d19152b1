/**
 * Changes the machine of a running monitor together with its record, which evidence and adoption compare it with: at every moment the
 * record says what is there, or of which two machines it is being made out of one.
 */
import { Fault, messageOf } from "../../base/index.ts";
import { raiseCgroupLimits } from "../../system/index.ts";
import { fault } from "../../wire/index.ts";
import type { MachineSpec } from "../machine.ts";
import { adjust, carryOut, type Means, sweep } from "./change-monitor.ts";
import type { CheckedMachine } from "./check-machine.ts";
import { liveMachine, type MonitorAnswers } from "./live-machine.ts";
import type { Monitor } from "./monitor.ts";
import { indexOfDevice, planMachineChange, refusalFault } from "./plan-change.ts";
import { planLimits } from "./plan-monitor.ts";

/**
 * Makes the running machine the wanted one, whole or not at all. On failure the record says what is there.
 * @throws {Fault} what cannot change while it runs, by name; ResourceInUse when the guest holds on to it
 */
export async function changeMachine(monitor: Monitor, wanted: CheckedMachine, means: Means): Promise<void> {
  const { machine } = monitor.record;
  const plan = planMachineChange(machine, wanted);
  if (plan.kind === "refused") throw refusalFault(plan.refusal, machine, indexOfDevice(plan.refusal, machine, wanted));
  await monitor.keepRecord({ ...monitor.record, phase: { kind: "changing", to: wanted } });
  try {
    await raiseLimits(monitor, wanted);
    await carryOut(monitor, plan.steps, wanted, means);
  } catch (error) {
    await takeStock(monitor, wanted).catch(() => {}); // a monitor that does not answer any more is ended by who hears of it
    if (error instanceof Fault) throw error;
    const reason = messageOf(error);
    throw fault("GenericVmConfigFault", `Changing ${machine.name}: ${reason}`, { reason }, { cause: error });
  }
  await monitor.keepRecord({ ...monitor.record, machine: wanted, phase: { kind: "running" } });
}

/** Gives the machine back what a guest that was too late has let go. */
export async function putBack(monitor: Monitor, means: Means): Promise<void> {
  const { machine } = monitor.record;
  const plan = planMachineChange(liveMachine(machine, machine, await askMachine(monitor)), machine);
  // It runs, so it has been checked.
  if (plan.kind === "steps") await carryOut(monitor, plan.steps, machine as CheckedMachine, means);
}

/** Records which machine it is by now, of the one that it was and the one that it was being made into. */
export async function takeStock(monitor: Monitor, wanted: MachineSpec): Promise<void> {
  await sweep(monitor);
  const machine = liveMachine(monitor.record.machine, wanted, await askMachine(monitor));
  for (const device of machine.devices) await adjust(monitor, device);
  await monitor.keepRecord({ ...monitor.record, machine, phase: { kind: "running" } });
}

async function askMachine(monitor: Monitor): Promise<MonitorAnswers> {
  const [peripheral, block, cpus, memory] = await Promise.all([
    monitor.execute("qom-list", { path: "/machine/peripheral" }),
    monitor.execute("query-block"),
    monitor.execute("query-cpus-fast"),
    monitor.execute("query-memory-devices"),
  ]);
  return { peripheral, block, cpus, memory };
}

/**
 * Before the guest gets more: its cgroup must hold it. It is not made narrower again: what the guest keeps is for the scheduler of memory to say.
 */
async function raiseLimits({ compartment, record }: Monitor, wanted: CheckedMachine): Promise<void> {
  const { machine, accelerator } = record;
  const grows = wanted.memoryMiB > machine.memoryMiB || wanted.vcpus > machine.vcpus;
  if (grows && compartment.kind === "cgroup") await raiseCgroupLimits(compartment.name, planLimits(wanted, accelerator));
}
