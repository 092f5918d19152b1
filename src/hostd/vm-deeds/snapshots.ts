/**
 * Snapshots: taken, gone back to, removed, renamed, and their disks made one. Source: vim25 VirtualMachine, VirtualMachineSnapshot.
 * The .vmx names a child before the guest writes it, and as long as a child is empty it shows what its parent has: whatever cuts a
 * deed short, the VM has all that its guest has written. The list of snapshots is written last.
 */
import { type DatastorePath, formatDatastorePath, inFolder } from "../../base/index.ts";
import { ConnectionLost, type MachineSpec } from "../../vmkernel/index.ts";
import {
  depthOf,
  fault,
  formatVmx,
  parseVmx,
  SNAPSHOT_DEPTH_MAX,
  type SnapshotEntry,
  type SnapshotList,
  updateVmx,
  type Vmx,
} from "../../wire/index.ts";
import type { Call, HostAgent } from "../agent.ts";
import { namesBeside, pathOf } from "../snapshots/chain-facts.ts";
import { cleanChains } from "../snapshots/clean-chains.ts";
import { nameChild } from "../snapshots/plan-cleaning.ts";
import { type MadeChild, type SnapshotsJournal, settleSnapshots, undoCreate } from "../snapshots/settle-snapshots.ts";
import { filesOfSnapshot, memoryFileName, readState, stateFileName, writeSnapshots, writeState } from "../snapshots/snapshot-files.ts";
import { snapshotRef, withDescendants, withoutSnapshots } from "../snapshots/snapshot-tree.ts";
import type { Task } from "../tasks.ts";
import type { Vm } from "../vm.ts";
import { MEMORY_ADDED_KEY, nameFile, resolveFile, type VmDisk, vmDisksOf } from "../vm-config/index.ts";
import { forgetSuspension, removeIfThere, SUSPEND_STATE_KEY } from "../vm-files.ts";
import { readableFiles, requestPower, tellOfTask } from "./context.ts";
import { convertForeignDisks } from "./convert-disks.ts";
import { powerOnWithin } from "./power.ts";

export interface SnapshotWish {
  readonly name: string;
  readonly description: string;
  readonly memory: boolean;
  readonly quiesce: boolean;
}

const NAME_LENGTH_MAX = 80; // vim25's limit for names
const SNAPSHOTS_MAX = 496; // vSphere's for a VM

/** Disks that are part of snapshots: the others stay as they are, whatever is gone back to. */
const partOfSnapshots = (disks: readonly VmDisk[]): readonly VmDisk[] => disks.filter(({ mode }) => mode === "persistent");

const placeOf = (agent: HostAgent, vm: Vm) => ({ vmxPath: vm.vmxPath, datastores: agent.datastores() });

export async function createSnapshot(call: Call, vm: Vm, wish: SnapshotWish): Promise<Task> {
  const { agent } = call;
  const { vmx, snapshots } = readableFiles(vm);
  refuseCreate(wish, snapshots);
  const isRunning = vm.monitor !== undefined;
  const memory = wish.memory && isRunning;
  const disks = vmDisksOf(vmx, placeOf(agent, vm));
  const parts = partOfSnapshots(disks);
  if (memory && parts.length < disks.length)
    throw fault("MemorySnapshotOnIndependentDisk", `${vm.name} has independent disks: its memory cannot be kept in a snapshot.`, {});
  const made = await nameChildren(agent, parts);
  const uid = snapshots.lastUid + 1;
  const entry: SnapshotEntry = {
    uid,
    ...(snapshots.current !== undefined && { parent: snapshots.current }),
    name: wish.name,
    description: wish.description,
    file: stateFileName(vm.vmxPath, uid),
    memory,
    quiesced: wish.quiesce && !memory && vm.monitor?.guest.tools === "running",
    createdAtMs: agent.clock.now(),
    disks: parts.map(({ node, file }) => ({ node, file })),
  };
  const journal = { kind: "createSnapshot", vm: vm.id, entry, made } as const;
  const task = call.startTask(vm.name, journal, async ({ report }) => {
    await settling(agent, vm, journal, async () => {
      try {
        await convertForeignDisks(agent, vm, report);
        await takeSnapshot(agent, vm, journal, { vmx, snapshots, quiesce: wish.quiesce });
      } catch (error) {
        if (error instanceof ConnectionLost) throw error;
        await agent.vms.refresh(vm);
        await undoCreate(agent, vm, journal);
        throw error;
      }
    });
    return { anyType: "VirtualMachineSnapshot", value: snapshotRef(vm.id, uid) };
  });
  return tellOfTask(call, vm, task, `Create snapshot ${wish.name} of ${vm.name}`);
}

