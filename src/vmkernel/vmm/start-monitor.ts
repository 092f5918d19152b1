/**
 * Starts the monitor of a VM, all of it or nothing: a start that fails, or is cut short by the death of vmkernel, leaves no
 * process, no cgroup and no folder. The record is written first, so that whatever a dead vmkernel left can be told apart.
 */
import { closeSync, openSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { assert, assertNever, Fault, messageOf, SystemError, Undo } from "../../base/index.ts";
import { type ConfinedProcess, cgroupControllers, createCgroup, listenUnix, uidsInUse } from "../../system/index.ts";
import { fault } from "../../wire/index.ts";
import type { DiskAttachment, FileAttachment } from "../attachments.ts";
import { type GuestVariable, guestVariablePath } from "../guest-variables.ts";
import { adjust } from "./change-monitor.ts";
import type { CheckedMachine } from "./check-machine.ts";
import { type Compartment, cgroupOf, endCompartment } from "./compartment.ts";
import type { DescriptorUse } from "./descriptor-numbers.ts";
import { Monitor, type MonitorParts } from "./monitor.ts";
import { lastLinesOfLog, type MonitorRecord, monitorFiles, writeMonitorRecord } from "./monitor-record.ts";
import type { Tap } from "./nic-ports.ts";
import { type MonitorPlan, planMonitor, STACK_ROOM, unkeptWishes } from "./plan-monitor.ts";
import { planSandbox, wallsOf } from "./sandbox.ts";
import { startSandboxed } from "./sandbox-start.ts";
import { pickUid } from "./sandbox-uid.ts";
import type { VmmHost } from "./vmm-host.ts";

/** What the monitor is given, by the key of its device. Each is open already; the caller closes its own copies. */
export interface MonitorAttachments {
  readonly disks: ReadonlyMap<number, DiskAttachment>;
  /** Images and serial logs. */
  readonly files: ReadonlyMap<number, FileAttachment>;
  readonly firmwareVariables: FileAttachment | undefined;
  readonly memory: FileAttachment | undefined;
  /** Sockets of serial ports, listening. */
  readonly listeners: ReadonlyMap<number, number>;
  /** Taps of the NICs that have a port. */
  readonly taps: ReadonlyMap<number, Tap>;
}

export interface MonitorOrder extends Pick<MonitorParts, "onEvent" | "tell" | "hasListeners"> {
  readonly machine: CheckedMachine;
  readonly attachments: MonitorAttachments;
  /** None where they cannot be told: see {@link canTellGuests}. */
  readonly guestVariables: readonly GuestVariable[];
  /** With whom it may share equal pages of memory; undefined where with nobody. */
  readonly sharingGroup: string | undefined;
  /** While its virtual processors stand still. */
  readonly beforeItRuns?: (pid: number) => void;
}

const FIRMWARE_CODE = "/usr/share/OVMF/OVMF_CODE_4M.fd"; // Debian's ovmf, without secure boot
/** QEMU answers within 100 ms; with fifty started at once on two cores, within ten seconds. */
const GREETING_TIMEOUT_MS = 30_000;
const RESUME_POLL_MS = 10;
const SOCKET_MODE = 0o600;

/** Whether a monitor has a place for what only it may read: the files of its sandbox. */
export function canTellGuests({ isolation }: Pick<VmmHost, "isolation">): boolean {
  return wallsOf(isolation) !== "userOnly";
}

/** Uids that starts under way have chosen, and no process has yet. */
const promised = new Set<number>();

/** @throws {Fault} GenericVmConfigFault with QEMU's own words when it does not come up */
export async function startMonitor(host: VmmHost, order: MonitorOrder): Promise<Monitor> {
  const uid = takeUid(host);
  try {
    return await startAs(uid, host, order);
  } finally {
    promised.delete(uid);
  }
}

async function startAs(uid: number, host: VmmHost, order: MonitorOrder): Promise<Monitor> {
  const { machine, attachments, guestVariables, sharingGroup } = order;
  const { accelerator, isolation } = host;
  const { disks, taps } = attachments;
  const ports = new Set(taps.keys());
  const plan = planMonitor({
    ...{ machine, accelerator, disks, ports, guestVariables },
    seccomp: isolation.seccomp,
    sharesMemory: sharingGroup !== undefined,
  });
  const folder = join(host.folder, machine.vm);
  const compartment: Compartment =
    host.cgroup === undefined ? { kind: "uid", uid } : { kind: "cgroup", name: cgroupOf(host.cgroup, machine.vm) };
  await clear(folder, compartment);
  await using undo = new Undo();
  undo.add(() => clear(folder, compartment));
  const record: MonitorRecord = {
    machine,
    uid,
    startedAtMs: Date.now(),
    accelerator: host.accelerator,
    weaknesses: [...host.weaknesses, ...unkeptWishes(machine, { hasCpuCgroup: hasCpuCgroup(host) })],
    sharingGroup,
    phase: { kind: "starting" },
  };
  await mkdir(folder, { mode: 0o700 });
  await writeMonitorRecord(folder, record);
  if (compartment.kind === "cgroup") await createCgroup(compartment.name, plan.limits);
  const monitor = new Monitor({ ...order, folder, record, compartment, program: host.program });
  undo.add(() => monitor.release());
  try {
    const process = await launch({ host, uid, plan, folder, compartment, attachments, guestVariables });
    await Promise.race([bringUp(monitor, order), failWhenEnded(process)]);
  } catch (error) {
    throw await explain(error, machine, folder);
  }
  undo.release();
  return monitor;
}

function hasCpuCgroup({ cgroup }: VmmHost): boolean {
  return cgroup !== undefined && cgroupControllers().includes("cpu");
}

function takeUid({ hostId }: VmmHost): number {
  const uid = pickUid(hostId, new Set([...uidsInUse(), ...promised]));
  if (uid === undefined) throw new SystemError("every uid for monitors is taken");
  promised.add(uid);
  return uid;
}

/** Also what a monitor of this VM that could not be ended once has left. */
async function clear(folder: string, compartment: Compartment): Promise<void> {
  await endCompartment(compartment);
  await rm(folder, { recursive: true, force: true });
}

interface Launch {
  readonly host: VmmHost;
  readonly uid: number;
  readonly plan: MonitorPlan;
  readonly folder: string;
  readonly compartment: Compartment;
  readonly attachments: MonitorAttachments;
  readonly guestVariables: readonly GuestVariable[];
}

/** Starts the process with its descriptors. Those that are made here are closed here: the monitor has its own copies by then. */
async function launch({ host, uid, plan, folder, compartment, attachments, guestVariables }: Launch): Promise<ConfinedProcess> {
  const made: number[] = [];
  const make = (fd: number) => {
    made.push(fd);
    return fd;
  };
  try {
    const descriptors = plan.descriptors.map((use) => descriptorFor(use, { attachments, folder, make }));
    const { isolation, program, readOnlyPaths, kvm } = host;
    const sandbox = planSandbox({
      isolation,
      uid,
      ...(kvm?.group !== undefined && { group: kvm.group }),
      program,
      args: plan.args,
      readOnlyPaths,
      devicePaths: kvm === undefined ? [] : [kvm.path],
      descriptorCount: descriptors.length,
      ownFiles: guestVariables.map((_, index) => guestVariablePath(index)),
    });
    const log = make(openSync(monitorFiles(folder).log, "a", SOCKET_MODE));
    const ownFiles = guestVariables.map(({ value }) => Buffer.from(value));
    const cgroup = compartment.kind === "cgroup" ? compartment.name : undefined;
    return await startSandboxed(sandbox, { descriptors, ownFiles, log, stdin: "null", cgroup });
  } finally {
    for (const fd of made) closeSync(fd);
  }
}

interface Sources {
  readonly attachments: MonitorAttachments;
  readonly folder: string;
  readonly make: (fd: number) => number;
}

function descriptorFor(use: DescriptorUse, { attachments, folder, make }: Sources): number {
  switch (use.kind) {
    case "qmpSocket":
      return make(listenUnix(monitorFiles(folder).qmp, { mode: SOCKET_MODE }));
    case "agentSocket":
      return make(listenUnix(monitorFiles(folder).agent, { mode: SOCKET_MODE }));
    case "firmwareCode":
      return make(openSync(FIRMWARE_CODE, "r"));
    case "firmwareVariables":
      return descriptorOf(attachments.firmwareVariables, use);
    case "disk":
      return descriptorOf(attachments.disks.get(use.key), use);
    case "parent":
      return descriptorOf(attachments.disks.get(use.key)?.parents[use.index], use);
    case "image":
    case "serial":
      return descriptorOf(attachments.files.get(use.key), use);
    case "serialListener": {
      const listener = attachments.listeners.get(use.key);
      assert(listener !== undefined, `serial port ${use.key} listens before its monitor starts`);
      return listener;
    }
    case "tap": {
      const tap = attachments.taps.get(use.key);
      assert(tap !== undefined, `NIC ${use.key} is plugged in before its monitor starts`);
      return tap.fd;
    }
    case "serialLink":
      return make(listenUnix(monitorFiles(folder).serial(use.key), { mode: SOCKET_MODE }));
    case "memory":
      return descriptorOf(attachments.memory, use);
    default:
      return assertNever(use);
  }
}

function descriptorOf(attachment: FileAttachment | undefined, use: DescriptorUse): number {
  assert(attachment !== undefined, `${JSON.stringify(use)} was opened before its monitor starts`);
  return attachment.fd;
}

/** From the first answer to a guest that runs. */
async function bringUp(monitor: Monitor, { beforeItRuns }: Pick<MonitorOrder, "beforeItRuns">): Promise<void> {
  await monitor.connect(GREETING_TIMEOUT_MS);
  await monitor.execute("object-del", { id: STACK_ROOM.id });
  const { devices, resumeFrom } = monitor.record.machine;
  if (resumeFrom !== undefined) {
    while ((await monitor.status()) === "inmigrate") await new Promise((resolve) => setTimeout(resolve, RESUME_POLL_MS));
  }
  for (const device of devices) await adjust(monitor, device);
  beforeItRuns?.(monitor.pid);
  await monitor.run();
}

async function failWhenEnded(process: ConfinedProcess): Promise<never> {
  const end = await process.ended;
  throw new SystemError(end.kind === "exited" ? `it ended with code ${end.code}` : `it was ended by ${end.signal}`);
}

async function explain(error: unknown, { name }: CheckedMachine, folder: string): Promise<Fault> {
  if (error instanceof Fault) return error;
  const reason = (await lastLinesOfLog(folder)) || messageOf(error);
  return fault("GenericVmConfigFault", `Starting the monitor of VM ${name}: ${reason}`, { reason }, { cause: error });
}
