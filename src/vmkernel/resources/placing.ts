/**
 * Keeps monitors on the processors that plan-placement.ts gives their VMs: before a guest runs, and whenever what runs, or what is
 * wanted, changes. vim25 VirtualMachineAffinityInfo, flags.htSharing; paper «Instruction Isolation».
 */
import { isDeepStrictEqual } from "node:util";
import { messageOf, type VmId } from "../../base/index.ts";
import { affinityOf, type CoreThreads, coreGroupOf, leaveCoreGroup, makeCoreGroup, setAffinity } from "../../system/index.ts";
import { fault } from "../../wire/index.ts";
import type { ResourceConfig } from "./config.ts";
import { type HostCores, type PlacedVm, type Placement, type PlacementPlan, planPlacement, type Unplaced } from "./plan-placement.ts";

export interface RunningMonitor {
  readonly vm: VmId;
  readonly pid: number;
  readonly vcpus: number;
}

/** A VM that is being started. Its place is kept for it until it is disposed of: when it runs, or does not. */
export interface Place extends Disposable {
  /** Before its guest runs. */
  bind(pid: number): void;
}

export interface PlacingParts {
  readonly mhz: number;
  readonly cores: () => readonly CoreThreads[];
  readonly hasCoreScheduling: boolean;
  readonly running: () => readonly RunningMonitor[];
  readonly log: (line: string) => void;
}

type Bound = Pick<Placement, "processors" | "isGroup">;

export class Placing {
  readonly #parts: PlacingParts;
  /** By the process's number. */
  readonly #bound = new Map<number, Bound>();
  readonly #starting = new Map<VmId, PlacedVm>();

  constructor(parts: PlacingParts) {
    this.#parts = parts;
  }

  /** @throws {Fault} InsufficientHostCpuCapacityFault when it can't be kept as apart from the others as is wanted */
  reserve(config: ResourceConfig, vm: Pick<RunningMonitor, "vm" | "vcpus">): Place {
    const plan = this.#plan(config, this.#wantOf(config, vm));
    const placement = plan.placements.get(vm.vm);
    if (placement === undefined) throw this.#refusal(plan.unplaced.find((one) => one.vm === vm.vm));
    this.#starting.set(vm.vm, { ...this.#wantOf(config, vm), held: placement.processors });
    this.#applyTo(plan); // who runs makes room first
    return {
      bind: (pid) => this.#bind(pid, placement),
      [Symbol.dispose]: () => void this.#starting.delete(vm.vm),
    };
  }

  /** @throws {Fault} InvalidState when what runs can't be kept so */
  refuseUnkeepable(config: ResourceConfig): void {
    const [first] = this.#plan(config).unplaced;
    if (first === undefined) return;
    throw fault("InvalidState", `What runs cannot be kept apart so: VM ${first.vm} ${shortOf(first)}`, {});
  }

  apply(config: ResourceConfig): void {
    const plan = this.#plan(config);
    for (const one of plan.unplaced) this.#parts.log(`VM ${one.vm} stays where it is: it ${shortOf(one)}`);
    this.#applyTo(plan);
    const pids = new Set(this.#parts.running().map(({ pid }) => pid));
    for (const pid of this.#bound.keys()) if (!pids.has(pid)) this.#bound.delete(pid);
  }

  /** On which a process may run; none when it has ended. */
  processorsOf(pid: number): readonly number[] {
    return this.#boundOf(pid).processors;
  }

  #plan(config: ResourceConfig, newcomer?: PlacedVm): PlacementPlan {
    const { cores, hasCoreScheduling, running } = this.#parts;
    const host: HostCores = { cores: cores(), hasCoreScheduling, sharing: config.coreSharing ?? "any" };
    const monitors = running();
    const own = monitors.map((monitor) => ({ ...this.#wantOf(config, monitor), held: this.#boundOf(monitor.pid).processors }));
    const starting = [...this.#starting.values()].filter(({ vm }) => monitors.every((monitor) => monitor.vm !== vm));
    return planPlacement(host, [...own, ...starting, ...(newcomer === undefined ? [] : [newcomer])]);
  }

  #wantOf({ vms }: ResourceConfig, { vm, vcpus }: Pick<RunningMonitor, "vm" | "vcpus">): PlacedVm {
    const told = vms.find((one) => one.vm === vm);
    return { vm, vcpus, affinity: told?.affinity, htSharing: told?.htSharing };
  }

  /** First of all those that give up processors, so that nobody comes onto a core before the other is off it. */
  #applyTo({ placements }: PlacementPlan): void {
    const wanted = this.#parts.running().flatMap(({ vm, pid }) => {
      const placement = placements.get(vm);
      return placement === undefined ? [] : [{ vm, pid, placement }];
    });
    for (const { pid, placement } of wanted) {
      const { processors } = this.#boundOf(pid);
      const kept = processors.filter((number) => placement.processors.includes(number));
      if (kept.length > 0 && kept.length < processors.length) this.#tryBind(pid, { ...placement, processors: kept });
    }
    for (const { pid, placement } of wanted) this.#tryBind(pid, placement);
  }

  #tryBind(pid: number, placement: Bound): void {
    try {
      this.#bind(pid, placement);
    } catch (error) {
      this.#parts.log(messageOf(error));
    }
  }

  #bind(pid: number, { processors, isGroup }: Bound): void {
    const bound = this.#boundOf(pid);
    if (isDeepStrictEqual(bound, { processors, isGroup })) return;
    if (bound.isGroup !== isGroup) (isGroup ? makeCoreGroup : leaveCoreGroup)(pid);
    if (!isDeepStrictEqual(bound.processors, processors)) setAffinity(pid, processors);
    this.#bound.set(pid, { processors, isGroup });
  }

  /** What an earlier vmkernel bound it to, for one that is seen for the first time. */
  #boundOf(pid: number): Bound {
    const known = this.#bound.get(pid);
    if (known !== undefined) return known;
    try {
      const found = { processors: affinityOf(pid), isGroup: this.#parts.hasCoreScheduling && coreGroupOf(pid) !== 0n };
      this.#bound.set(pid, found);
      return found;
    } catch {
      return { processors: [], isGroup: false }; // it has ended
    }
  }

  #refusal(one: Unplaced | undefined) {
    const { cores = 0, free = 0 } = one ?? {};
    const fields = { unreserved: Math.max(0, free) * this.#parts.mhz, requested: Math.max(1, cores) * this.#parts.mhz };
    const message = `The host does not have enough cores: the virtual machine ${one === undefined ? "cannot be placed" : shortOf(one)}`;
    return fault("InsufficientHostCpuCapacityFault", message, fields);
  }
}

function shortOf({ cores, free }: Unplaced): string {
  return cores === 0
    ? "finds no processor that it may run on: others have their cores for themselves."
    : `needs ${cores} cores for itself, by its htSharing or by VMkernel.Boot.hyperthreadingMitigation, and ${Math.max(0, free)} are left.`;
}
