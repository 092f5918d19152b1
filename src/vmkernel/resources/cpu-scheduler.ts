/**
 * Keeps each monitor's part of the processors what its VM is entitled to: looks once a second at what all use, divides anew, and
 * writes what has changed. The one place where CPU shares, reservations and limits reach the kernel.
 */
import { defer, messageOf, repeat, Turns, type VmId } from "../../base/index.ts";
import { type CoreThreads, type CpuPortion, type ProcessorTime, readIdleMs, readProcessorTime, setCpuPortion } from "../../system/index.ts";
import type { LatencySensitivity } from "../machine.ts";
import { NO_POOLS, type ResourceConfig } from "./config.ts";
import { correctWeights } from "./correct-weights.ts";
import { type CpuEntitlement, entitlements } from "./entitlements.ts";
import { holdBack } from "./hold-back.ts";
import { type Place, Placing } from "./placing.ts";
import { type CpuPlan, type HostProcessors, planCpu, type RunningVm } from "./plan-cpu.ts";

const LOOK_EVERY_MS = 1000;
/** A weight that is this near is left as it is. */
const NEAR = 0.01;

/** A running monitor as the scheduler sees it. */
export interface ScheduledMonitor {
  readonly vm: VmId;
  readonly pid: number;
  /** Absent where the machine has no cgroups: nothing can be given to it. */
  readonly cgroup: string | undefined;
  readonly vcpus: number;
  readonly latency: LatencySensitivity | undefined;
}

export interface CpuSchedulerParts {
  readonly processors: HostProcessors;
  readonly running: () => readonly ScheduledMonitor[];
  readonly log: (line: string) => void;
  /** Which processors are threads of one core, as the machine has them now. */
  readonly cores: () => readonly CoreThreads[];
  readonly hasCoreScheduling: boolean;
}

interface Look extends ProcessorTime {
  readonly pid: number;
  readonly atMs: number;
  /** Since the look before. */
  readonly use?: Required<Pick<RunningVm, "used" | "waited" | "grantedMhz" | "heldTo">>;
}

export class CpuScheduler implements Disposable {
  readonly #parts: CpuSchedulerParts;
  readonly #looks = new Map<VmId, Look>();
  /** What is in the kernel, by cgroup. */
  readonly #written = new Map<string, CpuPortion>();
  readonly #turns = new Turns(1);
  readonly #placing: Placing;
  #config = NO_POOLS;
  #granted: CpuPlan["granted"] = new Map();
  #factors: ReturnType<typeof correctWeights> = new Map();
  #holds: ReturnType<typeof holdBack> = new Map();
  #looked = defer<void>();
  #idle: { readonly ms: number; readonly atMs: number } | undefined;
  readonly #looking: Disposable;
  /** A vmkernel that was told nothing yet takes what it is told: what runs was started under it. */
  #isConfigured = false;