/** Carries out a deed on snapshots. When vmkernel dies over it, what is there by then tells how it ends. */
async function settling(agent: HostAgent, vm: Vm, journal: SnapshotsJournal, deed: () => Promise<void>): Promise<void> {
  try {
    await deed();
  } catch (error) {
    if (!(error instanceof ConnectionLost)) throw error;
    await settleSnapshots(agent, vm, journal);
  }
}

interface Taking {
  readonly vmx: Vmx;
  readonly snapshots: SnapshotList;
  readonly quiesce: boolean;
}

async function takeSnapshot(
  agent: HostAgent,
  vm: Vm,
  { entry, made }: Extract<SnapshotsJournal, { kind: "createSnapshot" }>,
  { vmx, snapshots, quiesce }: Taking,
): Promise<void> {
  const { vmkernel } = agent.vms;
  const isRunning = vm.monitor !== undefined;
  const added = { [MEMORY_ADDED_KEY]: (vm.monitor?.memoryHotAdd?.addedMiB ?? []).join(",") || undefined };
  await writeState(vmkernel, inFolder(vm.home, entry.file), formatVmx(entry.memory ? updateVmx(vmx, added) : vmx));
  for (const { parent, child } of made) {
    const places = { descriptor: pathOf(child), parent: pathOf(parent) };
    await vmkernel.request({ kind: "createChildDisk", ...places, ...(isRunning && { vm: vm.id }) });
  }
  const changes = made.map(({ node, child }) => [`${node}.fileName`, nameFile(pathOf(child), placeOf(agent, vm))] as const);
  await vmkernel.request({ kind: "writeText", file: vm.vmxPath, text: formatVmx(updateVmx(vmx, Object.fromEntries(changes))) });
  if (isRunning) {
    const { machine } = await vmkernel.request({ kind: "inspectMonitor", vm: vm.id });
    const memory = entry.memory ? { memory: inFolder(vm.home, memoryFileName(entry.file)) } : {};
    vm.monitor = await vmkernel.request({ kind: "snapshotMonitor", machine: onChildren(machine, made), ...memory, quiesce });
  }
  await writeSnapshots(vmkernel, vm.vmxPath, { lastUid: entry.uid, current: entry.uid, snapshots: [...snapshots.snapshots, entry] });
  await agent.vms.refresh(vm);
}

function onChildren(machine: MachineSpec, made: readonly MadeChild[]): MachineSpec {
  const children = new Map(made.map(({ parent, child }) => [parent, pathOf(child)]));
  return {
    ...machine,
    devices: machine.devices.map((device) => {
      const child = device.kind === "disk" ? children.get(formatDatastorePath(device.descriptor)) : undefined;
      return device.kind === "disk" && child !== undefined ? { ...device, descriptor: child } : device;
    }),
  };
}

function refuseCreate({ name }: SnapshotWish, { current, snapshots }: SnapshotList): void {
  checkName(name);
  if (snapshots.length >= SNAPSHOTS_MAX) throw fault("TooManySnapshotLevels", `A virtual machine can have ${SNAPSHOTS_MAX} snapshots.`, {});
  if (current !== undefined && depthOf(snapshots, current) >= SNAPSHOT_DEPTH_MAX)
    throw fault("TooManySnapshotLevels", `There are ${SNAPSHOT_DEPTH_MAX} snapshots one after another: no more can be.`, {});
}

function checkName(name: string): void {
  if (name.trim() === "" || name.length > NAME_LENGTH_MAX || /\p{Cc}/u.test(name))
    throw fault("InvalidName", `A snapshot cannot have the name ${JSON.stringify(name.slice(0, NAME_LENGTH_MAX))}.`, { name });
}

