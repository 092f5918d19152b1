/**
 * What is done to the VMs of the host that run, and how they come to run, each in its turn; after a restart of vmkernel they are the same VMs as before.
 * The kernel holds what is: processes in cgroups. The run-time files beside them only say what those are.
 */
import { type DatastorePath, formatDatastorePath, messageOf, Turns, Undo, type VmId } from "../base/index.ts";
import { fault } from "../wire/index.ts";
import { AdapterRounds } from "./adapter-rounds.ts";
import {
  type ChainParts,
  type ChildRequest,
  type CommitRequest,
  commitDisk,
  createChildDisk,
  type SnapshotRequest,
  settleCommit,
  snapshot,
} from "./chains.ts";
import type { Controls } from "./controls.ts";
import type { HostFirewall } from "./firewall/index.ts";
import { type GrowRequest, growDisk, settleSizes } from "./grow-disk.ts";
import type { GuestVariable } from "./guest-variables.ts";
import type { HostNetwork } from "./host-network.ts";
import { keepOverlays } from "./kept-overlays.ts";
import type { MachineSpec } from "./machine.ts";
import { type PageMapPart, readPageRuns } from "./memory/page-map.ts";
import { appendToFile } from "./memory-appendix.ts";
import { openAttachments } from "./open-attachments.ts";
import type { CpuSchedulerParts, HostProcessors, MemoryState, ResourceConfig } from "./resources/index.ts";
import type {
  DiskDescription,
  MemoryMapping,
  MonitorDescription,
  MonitorInspection,
  MonitorLoad,
  PageRun,
  SharingDescription,
  VmkernelEvent,
} from "./rpc.ts";
import { RunningGuests } from "./running-guests.ts";
import { RunningMonitors } from "./running-monitors.ts";
import { type MemoryParts, Schedulers } from "./schedulers.ts";
import { SerialPorts } from "./serial-ports.ts";
import type { Storage } from "./storage/index.ts";
import { VirtualPorts } from "./virtual-ports.ts";
import { describeChange, describeMachine } from "./vm-log-lines.ts";
import { VmLogs } from "./vm-logs.ts";
import {
  type AdoptedMonitor,
  adoptMonitors,
  type CheckedMachine,
  canTellGuests,
  changeMachine,
  checkMachine,
  type HostLimits,
  type Means,
  type Monitor,
  type MonitorEnd,
  type MonitorTold,
  memoryMapOf,
  openOverlays,
  putBack,
  refuseSuspend,
  startMonitor,
  type VmmHost,
} from "./vmm/index.ts";

export interface MonitorsParts {
  readonly vmm: VmmHost;
  readonly storage: Storage;
  readonly network: HostNetwork;
  readonly firewall: HostFirewall;
  /** The host's folder of pipes. */
  readonly pipes: string;
  readonly limits: HostLimits;
  readonly processors: HostProcessors;
  readonly memory: MemoryParts;
  readonly cores: CpuSchedulerParts["cores"];
  readonly hasCoreScheduling: boolean;
  readonly onEvent: (event: VmkernelEvent) => void;
  readonly hasListeners: () => boolean;
  readonly log: (line: string) => void;
}

interface Start {
  readonly machine: CheckedMachine;
  readonly wanted: readonly GuestVariable[];
  readonly sharingGroup: string | undefined;
}

/** QEMU is busy while it starts: more at once only make each other late, until the first gives up waiting for its monitor. */
const STARTS_PER_PROCESSOR = 2;

export class Monitors {
  /** What is asked of those that run. */
  readonly guests: RunningGuests;
  readonly #parts: MonitorsParts;
  readonly #running = new RunningMonitors();
  readonly #serialPorts: SerialPorts;
  readonly #virtualPorts: VirtualPorts;
  readonly #logs: VmLogs;
  readonly #starts: Turns;
  readonly #schedulers: Schedulers;
  readonly #adapterRounds: AdapterRounds;
  #isShuttingDown = false;

