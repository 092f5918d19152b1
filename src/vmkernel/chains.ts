/**
 * Disks of VMs with parents, where the datastores and a monitor that may be running meet: a child under a guest that writes, a
 * snapshot, and putting a disk into its parent with the guest that has it or with nobody.
 */
import { type DatastorePath, formatDatastorePath, messageOf, type VmId } from "../base/index.ts";
import { tryLock } from "../system/index.ts";
import { fault } from "../wire/index.ts";
import type { LayerAttachment } from "./attachments.ts";
import type { Controls } from "./controls.ts";
import type { DeviceSpec, MachineSpec } from "./machine.ts";
import { planTops } from "./plan-tops.ts";
import type { DiskDescription, MonitorDescription, VmkernelRequest } from "./rpc.ts";
import type { Storage } from "./storage/index.ts";
import {
  type BothWays,
  checkMachine,
  commitInMachine,
  deviceId,
  endCommits,
  type HostLimits,
  layerNode,
  type Monitor,
  nodesByDevice,
  snapshotMachine,
  takeStock,
} from "./vmm/index.ts";

export type ChildRequest = Extract<VmkernelRequest, { kind: "createChildDisk" }>;
export type CommitRequest = Extract<VmkernelRequest, { kind: "commitDisk" }>;
export type SnapshotRequest = Extract<VmkernelRequest, { kind: "snapshotMonitor" }>;

export interface ChainParts {
  readonly storage: Storage;
  readonly limits: HostLimits;
  readonly running: ReadonlyMap<VmId, Monitor>;
  /** @throws {Fault} InvalidPowerState */
  readonly require: (vm: VmId) => Monitor;
  readonly inTurn: <T>(vm: VmId, deed: () => Promise<T>) => Promise<T>;
  /** Puts behind a guest's memory what else it needs to go on. @param fd of its file */
  readonly completeMemory: (monitor: Monitor, fd: number) => Promise<void>;
  readonly log: (line: string) => void;
}

type Disk = Extract<DeviceSpec, { kind: "disk" }>;
const isSame = (one: DatastorePath, other: DatastorePath): boolean => formatDatastorePath(one) === formatDatastorePath(other);
export const disksOf = ({ devices }: MachineSpec): readonly Disk[] => devices.filter((device): device is Disk => device.kind === "disk");
export const diskWith = (machine: MachineSpec, descriptor: DatastorePath): Disk | undefined =>
  disksOf(machine).find((disk) => isSame(disk.descriptor, descriptor));

export function createChildDisk(parts: ChainParts, { descriptor, parent, uuid, vm }: ChildRequest): Promise<DiskDescription> {
  const { storage, require, inTurn } = parts;
  const child = { parent, ...(uuid !== undefined && { uuid }) };
  if (vm === undefined) return storage.createChildDisk(descriptor, child);
  return inTurn(vm, async () => {
    const isWritten = diskWith(require(vm).record.machine, parent) !== undefined;
    return storage.createChildDisk(descriptor, { ...child, isWritten });
  });
}

export function snapshot(
  parts: ChainParts,
  { machine, memory, quiesce }: SnapshotRequest,
  _controls: Controls,
): Promise<MonitorDescription> {
  const { storage, limits, require, inTurn, log, completeMemory } = parts;
  return inTurn(machine.vm, async () => {
    const monitor = require(machine.vm);
    const { resumeFrom: _, ...running } = machine; // what it was resumed from is of its start
    const wanted = checkMachine(running, limits);
    const opened: LayerAttachment[] = [];
    const open = async (descriptor: DatastorePath, writable: boolean) => {
      const layer = await storage.openOwn(descriptor, { writable });
      opened.push(layer);
      return layer;
    };
    try {
      const tops = [];
      for (const { key, below, top } of planTops(monitor.record.machine, wanted)) {
        const [, parent] = await storage.chainOf(top);
        if (parent === undefined || !isSame(parent, below))
          throw fault("InvalidArgument", `${formatDatastorePath(top)} is no child of ${formatDatastorePath(below)}.`, {
            invalidProperty: "machine",
          });
        const layer = await open(top, true);
        if (!tryLock(layer.fd, "exclusive"))
          throw fault("FileLocked", `${formatDatastorePath(top)} is in use.`, { file: formatDatastorePath(top) });
        tops.push({ key, below: await open(below, false), top: layer });
      }
      using file = memory === undefined ? undefined : await storage.createExclusive(memory);
      try {
        const memoryFile = file && { fd: file.fd, complete: () => completeMemory(monitor, file.fd) };
        await snapshotMachine(monitor, { wanted, tops, memory: memoryFile, quiesce: quiesce === true });
      } catch (error) {
        file?.[Symbol.dispose]();
        if (memory !== undefined)
          await storage.remove(memory).catch((problem) => log(`removing what a snapshot left: ${messageOf(problem)}`));
        throw error;
      }
      // The monitor has let go of what it could write them by: from now on it is one of those who read.
      for (const { below } of tops) await storage.settleMark(below.descriptor);
      for (const { below } of tops)
        if (!tryLock(below.fd, "shared")) log(`VM ${machine.vm}: ${formatDatastorePath(below.file)} is held by another`);
      return monitor.describe();
    } finally {
      for (const layer of opened) layer[Symbol.dispose]();
    }
  });
}