  constructor(parts: CpuSchedulerParts) {
    this.#parts = parts;
    this.#placing = new Placing({ ...parts, mhz: parts.processors.mhz });
    this.#looking = repeat(
      LOOK_EVERY_MS,
      () => this.#turns.take(() => this.#lookAndDivide()),
      (error) => parts.log(`dividing the processors: ${messageOf(error)}`),
    );
  }

  /** @returns once it holds for what runs @throws {Fault} InvalidState when what runs can't be kept apart as is wanted of now on */
  async configure(config: ResourceConfig): Promise<void> {
    if (config.coreSharing !== this.#config.coreSharing && this.#isConfigured) this.#placing.refuseUnkeepable(config);
    this.#isConfigured = true;
    this.#config = config;
    await this.divideNow();
  }

  /** Processors for a VM that is about to start. @throws {Fault} InsufficientHostCpuCapacityFault */
  reserve(vm: Pick<ScheduledMonitor, "vm" | "vcpus">): Place {
    return this.#placing.reserve(this.#config, vm);
  }

  /** Whether a VM is never to be on a core with another: what evidence is to look for. */
  isToBeApart(vm: VmId): boolean {
    const isOfHost = this.#config.coreSharing !== undefined && this.#config.coreSharing !== "any";
    return isOfHost || this.#config.vms.some((one) => one.vm === vm && one.htSharing !== undefined);
  }

  entitlements(): ReadonlyMap<VmId, CpuEntitlement> {
    return entitlements(this.#config, this.#describe(this.#parts.running()), this.#parts.processors);
  }

  /** What each has used until the next look, which is within a second: it is read for that anyway. */
  async timesAtNextLook(): Promise<ReadonlyMap<VmId, ProcessorTime>> {
    if (this.#parts.running().length > 0) await this.#looked.promise;
    return this.#looks;
  }

  /** Also whenever a VM has started, or is weighed otherwise. */
  divideNow(): Promise<void> {
    return this.#turns.take(() => this.#divide());
  }

  async #divide(): Promise<void> {
    const monitors = this.#parts.running();
    const { portions, granted } = planCpu(this.#config, this.#describe(monitors), this.#parts.processors, this.#factors, this.#holds);
    this.#granted = granted;
    for (const { vm, cgroup } of monitors) {
      const portion = portions.get(vm);
      if (cgroup !== undefined && portion !== undefined) await this.#write(cgroup, portion);
    }
    this.#placing.apply(this.#config);
    this.#forget(monitors);
  }

  #describe(monitors: readonly ScheduledMonitor[]): readonly RunningVm[] {
    const cores = this.#parts.cores();
    return monitors.map(({ vm, pid, vcpus, latency }) => {
      const processors = this.#placing.processorsOf(pid);
      const own = cores.flatMap((threads) => (threads.some((one) => processors.includes(one)) ? threads.slice(0, 1) : []));
      const look = this.#looks.get(vm);
      return { vm, vcpus, latency, cores: own, ...(look?.pid === pid ? look.use : {}) };
    });
  }

  [Symbol.dispose](): void {
    this.#looking[Symbol.dispose]();
    this.#looked.resolve();
  }

  async #lookAndDivide(): Promise<void> {
    const monitors = this.#parts.running();
    await Promise.all(monitors.map((monitor) => this.#look(monitor)));
    this.#looked.resolve();
    this.#looked = defer();
    const seen = this.#describe(monitors);
    this.#factors = correctWeights(this.#factors, seen, this.#parts.processors.mhz);
    this.#holds = holdBack(seen, { mhz: this.#parts.processors.mhz, idle: this.#lookForIdle() });
    await this.#divide();
  }

  /** Processors' worth of time that nobody had since the look before. */
  #lookForIdle(): number {
    const [before, now] = [this.#idle, { ms: readIdleMs(), atMs: performance.now() }];
    this.#idle = now;
    return before === undefined ? Number.POSITIVE_INFINITY : (now.ms - before.ms) / (now.atMs - before.atMs);
  }

  async #look({ vm, pid }: ScheduledMonitor): Promise<void> {
    const time = await readProcessorTime(pid);
    if (time === undefined) return void this.#looks.delete(vm);
    const before = this.#looks.get(vm);
    const grantedMhz = this.#granted.get(vm);
    const look = { pid, atMs: performance.now(), ...time };
    if (before?.pid !== pid || grantedMhz === undefined) return void this.#looks.set(vm, look);
    const intervalMs = look.atMs - before.atMs;
    const used = (time.usedMs - before.usedMs) / intervalMs;
    const waited = Math.max(0, time.waitedMs - before.waitedMs) / intervalMs;
    this.#looks.set(vm, { ...look, use: { used, waited, grantedMhz, heldTo: this.#holds.get(vm) } });
  }

  /** What ended meanwhile has no cgroup any more. */
  async #write(cgroup: string, portion: CpuPortion): Promise<void> {
    const before = this.#written.get(cgroup);
    if (before !== undefined && isNear(before, portion)) return;
    try {
      await setCpuPortion(cgroup, portion);
      this.#written.set(cgroup, portion);
    } catch (error) {
      if (this.#parts.running().some((monitor) => monitor.cgroup === cgroup)) throw error;
    }
  }

  #forget(monitors: readonly ScheduledMonitor[]): void {
    const vms = new Set(monitors.map(({ vm }) => vm));
    const cgroups = new Set(monitors.map(({ cgroup }) => cgroup));
    for (const vm of this.#looks.keys()) if (!vms.has(vm)) this.#looks.delete(vm);
    for (const cgroup of this.#written.keys()) if (!cgroups.has(cgroup)) this.#written.delete(cgroup);
  }
}

function isNear(a: CpuPortion, b: CpuPortion): boolean {
  const near = (one: number, other: number) => Math.abs(one - other) <= NEAR * Math.max(one, other);
  if (a.processorsMax === undefined || b.processorsMax === undefined)
    return a.processorsMax === b.processorsMax && near(a.shares, b.shares);
  return near(a.shares, b.shares) && near(a.processorsMax, b.processorsMax);
}
