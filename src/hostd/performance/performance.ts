/**
 * What the host and its VMs use: measured by vmkernel each 20 seconds, kept for an hour, in memory only.
 * vim25 PerformanceManager and the quickStats of host and VM read from here.
 */
import type { Clock } from "../../base/index.ts";
import type { HostDescription, LoadSample, MonitorLoad } from "../../vmkernel/index.ts";
import type { MoRef } from "../../wire/index.ts";
import { HOST } from "../inventory-tree.ts";
import type { Vm } from "../vm.ts";
import { type CounterName, counters } from "./counters.ts";
import { atStart, deriveHost, deriveVm } from "./derive.ts";
import { History, INTERVAL_S, KEPT_MS } from "./history.ts";

export interface PerformanceParts {
  readonly clock: Clock;
  readonly host: HostDescription;
  readonly vms: { list(): readonly Vm[] };
  sampleLoad(): Promise<LoadSample>;
  /** Told of each entity that has new figures. */
  onSample(entities: readonly MoRef[]): void;
}

const INTERVAL_MS = INTERVAL_S * 1000;
/** A figure that is older than this is not what is now: the VM is off, or vmkernel is away. */
const CURRENT_MS = 2.5 * INTERVAL_MS;
/** A monitor's own start and the sample before it are told by two processes. */
const START_SLACK_MS = 1000;

interface Reading {
  readonly load: LoadSample;
  readonly atMs: number;
}

export class Performance {
  readonly #parts: PerformanceParts;
  readonly #histories = new Map<string, History>();
  #before: Reading | undefined;

  constructor(parts: PerformanceParts) {
    this.#parts = parts;
  }

  /** Takes a sample now and from then on at every full 20 seconds of the clock. Does not keep the process alive. */
  async start(): Promise<void> {
    await this.#trySample();
    this.#wait();
  }

  /** Undefined for what has no figures: not the host, not a VM, or none measured yet. */
  historyOf(entity: MoRef): History | undefined {
    return this.#histories.get(entity.value);
  }

  /** What the whole of an entity uses now; undefined where that is not known. */
  now(entity: MoRef, counter: CounterName): number | undefined {
    return this.historyOf(entity)?.latest(counters[counter].id, this.#parts.clock.now() - CURRENT_MS);
  }

  async takeSample(): Promise<void> {
    const { clock, host, vms } = this.#parts;
    const load = await this.#parts.sampleLoad();
    const atMs = clock.now();
    const before = this.#before;
    this.#before = { load, atMs };
    const size = { mhz: host.cpu.mhz, cores: host.cpu.cores, bootedAtMs: host.bootedAtMs };
    this.#record(HOST, atMs, deriveHost(before?.load, load, size, atMs));
    const registered = vms.list();
    const measured = registered.filter((vm) => this.#sampleVm(vm, before, { load, atMs }));
    this.#forget(new Set([HOST.value, ...registered.map(({ id }) => id)]), atMs - KEPT_MS);
    this.#parts.onSample([HOST, ...measured.map(({ ref }) => ref)]);
  }

  /** @returns false for a VM that does not run */
  #sampleVm(vm: Vm, before: Reading | undefined, { load, atMs }: Reading): boolean {
    const after = load.monitors.find((monitor) => monitor.vm === vm.id);
    if (after === undefined) return false;
    const hardware = vm.files.kind === "readable" ? vm.files.config.hardware : undefined;
    const size = {
      mhz: this.#parts.host.cpu.mhz,
      vcpus: hardware?.numCPU ?? 1,
      memoryBytes: (hardware?.memoryMB ?? 0) * 2 ** 20,
    };
    const intervalMs = before === undefined ? 0 : load.takenAtMs - before.load.takenAtMs;
    this.#record(vm.ref, atMs, deriveVm(earlierLoad(before, after), after, intervalMs, size, atMs));
    return true;
  }

  #record(entity: MoRef, atMs: number, figures: Parameters<History["add"]>[1]): void {
    const history = this.#histories.get(entity.value) ?? new History();
    this.#histories.set(entity.value, history);
    history.add(atMs, figures);
  }

  /** A VM that was unregistered takes its figures along; one that is off keeps what it had, for its hour. */
  #forget(entities: ReadonlySet<string>, beforeMs: number): void {
    for (const [moid, history] of this.#histories) {
      history.forgetBefore(beforeMs);
      if (!entities.has(moid) || history.times.length === 0) this.#histories.delete(moid);
    }
  }

  #wait(): void {
    const untilNextMs = INTERVAL_MS - (this.#parts.clock.now() % INTERVAL_MS);
    setTimeout(() => void this.#trySample().then(() => this.#wait()), untilNextMs).unref();
  }

  /** While vmkernel is away the figures have a gap, and the next sample has the mean over it. */
  async #trySample(): Promise<void> {
    await this.takeSample().catch(() => {});
  }
}

/** What this monitor had used at the sample before; one that was started since had used nothing. */
function earlierLoad(before: Reading | undefined, after: MonitorLoad): MonitorLoad | undefined {
  if (before === undefined) return undefined;
  const earlier = before.load.monitors.find(({ vm, startedAtMs }) => vm === after.vm && startedAtMs === after.startedAtMs);
  if (earlier !== undefined) return earlier;
  return after.startedAtMs >= before.atMs - START_SLACK_MS ? atStart(after) : undefined;
}