  constructor(parts: MonitorsParts) {
    this.#parts = parts;
    this.#serialPorts = new SerialPorts(parts);
    this.#virtualPorts = new VirtualPorts(parts);
    this.#logs = new VmLogs(parts);
    this.guests = new RunningGuests({ running: this.#running, logs: this.#logs, storage: parts.storage });
    this.#starts = new Turns(STARTS_PER_PROCESSOR * parts.limits.logicalCpus);
    const running = () => this.#running.present();
    this.#schedulers = new Schedulers({ ...parts, running });
    this.#adapterRounds = new AdapterRounds({ ...parts, running });
  }

  /** Finds what an earlier vmkernel left, and takes up what runs. Before the first request. */
  async adopt(): Promise<void> {
    const { vmm, onEvent, hasListeners, log } = this.#parts;
    const tell = (vm: VmId, told: MonitorTold) => this.#logs.tell(vm, told);
    for (const adopted of await adoptMonitors(vmm, { onEvent, tell, hasListeners })) {
      log(describeAdoption(adopted));
      if (adopted.remove !== undefined) await this.#removeIfThere(adopted.remove);
      if (adopted.monitor === undefined) continue;
      await this.#logs.goOn(adopted.monitor.record.machine);
      this.#logs.note(adopted.vm, "Another vmkernel has taken it up");
      this.#keep(adopted.monitor);
      await settleCommit(this.#chains(), adopted.monitor);
      await settleSizes(this.#chains(), adopted.monitor);
      await this.#virtualPorts.settle(adopted.monitor);
    }
    const vms = new Set(this.#running.byVm.keys());
    await this.#virtualPorts.releaseOthers(vms);
    await this.#parts.firewall.keepSerialPortsOf(vms);
  }

  /** @throws {Fault} InvalidPowerState when it runs; what is wrong with the machine or its files; what QEMU says against it */
  powerOn(machine: MachineSpec, guestVariables: readonly GuestVariable[] = [], sharingGroup?: string): Promise<MonitorDescription> {
    return this.#running.inTurn(machine.vm, () => this.#starts.take(() => this.#start(machine, guestVariables, sharingGroup)));
  }

  async #start(machine: MachineSpec, wanted: readonly GuestVariable[], sharingGroup: string | undefined): Promise<MonitorDescription> {
    await this.#running.refuseRunning(machine);
    using _group = this.#schedulers.claimGroup(machine.vm, sharingGroup, this.#running.byVm.values());
    if (this.#isShuttingDown) throw fault("InvalidState", "The host is shutting down.", {});
    const checked = checkMachine(machine, this.#parts.limits);
    using _memory = await this.#schedulers.admit(checked);
    await this.#serialPorts.claim(machine);
    await using undo = new Undo();
    undo.add(() => this.#serialPorts.release(machine.vm));
    await this.#logs.begin(checked);
    undo.add(() => this.#logs.end(machine.vm));
    for (const line of describeMachine(checked)) this.#logs.note(machine.vm, line);
    let monitor: Monitor;
    try {
      monitor = await this.#bringUp({ machine: checked, wanted, sharingGroup }, undo);
      undo.release();
    } catch (error) {
      this.#logs.note(machine.vm, `Powering on failed: ${messageOf(error)}`, "error");
      throw error;
    }
    await this.#schedulers.divideNow();
    return monitor.describe();
  }

  /** @param undo gets what is to be taken back when this fails, or what comes after it */
  async #bringUp({ machine, wanted, sharingGroup }: Start, undo: Undo): Promise<Monitor> {
    using place = this.#schedulers.reserveProcessors(machine);
    using attachments = await openAttachments(machine, this.#parts);
    undo.add(() => this.#virtualPorts.release(machine.vm));
    using ports = await this.#virtualPorts.plugInAll(machine);
    if (attachments.memory !== undefined) await this.#virtualPorts.carryIn(machine, attachments.memory.fd);
    const { vmm, onEvent, hasListeners } = this.#parts;
    const guestVariables = canTellGuests(vmm) ? wanted : [];
    if (guestVariables.length < wanted.length)
      this.#parts.log(
        `VM ${machine.vm}: its guest is not told its guestinfo: without mount namespaces there is no place that is its monitor's alone`,
      );
    const open = { ...attachments, taps: ports.taps };
    const tell = (vm: VmId, told: MonitorTold) => this.#logs.tell(vm, told);
    const order = { machine, guestVariables, sharingGroup, attachments: open, onEvent, tell, hasListeners };
    const beforeItRuns = (pid: number): void => place.bind(pid);
    const monitor = await startMonitor(vmm, { ...order, beforeItRuns });
    this.#keep(monitor);
    const { pid, uid, accelerator, weaknesses } = monitor.describe();
    this.#parts.log(`VM ${machine.vm}: started, process ${pid}`);
    this.#logs.note(machine.vm, `Powered on: process ${pid} of user ${uid}, ${accelerator}`);
    for (const weakness of weaknesses) this.#logs.note(machine.vm, weakness, "warning");
    return monitor;
  }

  /** @throws {Fault} FileAlreadyExists, NoDiskSpace …; then the guest runs on and `to` is not there */
  suspend(vm: VmId, to: DatastorePath): Promise<void> {
    return this.#running.inTurn(vm, async () => {
      const monitor = this.#running.require(vm, "suspended");
      refuseSuspend(monitor.record.machine);
      using memory = await this.#parts.storage.createExclusive(to);
      this.#logs.note(vm, `It is to be suspended to ${formatDatastorePath(to)}`);
      try {
        await monitor.suspend({ fd: memory.fd, complete: () => this.#completeMemory(monitor, memory.fd) }, to);
        await this.#logs.end(vm);
      } catch (error) {
        this.#logs.note(vm, `It goes on: ${messageOf(error)}`, "error");
        memory[Symbol.dispose]();
        await this.#removeIfThere(to);
        throw error;
      }
    });
  }

  /** What its guest has written to disks that forget, and what its ports know, goes with a guest's memory. */
  async #completeMemory(monitor: Monitor, fd: number): Promise<void> {
    using open = await openOverlays(monitor);
    await keepOverlays({ fd }, open.overlays);
    appendToFile(fd, this.#virtualPorts.carryOut(monitor));
  }

  /** @throws {Fault} what cannot change while the VM runs, by name; then nothing has changed */
  change(machine: MachineSpec): Promise<MonitorDescription> {
    return this.#running.inTurn(machine.vm, async () => {
      const monitor = this.#running.require(machine.vm, "poweredOn");
      const { resumeFrom: _, ...wanted } = machine; // what it was resumed from is of its start
      const before = monitor.record.machine;
      try {
        const checked = checkMachine(wanted, this.#parts.limits);
        using _memory = await this.#schedulers.admit(checked);
        await changeMachine(monitor, checked, this.#meansOf(machine));
      } catch (error) {
        this.#logs.note(machine.vm, `A change of it failed: ${messageOf(error)}`, "error");
        await this.#virtualPorts.settle(monitor);
        throw error;
      }
      for (const line of describeChange(before, monitor.record.machine)) this.#logs.note(machine.vm, line);
      await this.#schedulers.divideNow();
      return monitor.describe();
    });
  }

  /** The whole tree of resource pools, and where each VM stands in it. */
  async configureResources(config: ResourceConfig): Promise<void> {
    await this.#schedulers.configure(config);
  }

  /** @throws {Fault} FileLocked when somebody writes the parent, but for the VM that is named */
  createChildDisk(request: ChildRequest): Promise<DiskDescription> {
    return createChildDisk(this.#chains(), request);
  }

  /** @throws {Fault} FileLocked when somebody else has one of the disks, or the parent has other children */
  commitDisk(request: CommitRequest, controls: Controls): Promise<DiskDescription> {
    return commitDisk(this.#chains(), request, controls);
  }

  /** @throws {Fault} InvalidState, InvalidDeviceOperation, NoDiskSpace …; then the disk is what it was */
  async growDisk(request: GrowRequest, controls: Controls): Promise<DiskDescription> {
    const grown = await growDisk(this.#chains(), request, controls);
    this.#logs.note(request.vm, `Disk ${formatDatastorePath(request.descriptor)} has ${grown.capacityBytes} bytes`);
    return grown;
  }

  /** @throws {Fault} what is wrong with the disks, before anything has changed; FilesystemQuiesceFault */
  snapshot(request: SnapshotRequest, controls: Controls): Promise<MonitorDescription> {
    return snapshot(this.#chains(), request, controls);
  }

  #chains(): ChainParts {
    return {
      storage: this.#parts.storage,
      limits: this.#parts.limits,
      running: this.#running.byVm,
      require: (vm) => this.#running.require(vm, "poweredOn"),
      inTurn: (vm, deed) => this.#running.inTurn(vm, deed),
      completeMemory: (monitor, fd) => this.#completeMemory(monitor, fd),
      log: this.#parts.log,
    };
  }

  /** @throws {Fault} ResourceInUse */
  refuseUsing(datastore: string): void {
    this.#running.refuseUsing(datastore);
  }

  /** Whether the file is written at its end, and only there: a log of a serial port, or that of a VM that runs. */
  appendsTo({ datastore, path }: DatastorePath): boolean {
    if (this.#logs.isLog({ datastore, path })) return true;
    const files = [...this.#running.byVm.values()].flatMap(({ record }) => record.machine.devices.map(serialFileOf));
    return files.some((file) => file?.datastore === datastore && file.path === path);
  }

  list(): MonitorDescription[] {
    return this.#running.present().map((monitor) => ({ ...monitor.describe(), ...this.#schedulers.limitOf(monitor) }));
  }

  /** Of those that are there; what ends meanwhile is left out. */
  async loads(): Promise<MonitorLoad[]> {
    return this.#schedulers.loads();
  }

  describeSharing(): SharingDescription {
    return this.#schedulers.describeSharing();
  }

  get memoryState(): MemoryState {
    return this.#schedulers.memoryState;
  }

  /** The log in its folder; undefined where it keeps none. */
  vmLog(vm: VmId): DatastorePath | undefined {
    this.#running.require(vm, "poweredOn");
    return this.#logs.fileOf(vm);
  }

  /** Where it complains to. */
  logFile(vm: VmId): string {
    return this.#running.require(vm, "poweredOn").logFile;
  }

  async mapMemory(vm: VmId): Promise<readonly MemoryMapping[]> {
    return memoryMapOf(this.#running.require(vm, "poweredOn"));
  }

  async mapPages(vm: VmId, part: PageMapPart): Promise<readonly PageRun[]> {
    const monitor = this.#running.require(vm, "poweredOn");
    return readPageRuns(monitor.pid, await memoryMapOf(monitor), part);
  }

  async inspect(vm: VmId): Promise<MonitorInspection> {
    return this.#schedulers.inspect(this.#running.require(vm, "poweredOn"));
  }

  /** Asks every guest to power itself off, waits, and ends those that did not. */
  async shutdown(graceMs: number): Promise<void> {
    this.#isShuttingDown = true;
    await this.#running.shutdown(graceMs);
    await this.#schedulers.settle();
  }

  /** Lets go of the guests; they run on. */
  release(): void {
    this.#schedulers[Symbol.dispose]();
    this.#adapterRounds[Symbol.dispose]();
    this.#serialPorts.close();
    this.#running.release();
  }

  #keep(monitor: Monitor): void {
    this.#running.add(monitor);
    this.#schedulers.countSharing(this.#running.byVm.values());
    this.#serialPorts.carry(monitor);
    monitor.whenDeviceLost(() => void this.#putBack(monitor));
    monitor.whenAdaptersChange(() => void this.#learnAdapters(monitor));
    void this.#learnAdapters(monitor); // a guest that is resumed has what it had
    monitor.ended.then((end) => void this.#forget(monitor, end));
  }

  /** A guest that lets go of a device after its removal was given up gets it again: what is configured is there. */
  async #putBack(monitor: Monitor): Promise<void> {
    try {
      await this.#running.inTurn(monitor.vm, () => putBack(monitor, this.#meansOf(monitor.record.machine)));
    } catch (error) {
      this.#parts.log(`VM ${monitor.vm}: putting back a device: ${messageOf(error)}`);
    }
  }

  #meansOf(machine: MachineSpec): Means {
    const { resumeFrom: _, ...running } = machine;
    return {
      open: (devices) => openAttachments({ ...running, firmware: { kind: "bios" }, devices }, this.#parts),
      ports: this.#virtualPorts.of(machine.vm),
    };
  }

  async #learnAdapters(monitor: Monitor): Promise<void> {
    const { vm } = monitor;
    await this.#running.inTurn(vm, async () => {
      if (!this.#running.has(monitor)) return;
      if (await this.#virtualPorts.learn(monitor)) this.#parts.onEvent({ kind: "networkChanged" });
    });
  }

  async #forget(monitor: Monitor, end: MonitorEnd): Promise<void> {
    if (this.#running.remove(monitor)) {
      this.#schedulers.countSharing(this.#running.byVm.values());
      void this.#schedulers.settle();
      this.#serialPorts.release(monitor.vm);
      void this.#virtualPorts.release(monitor.vm);
    }
    const ended = `${end.because}${end.detail === "" ? "" : ` (${end.detail})`}`;
    this.#parts.log(`VM ${monitor.vm}: ${ended}`);
    this.#logs.note(monitor.vm, `It has ended: ${ended}`, end.because === "crashed" ? "error" : "info");
    await this.#logs.end(monitor.vm); // whoever is told of the end may remove it
    this.#parts.onEvent({ kind: "monitorEnded", vm: monitor.vm, ...end });
  }

  async #removeIfThere(file: DatastorePath): Promise<void> {
    try {
      await this.#parts.storage.remove(file);
    } catch (error) {
      this.#parts.log(`removing what a suspend left: ${messageOf(error)}`);
    }
  }
}

function serialFileOf(device: MachineSpec["devices"][number]): DatastorePath | undefined {
  return device.kind === "serial" ? device.file : undefined;
}

function describeAdoption({ vm, plan }: AdoptedMonitor): string {
  return `VM ${vm}: ${plan.kind}${plan.kind === "end" ? `, because ${plan.because}` : ""}`;
}