export function commitDisk(parts: ChainParts, { descriptor, vm }: CommitRequest, controls: Controls): Promise<DiskDescription> {
  const { storage, running, inTurn } = parts;
  if (vm === undefined) return storage.commitDisk(descriptor, controls);
  return inTurn(vm, async () => {
    const monitor = running.get(vm);
    const place = monitor === undefined || monitor.isEnding ? undefined : await placeOf(storage, monitor.record.machine, descriptor);
    if (monitor === undefined || place === undefined) return storage.commitDisk(descriptor, controls);
    return commitRunning(parts, monitor, { descriptor, ...place }, controls);
  });
}

interface Place {
  readonly disk: Disk;
  /** From its top on. */
  readonly chain: readonly DatastorePath[];
}

/** The disk of a machine that has the descriptor in its chain. */
async function placeOf(storage: Storage, machine: MachineSpec, descriptor: DatastorePath): Promise<Place | undefined> {
  for (const disk of disksOf(machine)) {
    const chain = await storage.chainOf(disk.descriptor);
    if (chain.some((path) => isSame(path, descriptor))) return { disk, chain };
  }
  return undefined;
}

async function commitRunning(
  parts: ChainParts,
  monitor: Monitor,
  { descriptor, disk, chain }: Place & { readonly descriptor: DatastorePath },
  controls: Controls,
): Promise<DiskDescription> {
  const { storage, running, log } = parts;
  if (disk.mode === "independent_nonpersistent") throw locked(descriptor, monitor);
  const at = chain.findIndex((path) => isSame(path, descriptor));
  return storage.commitWith(descriptor, async ({ child, parent, finish }) => {
    await requireOnlyUser(storage, running, monitor, parent.path);
    using into = await openBothWays(storage, parent.path);
    const above = at > 1 ? chain[at - 1] : undefined;
    const { machine } = monitor.record;
    const devices = machine.devices.map((device) => (device.key === disk.key ? { ...disk, descriptor: parent.path } : device));
    const wanted = at === 0 ? { ...machine, devices } : undefined;
    const deed = async (overlay?: BothWays) => {
      const places = { top: { descriptor: disk.descriptor }, child: { descriptor: child.path }, parent: into, overlay };
      await commitInMachine(monitor, { key: disk.key, ...places, wanted, switched: finish }, controls);
      const isHeld = at === 0 ? tryLock(into.write.fd, "exclusive") : tryLock(into.read.fd, "shared");
      if (!isHeld || (overlay !== undefined && !tryLock(overlay.read.fd, "shared")))
        log(`VM ${machine.vm}: ${formatDatastorePath(parent.extent)} is held by another`);
    };
    if (above === undefined) return await deed(); // awaited here: `into` is closed at the end of this block
    await storage.whileWritten(above, async () => {
      using overlay = await openBothWays(storage, above);
      await deed(overlay);
    });
  });
}

/** For a monitor that has the file: to write it for a while, and to read it again. */
async function openBothWays(storage: Storage, descriptor: DatastorePath): Promise<BothWays & Disposable> {
  const write = await storage.openOwn(descriptor, { writable: true });
  try {
    const read = await storage.openOwn(descriptor, { writable: false });
    return {
      descriptor,
      write,
      read,
      [Symbol.dispose]() {
        for (const layer of [write, read]) layer[Symbol.dispose]();
      },
    };
  } catch (error) {
    write[Symbol.dispose]();
    throw error;
  }
}

/** A disk that another monitor reads, as one of its own that forgets, stays what it is. @throws {Fault} FileLocked */
async function requireOnlyUser(
  storage: Storage,
  running: ReadonlyMap<VmId, Monitor>,
  own: Monitor,
  descriptor: DatastorePath,
): Promise<void> {
  for (const monitor of running.values()) {
    if (monitor === own || (await placeOf(storage, monitor.record.machine, descriptor)) === undefined) continue;
    throw locked(descriptor, monitor);
  }
}

function locked(descriptor: DatastorePath, { record }: Monitor) {
  const file = formatDatastorePath(descriptor);
  return fault("FileLocked", `${file} is in use by ${record.machine.name}.`, { file });
}

/** After a vmkernel was killed while a disk was put into its parent: the guest goes on with the one that it has. */
export async function settleCommit({ storage, log }: ChainParts, monitor: Monitor): Promise<void> {
  const { phase, machine } = monitor.record;
  if (phase.kind !== "committing") return;
  try {
    await endCommits(monitor);
    const nodes = nodesByDevice(await monitor.execute("query-block"));
    const hasSwitched = disksOf(phase.to).some((disk) => {
      const before = disksOf(machine).find(({ key }) => key === disk.key);
      const isOther = before !== undefined && !isSame(before.descriptor, disk.descriptor);
      return isOther && nodes.get(deviceId(disk.key)) === layerNode(disk.key, disk.descriptor);
    });
    // All of the child is in its parent, which the guest has by now: the name must say so before it writes.
    if (hasSwitched) await storage.commitWith(phase.child, async () => {});
    if ((await monitor.status()) === "paused") await monitor.run();
    await takeStock(monitor, phase.to);
  } catch (error) {
    log(`VM ${monitor.vm}: a disk that was being put into its parent: ${messageOf(error)}`);
  }
}