/** A child for each of the disks, under names that are free. */
async function nameChildren(agent: HostAgent, disks: readonly Pick<VmDisk, "node" | "descriptor">[]): Promise<readonly MadeChild[]> {
  const made: MadeChild[] = [];
  for (const { node, descriptor } of disks) {
    const taken = new Set([
      ...(await namesBeside(agent.vms.vmkernel, descriptor)),
      ...made.map(({ child }) => child.split("/").at(-1) ?? ""),
    ]);
    const parent = formatDatastorePath(descriptor);
    made.push({ node, parent, child: nameChild(parent, taken) });
  }
  return made;
}

export interface Revert {
  /** Leaves it off although the snapshot has a running guest. */
  readonly suppressPowerOn: boolean;
}

/** What the VM has become since is given up; it goes on from what it was. */
export async function revertToSnapshot(call: Call, vm: Vm, uid: number, { suppressPowerOn }: Revert): Promise<Task> {
  const { agent } = call;
  const { vmx, snapshots } = readableFiles(vm);
  const entry = requireSnapshot(snapshots, uid);
  const place = placeOf(agent, vm);
  const parts = entry.disks.map(({ node, file }) => ({ node, descriptor: requireFile(resolveFile(file, place), file) }));
  const made = await nameChildren(agent, parts);
  const doomed = partOfSnapshots(vmDisksOf(vmx, place)).map(({ descriptor }) => formatDatastorePath(descriptor));
  const text = await readState(agent.vms.vmkernel, vm.vmxPath, entry);
  const kept = parseVmx(text, entry.file);
  const journal = { kind: "revertSnapshot", vm: vm.id, uid, made, doomed } as const;
  const task = call.startTask(vm.name, journal, async ({ report }, task) => {
    await settling(agent, vm, journal, async () => {
      try {
        await goBack(agent, vm, { entry, made, kept, report });
      } catch (error) {
        if (error instanceof ConnectionLost) throw error;
        await agent.vms.refresh(vm);
        await cleanChains(agent, vm, { doomed: made.map(({ child }) => child) });
        throw error;
      }
      await settleSnapshots(agent, vm, journal);
    });
    report(50);
    if (entry.memory && !suppressPowerOn) await powerOnWithin(call, vm, { task });
    return undefined;
  });
  return tellOfTask(call, vm, task, `Revert ${vm.name} to snapshot ${entry.name}`);
}

interface Return {
  readonly entry: SnapshotEntry;
  readonly made: readonly MadeChild[];
  /** The .vmx as it was. */
  readonly kept: Vmx;
  readonly report: (percent: number) => void;
}

/** The VM is off, and goes on with new children of what the snapshot has. */
async function goBack(agent: HostAgent, vm: Vm, { entry, made, kept, report }: Return): Promise<void> {
  const { vmkernel } = agent.vms;
  const place = placeOf(agent, vm);
  if (vm.monitor !== undefined) {
    await requestPower(agent.vms, vm, { kind: "powerOff", vm: vm.id }, "poweredOff");
    vm.monitor = undefined;
    vm.changed();
  }
  const { suspendedMemory } = readableFiles(vm);
  if (suspendedMemory !== undefined) await forgetSuspension(agent.vms, vm, suspendedMemory);
  await convertForeignDisks(agent, vm, report);
  for (const { parent, child } of made)
    await vmkernel.request({ kind: "createChildDisk", descriptor: pathOf(child), parent: pathOf(parent) });
  const files = made.map(({ node, child }) => [`${node}.fileName`, nameFile(pathOf(child), place)] as const);
  const changes = {
    ...Object.fromEntries(files),
    displayName: vm.name, // a name is of the inventory, and another may have the old one by now
    [SUSPEND_STATE_KEY]: entry.memory ? memoryFileName(entry.file) : "",
  };
  await vmkernel.request({ kind: "writeText", file: vm.vmxPath, text: formatVmx(updateVmx(kept, changes)) });
}

