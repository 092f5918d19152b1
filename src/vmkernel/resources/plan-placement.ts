/**
 * On which processors each VM runs, so that hyperthreads tell no VM of another: what one VM does on a core can be measured on the core's
 * other threads. Pure. Paper «Instruction Isolation»; vim25 flags.htSharing; ESXi's side-channel-aware scheduler.
 *
 *   VMs on the threads of a core        with core scheduling                 without
 *   one VM at a time (SCAv2, internal)  a group of its own for each VM       whole cores of its own for each VM
 *   no thread beside another (none)     whole cores of its own, one thread on each, in any case
 *   one thread of each core (SCAv1)     the first thread of each core for all VMs, in any case
 */
import type { VmId } from "../../base/index.ts";
import type { CoreThreads } from "../../system/index.ts";
import type { CoreSharing, HtSharing } from "./config.ts";

export interface HostCores {
  readonly cores: readonly CoreThreads[];
  readonly hasCoreScheduling: boolean;
  readonly sharing: CoreSharing;
}

export interface PlacedVm {
  readonly vm: VmId;
  readonly vcpus: number;
  /** Absent where it is "any". */
  readonly htSharing?: HtSharing | undefined;
  /** Absent where it may run on all. What of it is not there does not count. */
  readonly affinity?: readonly number[] | undefined;
  /** What it is bound to, while it runs. */
  readonly held?: readonly number[] | undefined;
}

export interface Placement {
  readonly processors: readonly number[];
  /** Whether no other VM may run on the cores of these. */
  readonly isExclusive: boolean;
  /** Whether it is to be a core scheduling group of its own. */
  readonly isGroup: boolean;
}

export interface Unplaced {
  readonly vm: VmId;
  /** Whole cores that it needs for itself; 0 for one that needs any processor. */
  readonly cores: number;
  /** Whole cores that are left. */
  readonly free: number;
}

export interface PlacementPlan {
  readonly placements: ReadonlyMap<VmId, Placement>;
  readonly unplaced: readonly Unplaced[];
}

/**
 * @param vms in the order in which they came: who comes later does not take what an earlier one has
 */
export function planPlacement(host: HostCores, vms: readonly PlacedVm[]): PlacementPlan {
  const plan = new Planner(host);
  const isKept = new Set(vms.filter((vm) => plan.keep(vm)));
  for (const vm of vms) if (!isKept.has(vm)) plan.place(vm);
  return plan.finish();
}

class Planner {
  readonly #host: HostCores;
  readonly #hasThreads: boolean;
  readonly #free: Set<CoreThreads>;
  readonly #taken = new Map<VmId, Placement>();
  /** Those without cores of their own. */
  readonly #others: PlacedVm[] = [];
  readonly #unplaced: Unplaced[] = [];

  constructor(host: HostCores) {
    this.#host = host;
    this.#hasThreads = host.cores.some(({ length }) => length > 1);
    this.#free = new Set(host.cores);
  }

  /** One that has just the cores that it needs keeps them: a guest is not moved because another came. */
  keep(vm: PlacedVm): boolean {
    const needed = this.#coresFor(vm);
    const held = this.#host.cores.filter((core) => core.some((thread) => vm.held?.includes(thread) === true));
    if (needed === 0 || held.length !== needed || !held.every((core) => this.#free.has(core) && this.#allows(vm, core))) return false;
    this.#take(vm, held);
    return true;
  }

  place(vm: PlacedVm): void {
    const needed = this.#coresFor(vm);
    if (needed === 0) this.#placeAmongOthers(vm);
    else this.#placeApart(vm, needed);
  }

  #placeApart(vm: PlacedVm, needed: number): void {
    const candidates = [...this.#free].filter((core) => this.#allows(vm, core)).sort((a, b) => this.#wanted(a) - this.#wanted(b));
    const cores = candidates.slice(0, needed);
    const rest = new Set([...this.#free].filter((core) => !cores.includes(core)));
    if (cores.length < needed || this.#others.some((other) => this.#processorsAmong(other, rest).length === 0))
      this.#unplaced.push({ vm: vm.vm, cores: needed, free: this.#others.length > 0 ? candidates.length - 1 : candidates.length });
    else this.#take(vm, cores);
  }

  finish(): PlacementPlan {
    const others = this.#others.map((vm) => {
      const processors = this.#processorsAmong(vm, this.#free);
      return [vm.vm, { processors, isExclusive: false, isGroup: this.#isGroup(vm) }] as const;
    });
    return { placements: new Map([...this.#taken, ...others]), unplaced: this.#unplaced };
  }

  #placeAmongOthers(vm: PlacedVm): void {
    const isRunning = vm.held !== undefined;
    if (this.#processorsAmong(vm, this.#free).length > 0) this.#others.push(vm);
    else if (isRunning && this.#free.size > 0)
      this.#others.push({ ...vm, affinity: undefined }); // another's cores are another's
    else this.#unplaced.push({ vm: vm.vm, cores: 0, free: this.#free.size });
  }

  #coresFor({ vcpus, htSharing }: PlacedVm): number {
    const { sharing, hasCoreScheduling, cores } = this.#host;
    if (!this.#hasThreads || sharing === "oneThread") return 0; // no two VMs meet on a core
    if (htSharing === "none") return vcpus;
    if ((htSharing !== "internal" && sharing !== "oneVm") || hasCoreScheduling) return 0;
    return Math.ceil(vcpus / Math.max(...cores.map(({ length }) => length)));
  }

  #isGroup({ htSharing }: PlacedVm): boolean {
    const { sharing, hasCoreScheduling } = this.#host;
    return this.#hasThreads && hasCoreScheduling && sharing !== "oneThread" && (htSharing !== undefined || sharing === "oneVm");
  }

  /** Of a core, the threads that VMs may run on. */
  #threadsOf(core: CoreThreads, htSharing?: HtSharing): CoreThreads {
    return this.#host.sharing === "oneThread" || htSharing === "none" ? core.slice(0, 1) : core;
  }

  /** Affinity to nothing that is there is none. */
  #affinityOf({ affinity }: PlacedVm): readonly number[] | undefined {
    return affinity?.some((number) => this.#host.cores.some((core) => core.includes(number))) === true ? affinity : undefined;
  }

  #allows(vm: PlacedVm, core: CoreThreads): boolean {
    const affinity = this.#affinityOf(vm);
    return affinity === undefined || this.#threadsOf(core, vm.htSharing).some((thread) => affinity.includes(thread));
  }

  #processorsAmong(vm: PlacedVm, cores: ReadonlySet<CoreThreads>): readonly number[] {
    const affinity = this.#affinityOf(vm);
    const threads = [...cores].flatMap((core) => this.#threadsOf(core));
    return threads.filter((thread) => affinity?.includes(thread) !== false).sort((a, b) => a - b);
  }

  /** How many of the others name a processor of this core: cores that nobody names are taken first. */
  #wanted(core: CoreThreads): number {
    return this.#others.filter((vm) => this.#affinityOf(vm) !== undefined && this.#allows(vm, core)).length;
  }

  #take(vm: PlacedVm, cores: readonly CoreThreads[]): void {
    for (const core of cores) this.#free.delete(core);
    const affinity = this.#affinityOf(vm);
    const threads = cores.flatMap((core) => this.#threadsOf(core, vm.htSharing));
    const processors = threads.filter((thread) => affinity?.includes(thread) !== false).sort((a, b) => a - b);
    this.#taken.set(vm.vm, { processors, isExclusive: true, isGroup: false });
  }
}
