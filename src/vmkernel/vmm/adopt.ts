/**
 * After a start of vmkernel: looks at what an earlier one left, decides for each (`plan-adoption.ts`), and does it.
 * What the kernel holds counts (processes in the host's cgroups); the run-time files say what it is.
 */
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { assertNever, type DatastorePath, parseVmId, type VmId } from "../../base/index.ts";
import { adjust } from "./change-monitor.ts";
import { type Compartment, cgroupOf, endCompartment, processesOf, vmsWithCgroup } from "./compartment.ts";
import { Monitor, type MonitorParts } from "./monitor.ts";
import { type MonitorRecord, readMonitorRecord } from "./monitor-record.ts";
import { type Adoption, planAdoption } from "./plan-adoption.ts";
import type { VmmHost } from "./vmm-host.ts";

export interface AdoptedMonitor {
  readonly vm: VmId;
  readonly plan: Adoption;
  /** A file that an interrupted suspend left, for whoever has the datastores to remove. */
  readonly remove: DatastorePath | undefined;
  /** Running and watched again; undefined when it was ended or forgotten. */
  readonly monitor: Monitor | undefined;
}

/** Long, because a guest's life hangs on it: a monitor that cannot answer on an overloaded machine is not to be ended for that. */
const ANSWER_TIMEOUT_MS = 30_000;

type Listeners = Pick<MonitorParts, "onEvent" | "tell" | "hasListeners">;

export async function adoptMonitors(host: VmmHost, listeners: Listeners): Promise<AdoptedMonitor[]> {
  await mkdir(host.folder, { recursive: true, mode: 0o700 });
  const withFolder = (await readdir(host.folder)).flatMap((name) => parseVmId(name) ?? []);
  const withCgroup = host.cgroup === undefined ? [] : await vmsWithCgroup(host.cgroup);
  const vms = [...new Set([...withFolder, ...withCgroup])];
  return Promise.all(vms.map((vm) => adoptOne(vm, host, listeners)));
}

async function adoptOne(vm: VmId, host: VmmHost, listeners: Listeners): Promise<AdoptedMonitor> {
  const folder = join(host.folder, vm);
  const record = await readMonitorRecord(folder);
  const compartment = compartmentOf(vm, host, record);
  const hasProcesses = compartment !== undefined && (await processesOf(compartment, host.program)).length > 0;
  const monitor =
    record !== undefined && hasProcesses ? new Monitor({ ...listeners, folder, record, compartment, program: host.program }) : undefined;
  const plan = planAdoption({ record, hasProcesses, status: await statusOf(monitor) });
  switch (plan.kind) {
    case "adopt":
      await takeUp(monitor, plan.resumeGuest);
      return { vm, plan, remove: plan.remove, monitor };
    case "end":
    case "forget":
      monitor?.release();
      if (compartment !== undefined) await endCompartment(compartment);
      await rm(folder, { recursive: true, force: true });
      return { vm, plan, remove: plan.remove, monitor: undefined };
    default:
      return assertNever(plan);
  }
}

/** Without cgroups and without a record nothing is known: such a monitor cannot be, for the record is written before it starts. */
function compartmentOf(vm: VmId, { cgroup }: VmmHost, record: MonitorRecord | undefined): Compartment | undefined {
  if (cgroup !== undefined) return { kind: "cgroup", name: cgroupOf(cgroup, vm) };
  return record && { kind: "uid", uid: record.uid };
}

/** @returns undefined when it does not answer */
async function statusOf(monitor: Monitor | undefined): Promise<string | undefined> {
  try {
    await monitor?.connect(ANSWER_TIMEOUT_MS);
    return await monitor?.status();
  } catch {
    return undefined; // the plan says what becomes of it
  }
}

async function takeUp(monitor: Monitor | undefined, resumeGuest: boolean): Promise<void> {
  if (resumeGuest) await monitor?.resumeGuest();
  else await monitor?.settle();
  // The vmkernel that has ended may have held some back.
  for (const device of monitor?.record.machine.devices ?? [])
    if (device.kind === "disk") await adjust(monitor as Monitor, device).catch(() => {});
}