export function revertToCurrent(call: Call, vm: Vm, revert: Revert): Promise<Task> {
  const { current } = readableFiles(vm).snapshots;
  if (current === undefined) throw fault("NotFound", `${vm.name} has no snapshot that it came from.`, {});
  return revertToSnapshot(call, vm, current, revert);
}

export interface Removal {
  readonly removeChildren: boolean;
  /** Left out: the disks that are no longer needed are put into one another. */
  readonly consolidate: boolean;
}

export function removeSnapshot(call: Call, vm: Vm, uid: number, { removeChildren, consolidate }: Removal): Task {
  const { snapshots } = readableFiles(vm);
  requireSnapshot(snapshots, uid);
  return removeThese(call, vm, removeChildren ? withDescendants(snapshots.snapshots, uid) : new Set([uid]), consolidate);
}

export function removeAllSnapshots(call: Call, vm: Vm, consolidate: boolean): Task {
  const { snapshots } = readableFiles(vm);
  return removeThese(call, vm, new Set(snapshots.snapshots.map(({ uid }) => uid)), consolidate);
}

function removeThese(call: Call, vm: Vm, gone: ReadonlySet<number>, consolidate: boolean): Task {
  const { agent } = call;
  const { snapshots } = readableFiles(vm);
  const entries = snapshots.snapshots.filter(({ uid }) => gone.has(uid));
  const place = placeOf(agent, vm);
  const doomed = entries.flatMap(({ disks }) => disks.flatMap(({ file }) => resolveFile(file, place) ?? [])).map(formatDatastorePath);
  const journal = { kind: "removeSnapshots", vm: vm.id, gone: entries, doomed, consolidate } as const;
  const task = call.startTask(vm.name, journal, async ({ report }) => {
    await settling(agent, vm, journal, async () => {
      const { vmkernel } = agent.vms;
      await convertForeignDisks(agent, vm, report);
      await writeSnapshots(vmkernel, vm.vmxPath, withoutSnapshots(snapshots, gone));
      for (const entry of entries) for (const file of filesOfSnapshot(vm.vmxPath, entry)) await removeIfThere(vmkernel, file);
      await agent.vms.refresh(vm);
      if (consolidate) await cleanChains(agent, vm, { doomed, report });
    });
    return undefined;
  });
  return tellOfTask(call, vm, task, `Remove ${entries.length} snapshots of ${vm.name}`);
}

export function consolidateDisks(call: Call, vm: Vm): Task {
  const journal = { kind: "consolidate", vm: vm.id } as const;
  const task = call.startTask(vm.name, journal, async ({ report, allowCancel }) => {
    const signal = allowCancel();
    await settling(call.agent, vm, journal, async () => {
      await convertForeignDisks(call.agent, vm, report);
      await cleanChains(call.agent, vm, { report, signal });
    });
    return undefined;
  });
  return tellOfTask(call, vm, task, `Consolidate the disks of ${vm.name}`);
}

export async function renameSnapshot(
  { agent }: Call,
  vm: Vm,
  uid: number,
  { name, description }: { readonly name?: string | undefined; readonly description?: string | undefined },
): Promise<void> {
  const { snapshots } = readableFiles(vm);
  requireSnapshot(snapshots, uid);
  if (name !== undefined) checkName(name);
  const renamed = snapshots.snapshots.map((entry) =>
    entry.uid === uid ? { ...entry, ...(name !== undefined && { name }), ...(description !== undefined && { description }) } : entry,
  );
  await writeSnapshots(agent.vms.vmkernel, vm.vmxPath, { ...snapshots, snapshots: renamed });
  await agent.vms.refresh(vm);
}

function requireSnapshot({ snapshots }: SnapshotList, uid: number): SnapshotEntry {
  const entry = snapshots.find((candidate) => candidate.uid === uid);
  if (entry !== undefined) return entry;
  throw fault("InvalidState", `There is no snapshot ${uid} any more.`, {});
}

function requireFile(path: DatastorePath | undefined, name: string): DatastorePath {
  if (path !== undefined) return path;
  throw fault("FileNotFound", `File ${name} is in no datastore of this host.`, { file: name });
}
