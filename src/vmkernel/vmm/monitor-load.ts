/** What one monitor has used so far: seen from outside by its processes, and of its disks as it tells itself. */
import {
  mergedBytesOf,
  type ProcessLoad,
  type ProcessorTime,
  readOwnMemoryBytes,
  readProcessLoad,
  readTransferredBytes,
} from "../../system/index.ts";
import type { MachineSpec } from "../machine.ts";
import type { MonitorLoad, VirtualDiskLoad } from "../rpc.ts";
import type { Monitor } from "./monitor.ts";

/** Without what its network and its scheduler know of it. */
export type OwnLoad = Omit<MonitorLoad, "nics" | "entitledMhz" | "worstCaseMhz">;

/** What a monitor's sandbox has used: it sleeps while the monitor runs, and starts no other, so it is measured once. */
const sandboxes = new WeakMap<Monitor, ProcessLoad>();

/** @param time of its process, which the scheduler has read just now. @returns undefined when its process has ended meanwhile */
export async function loadOf(monitor: Monitor, time: ProcessorTime): Promise<OwnLoad | undefined> {
  const { pid } = monitor;
  const { machine, startedAtMs, sharingGroup } = monitor.record;
  const sandbox = sandboxes.get(monitor) ?? (await measureSandbox(monitor));
  const ownBytes = readOwnMemoryBytes(pid);
  if (ownBytes === undefined) return undefined;
  const sharedBytes = sharingGroup === undefined ? 0 : mergedBytesOf(pid); // without a group, none of it was offered to be merged
  return {
    vm: machine.vm,
    startedAtMs,
    processorMs: time.usedMs + sandbox.processorMs,
    waitedMs: time.waitedMs,
    memoryBytes: Math.max(0, ownBytes + sandbox.memoryBytes - sharedBytes), // what is merged is there once, for all of them
    sharedBytes,
    disks: await diskLoadsOf(monitor),
  };
}

async function measureSandbox(monitor: Monitor): Promise<ProcessLoad> {
  const sum = { processorMs: 0, memoryBytes: 0 };
  for (const pid of await monitor.processes()) {
    const load = pid === monitor.pid ? undefined : readProcessLoad(pid);
    sum.processorMs += load?.processorMs ?? 0;
    sum.memoryBytes += load?.memoryBytes ?? 0;
  }
  sandboxes.set(monitor, sum);
  return sum;
}

interface DiskLook {
  readonly machine: MachineSpec;
  readonly transferredBytes: number;
  readonly atMs: number;
  readonly disks: readonly VirtualDiskLoad[];
}

const diskLooks = new WeakMap<Monitor, DiskLook>();
/** What a sector that is moved is told from none by. */
const MOVED_BYTES = 256;
const ASKED_EVERY_MS = 60_000;

/**
 * A monitor that has moved no sector since it was asked, by the kernel's count, has no other figures of its disks than then. It is asked
 * every minute nevertheless: zeros that are written as a hole move nothing, and a call that reads nothing counts against one that does.
 * @returns none while it does not answer: it is seen from outside all the same
 */
async function diskLoadsOf(monitor: Monitor): Promise<readonly VirtualDiskLoad[]> {
  const [{ machine }, atMs, before] = [monitor.record, performance.now(), diskLooks.get(monitor)];
  if (before === undefined && !machine.devices.some(({ kind }) => kind === "disk")) return [];
  const transferredBytes = readTransferredBytes(monitor.pid) ?? Number.NaN;
  const isLate = before === undefined || atMs - before.atMs >= ASKED_EVERY_MS;
  if (!isLate && before.machine === machine && transferredBytes - before.transferredBytes < MOVED_BYTES) return before.disks;
  const disks = await monitor.diskLoads().catch(() => undefined);
  if (disks !== undefined) diskLooks.set(monitor, { machine, transferredBytes, atMs, disks });
  return disks ?? [];
}
