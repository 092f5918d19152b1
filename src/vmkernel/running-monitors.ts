/**
 * Which VMs run, and whose turn it is: one operation of a VM at a time, in the order in which they were asked for.
 * What is done to a monitor in its turn is not known here.
 */
import { TurnsByKey, type VmId, within } from "../base/index.ts";
import { fault } from "../wire/index.ts";
import { usesDatastore } from "./datastore-use.ts";
import type { MachineSpec } from "./machine.ts";
import type { Monitor } from "./vmm/index.ts";

/** How often a host that shuts down looks whether its guests have powered themselves off. */
const SHUTDOWN_ASK_AGAIN_MS = 10_000;

export class RunningMonitors {
  readonly #byVm = new Map<VmId, Monitor>();
  readonly #turns = new TurnsByKey<VmId>();

  /** Also those whose end has begun. */
  get byVm(): ReadonlyMap<VmId, Monitor> {
    return this.#byVm;
  }

  /** Those whose end has not begun. */
  present(): Monitor[] {
    return [...this.#byVm.values()].filter((monitor) => !monitor.isEnding);
  }

  /** Whether it is the one that runs its VM, and goes on. */
  has(monitor: Monitor): boolean {
    return this.#byVm.get(monitor.vm) === monitor && !monitor.isEnding;
  }

  add(monitor: Monitor): void {
    this.#byVm.set(monitor.vm, monitor);
  }

  /** @returns whether it was there: its VM may run in another by now */
  remove(monitor: Monitor): boolean {
    return this.#byVm.get(monitor.vm) === monitor && this.#byVm.delete(monitor.vm);
  }

  /** @throws {Fault} InvalidPowerState */
  require(vm: VmId, requestedState: "poweredOn" | "poweredOff" | "suspended"): Monitor {
    const monitor = this.#byVm.get(vm);
    if (monitor !== undefined && !monitor.isEnding) return monitor;
    throw fault("InvalidPowerState", `VM ${vm} is not powered on.`, { requestedState, existingState: "poweredOff" });
  }

  /** @throws {Fault} InvalidPowerState */
  async refuseRunning(machine: MachineSpec): Promise<void> {
    const running = this.#byVm.get(machine.vm);
    if (running === undefined) return;
    // What is ending is off as soon as its processes are gone, and they hold its disks until then.
    if (running.isEnding) await running.ended;
    else throw fault("InvalidPowerState", `VM ${machine.name} is powered on.`, { requestedState: "poweredOn", existingState: "poweredOn" });
  }

  /** Running machines name their files by the datastore's name. @throws {Fault} ResourceInUse */
  refuseUsing(name: string): void {
    const user = [...this.#byVm.values()].find(({ record }) => usesDatastore(record.machine, name));
    if (user === undefined) return;
    throw fault("ResourceInUse", `VM ${user.record.machine.name} runs from the datastore ${name}.`, { type: "Datastore", name });
  }

  inTurn<T>(vm: VmId, deed: () => Promise<T>): Promise<T> {
    return this.#turns.take(vm, deed);
  }

  /** Asks every guest to power itself off, waits, and ends those that did not. */
  async shutdown(graceMs: number): Promise<void> {
    // A power-on that is under way ends first, and its guest is asked with the others.
    await this.#turns.idle();
    const deadline = performance.now() + graceMs;
    await Promise.all([...this.#byVm.values()].map((monitor) => shutdownOne(monitor, deadline)));
  }

  /** Lets go of the guests; they run on. */
  release(): void {
    for (const monitor of this.#byVm.values()) monitor.release();
    this.#byVm.clear();
  }
}

async function shutdownOne(monitor: Monitor, deadline: number): Promise<void> {
  for (let leftMs = deadline - performance.now(); leftMs > 0; leftMs = deadline - performance.now()) {
    // Asked again: a guest that was still booting did not hear it.
    await monitor.shutdownGuest().catch(() => {});
    if ((await within(Math.min(SHUTDOWN_ASK_AGAIN_MS, leftMs), monitor.ended, undefined)) !== undefined) return;
  }
  await monitor.powerOff();
}
