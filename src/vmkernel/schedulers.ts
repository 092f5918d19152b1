/**
 * What running VMs have of the machine: processors, memory, and the pages that they share. Here the schedulers, which know nothing of
 * monitors, meet the monitors, which know nothing of each other.
 */
import { messageOf, Turns, type VmId } from "../base/index.ts";
import {
  cgroupControllers,
  compressedMemory,
  mergedBytesOf,
  mergedMemory,
  type ProcessorTime,
  readMemory,
  readMemoryUse,
  setMemoryPortion,
} from "../system/index.ts";
import type { HostNetwork } from "./host-network.ts";
import type { MachineSpec } from "./machine.ts";
import { PageSharing } from "./memory/page-sharing.ts";
import { SharingGroups } from "./memory/sharing-groups.ts";
import {
  CpuScheduler,
  type CpuSchedulerParts,
  type HostMemory,
  type HostProcessors,
  MemoryScheduler,
  type ResourceConfig,
  type ScheduledGuest,
  type ScheduledMonitor,
  StorageIoControl,
  type SwappableVm,
  SwapSpace,
} from "./resources/index.ts";
import type { MemoryState, MonitorDescription, MonitorInspection, MonitorLoad, SharingDescription } from "./rpc.ts";
import { storageUser } from "./storage-users.ts";
import {
  hasBalloon,
  inspectMonitor,
  loadOf,
  type Monitor,
  planLimits,
  readGuestMemory,
  sampleGuestMemory,
  setBalloon,
  type VmmHost,
} from "./vmm/index.ts";

/** Of the machine's memory, what the host may use and where it swaps to. */
export interface MemoryParts {
  /** The folder of its swap files. */
  readonly swap: string;
  readonly totalBytes: number;
  /** Whether that is less than the machine has: then all guests together are held to it. */
  readonly isBounded: boolean;
}

export interface SchedulersParts extends Pick<CpuSchedulerParts, "cores" | "hasCoreScheduling"> {
  readonly vmm: Pick<VmmHost, "accelerator" | "cgroup">;
  readonly network: Pick<HostNetwork, "loads">;
  readonly processors: HostProcessors;
  readonly memory: MemoryParts;
  /** Those that are not ending. */
  readonly running: () => readonly Monitor[];
  readonly log: (line: string) => void;
}

/** The kernel's texts are read at once, without a promise: between one few monitors and the next, vmkernel does its other work. */
const SAMPLED_AT_ONCE = 64;

export class Schedulers implements Disposable {
  readonly #parts: SchedulersParts;
  readonly #cpu: CpuScheduler;
  readonly #memory: MemoryScheduler;
  readonly #sharing: PageSharing;
  readonly #groups = new SharingGroups();
  readonly #storageIo: StorageIoControl;
  #wipes = false;

  constructor(parts: SchedulersParts) {
    const { processors, cores, hasCoreScheduling, memory, running, log } = parts;
    this.#parts = parts;
    this.#sharing = new PageSharing(parts);
    this.#storageIo = new StorageIoControl({ running: () => running().map(storageUser), log });
    this.#cpu = new CpuScheduler({ processors, cores, hasCoreScheduling, running: () => running().map(scheduledMonitor), log });
    this.#memory = new MemoryScheduler({
      swap: new SwapSpace(memory.swap, log),
      running: () => running().map((monitor) => this.#scheduledGuest(monitor)),
      readHost: () => this.#readHost(),
      canLimit: () => parts.vmm.cgroup !== undefined && cgroupControllers().includes("memory"),
      log,
    });
  }

  get memoryState(): MemoryState {
    return this.#memory.state;
  }

  async configure(config: ResourceConfig): Promise<void> {
    this.#sharing.configure(config.sharedPagesPerSecond);
    await this.#cpu.configure(config);
    await this.#memory.configure(config);
    this.#wipes = config.memory.wipesOnRelease;
    await this.#tellWipes();
  }

  /** Before anything of a machine starts, or gets more. @throws {Fault} InsufficientHostMemoryCapacityFault */
  admit(machine: MachineSpec): Promise<Disposable> {
    return this.#memory.admit(this.#swappable(machine));
  }

  /** For a VM that is about to start, until it runs. @param monitors all whose memory is there, also while they end @throws {Fault} InvalidState while VMs of another group share memory */
  claimGroup(vm: VmId, group: string | undefined, monitors: Iterable<Monitor>): Disposable {
    const present = [...monitors].map(({ vm: other, record }) => ({ vm: other, group: record.sharingGroup }));
    return this.#groups.claim({ vm, group }, present);
  }

  /** Processors for a VM that is about to start. @throws {Fault} InsufficientHostCpuCapacityFault */
  reserveProcessors(machine: MachineSpec): ReturnType<CpuScheduler["reserve"]> {
    return this.#cpu.reserve(machine);
  }

  /** A VM that runs has its part within a second in any case: a failure is no reason to undo what was done. */
  async divideNow(): Promise<void> {
    const { log } = this.#parts;
    await this.#tellWipes();
    await this.#cpu.divideNow().catch((error: unknown) => log(`dividing the processors: ${messageOf(error)}`));
    await this.#holdAll().catch((error: unknown) => log(`dividing the memory: ${messageOf(error)}`));
    await this.#memory.divideNow().catch((error: unknown) => log(`dividing the memory: ${messageOf(error)}`));
  }

  /** After a VM has ended. */
  async settle(): Promise<void> {
    await this.#memory.release().catch((error: unknown) => this.#parts.log(`giving up swap: ${messageOf(error)}`));
  }

  countSharing(monitors: Iterable<Monitor>): void {
    this.#sharing.setSharing([...monitors].filter(({ record }) => record.sharingGroup !== undefined).length);
  }

  describeSharing(): SharingDescription {
    const vms = this.#parts.running().map((monitor) => {
      const { vm, record } = monitor;
      const { sharingGroup: group } = record;
      return group === undefined ? { vm, sharedBytes: 0 } : { vm, group, sharedBytes: mergedBytesOf(monitor.pid) };
    });
    return { ofMachine: mergedMemory(), vms };
  }

  /** Of those that are there; what ends meanwhile is left out. */
  async loads(): Promise<MonitorLoad[]> {
    const times = await this.#cpu.timesAtNextLook();
    const turns = new Turns(SAMPLED_AT_ONCE);
    const monitors = this.#parts.running();
    const sample = { guests: monitors.length, compressedBytesOf: compressedMemory() };
    const loads = await Promise.all(monitors.map((monitor) => turns.take(() => this.#loadOf(monitor, times.get(monitor.vm), sample))));
    const nics = this.#parts.network.loads();
    const entitlements = this.#cpu.entitlements();
    return loads.flatMap((load) => {
      if (load === undefined) return [];
      const { entitledMhz, worstCaseMhz } = entitlements.get(load.vm) ?? { entitledMhz: 0, worstCaseMhz: 0 };
      return [{ ...load, nics: nics.get(load.vm) ?? [], entitledMhz, worstCaseMhz }];
    });
  }

  /** A limit that is below the memory. */
  limitOf({ vm, record }: Monitor): Pick<MonitorDescription, "memoryLimitMiB"> {
    const limitMiB = this.#memory.allocationOf(vm)?.limitMiB;
    return limitMiB !== undefined && limitMiB < record.machine.memoryMiB ? { memoryLimitMiB: limitMiB } : {};
  }

  async inspect(monitor: Monitor): Promise<MonitorInspection> {
    const [inspection, look] = await Promise.all([inspectMonitor(monitor), readGuestMemory(monitor)]);
    const allocation = this.#memory.allocationOf(monitor.vm);
    const isToBeApart = this.#cpu.isToBeApart(monitor.vm);
    return { ...inspection, isToBeApart, balloonedBytes: look?.balloonedBytes ?? 0, ...(allocation && { allocation }) };
  }

  [Symbol.dispose](): void {
    this.#cpu[Symbol.dispose]();
    this.#memory[Symbol.dispose]();
    this.#storageIo[Symbol.dispose]();
  }

  async #loadOf(
    monitor: Monitor,
    time: ProcessorTime | undefined,
    { guests, compressedBytesOf }: { readonly guests: number; readonly compressedBytesOf: (cgroup: string) => number },
  ): Promise<Omit<MonitorLoad, "nics" | "entitledMhz" | "worstCaseMhz"> | undefined> {
    const load = time && (await loadOf(monitor, time));
    if (load === undefined) return undefined;
    const { cgroup } = scheduledMonitor(monitor);
    const entitledBytes = this.#memory.entitledBytes(monitor.vm);
    const ownBytes = entitledBytes === undefined ? load.memoryBytes + load.sharedBytes : undefined;
    const look = await sampleGuestMemory(monitor, ownBytes, guests);
    return {
      ...load,
      ...(look && { guestMemory: { ...look, compressedBytes: cgroup === undefined ? 0 : compressedBytesOf(cgroup) } }),
      ...(entitledBytes !== undefined && { entitledBytes }),
    };
  }

  #swappable(machine: MachineSpec): SwappableVm {
    const { memoryBytes } = planLimits(machine, this.#parts.vmm.accelerator);
    return { vm: machine.vm, sizeBytes: machine.memoryMiB * 2 ** 20, mostBytes: memoryBytes };
  }

  #scheduledGuest(monitor: Monitor): ScheduledGuest {
    const { pid, cgroup } = scheduledMonitor(monitor);
    return {
      ...this.#swappable(monitor.record.machine),
      ...{ pid, cgroup, hasBalloon: hasBalloon(monitor) },
      read: () => readGuestMemory(monitor),
      setBalloon: (bytes) => setBalloon(monitor, bytes),
    };
  }

  async #tellWipes(): Promise<void> {
    const tellOne = ({ vm, wipe }: Monitor) =>
      wipe.want(this.#wipes).catch((error: unknown) => this.#parts.log(`VM ${vm}: Mem.MemEagerZero: ${messageOf(error)}`));
    await Promise.all(this.#parts.running().map(tellOne));
  }

  /** What caches of files hold is free, for it is given up first. */
  async #readHost(): Promise<HostMemory> {
    const { vmm, memory } = this.#parts;
    const { availableBytes } = readMemory();
    if (!memory.isBounded || vmm.cgroup === undefined) return { totalBytes: memory.totalBytes, freeBytes: availableBytes };
    const use = await readMemoryUse(vmm.cgroup);
    const left = memory.totalBytes - (use === undefined ? 0 : use.usedBytes - use.cacheBytes);
    return { totalBytes: memory.totalBytes, freeBytes: Math.max(0, Math.min(availableBytes, left)) };
  }

  /** The cgroup that all monitors are in comes and goes with them. */
  async #holdAll(): Promise<void> {
    const { vmm, memory, running } = this.#parts;
    if (!memory.isBounded || vmm.cgroup === undefined || running().length === 0) return;
    await setMemoryPortion(vmm.cgroup, { mostBytes: memory.totalBytes, swapBytesMax: Number.MAX_SAFE_INTEGER });
  }
}

function scheduledMonitor(monitor: Monitor): ScheduledMonitor {
  const { vm, compartment, record } = monitor;
  const cgroup = compartment.kind === "cgroup" ? compartment.name : undefined;
  return { vm, cgroup, pid: monitor.pid, vcpus: record.machine.vcpus, latency: record.machine.latency };
}
