/** vim25 VirtualDiskManager: each deed is a task that vmkernel carries out, and that a later hostd can settle. */
import { randomBytes } from "node:crypto";
import { type DatastorePath, Fault, formatDatastorePath } from "../../base/index.ts";
import type { DiskChange, DiskCopy, DiskDescription, NewDisk } from "../../vmkernel/index.ts";
import { type AnyValue, fault } from "../../wire/index.ts";
import type { Call, HostAgent } from "../agent.ts";
import { heldFiles, vmsWithDisk } from "../files/held-files.ts";
import { refuseDelete, refuseReplace } from "../files/plan-delete.ts";
import { checkPlaces, type Places } from "../files/plan-transfer.ts";
import { settling } from "../files/settling.ts";
import type { Progress, Task } from "../tasks.ts";
import { makeDiskUuid } from "../vm-config/index.ts";
import { requireAbsent } from "../vm-deeds/create.ts";
import { removeDiskIfThere } from "../vm-files.ts";
import { diskTypeOf } from "./disk-spec.ts";

const PLACE_NAMES = { from: "sourceName", to: "destName" };

const pathAsResult = (path: DatastorePath): AnyValue => ({ anyType: "string", value: formatDatastorePath(path) });

/** How a task watches a request that vmkernel takes long for, and lets the client cancel it. */
export const watching = ({ report, allowCancel }: Progress) => ({ report, signal: allowCancel() });

export async function createDisk(call: Call, descriptor: DatastorePath, disk: Omit<NewDisk, "uuid">): Promise<Task> {
  const { agent } = call;
  // Before the journal: what a later hostd takes back must not be another's.
  await requireAbsent(agent, [descriptor]);
  const uuid = makeDiskUuid({ random: randomBytes });
  const journal = { kind: "makeDisk", descriptor } as const;
  return call.startTask(descriptor.datastore, journal, async (progress) => {
    await settling(agent, journal, () =>
      agent.vms.vmkernel.request({ kind: "createDisk", descriptor, disk: { ...disk, uuid } }, watching(progress)),
    );
    return pathAsResult(descriptor);
  });
}

/** A disk on a parent that nobody writes from then on. A linked clone is another disk to its guest; else it is the same one later. */
export async function createChildDisk(
  call: Call,
  descriptor: DatastorePath,
  { parent, isLinkedClone }: { readonly parent: DatastorePath; readonly isLinkedClone: boolean },
): Promise<Task> {
  const { agent } = call;
  await requireAbsent(agent, [descriptor]);
  const uuid = isLinkedClone ? { uuid: makeDiskUuid({ random: randomBytes }) } : {};
  const journal = { kind: "makeDisk", descriptor } as const;
  return call.startTask(descriptor.datastore, journal, async () => {
    await settling(agent, journal, () => agent.vms.vmkernel.request({ kind: "createChildDisk", descriptor, parent, ...uuid }));
    return pathAsResult(descriptor);
  });
}

export async function copyDisk(call: Call, places: Places, copy: Omit<DiskCopy, "uuid">): Promise<Task> {
  const { agent } = call;
  const { same } = checkPlaces(places, PLACE_NAMES);
  if (!same) await requireAbsent(agent, [places.to]);
  const journal = same ? ({ kind: "none" } as const) : ({ kind: "makeDisk", descriptor: places.to } as const);
  return call.startTask(places.from.datastore, journal, async (progress) => {
    if (!same) await copyDiskTo(agent, places, { copy, replace: false }, progress);
    return pathAsResult(places.to);
  });
}

/** The deed of copying a disk, for the managers of disks and of files. */
export async function copyDiskTo(
  agent: HostAgent,
  { from, to }: Places,
  { copy, replace }: { readonly copy: Omit<DiskCopy, "uuid">; readonly replace: boolean },
  progress: Progress,
): Promise<void> {
  const uuid = makeDiskUuid({ random: randomBytes });
  const request = { kind: "copyDisk", from, to, replace, copy: { ...copy, uuid } } as const;
  const journal = replace ? ({ kind: "none" } as const) : ({ kind: "makeDisk", descriptor: to } as const);
  await settling(agent, journal, () => agent.vms.vmkernel.request(request, watching(progress)));
}

export async function moveDisk(call: Call, places: Places, { force }: { readonly force: boolean }): Promise<Task> {
  const { agent } = call;
  const { same } = checkPlaces(places, PLACE_NAMES);
  if (!same) refuseHeldDisks(agent, places);
  if (!same && !force) await requireAbsent(agent, [places.to]);
  const journal = same ? ({ kind: "none" } as const) : ({ kind: "moveDisk", ...places, replace: force } as const);
  return call.startTask(places.from.datastore, journal, async (progress) => {
    if (!same) await moveDiskTo(agent, places, { replace: force }, progress);
    return pathAsResult(places.to);
  });
}

export function refuseHeldDisks(agent: HostAgent, { from, to }: Places): void {
  const held = heldFiles(agent);
  refuseDelete(from, held, "move");
  refuseReplace(to, held);
}

/** In one step where both places are on one file system; copied and then removed where they are not. */
export async function moveDiskTo(
  agent: HostAgent,
  { from, to }: Places,
  { replace }: { readonly replace: boolean },
  progress: Progress,
): Promise<void> {
  const { vmkernel } = agent.vms;
  refuseHeldDisks(agent, { from, to });
  await settling(agent, { kind: "moveDisk", from, to, replace }, async () => {
    const moved = await vmkernel.request({ kind: "moveDisk", from, to, replace });
    if (moved === "moved") return;
    await vmkernel.request({ kind: "copyDisk", from, to, replace, copy: {} }, watching(progress));
    try {
      await vmkernel.request({ kind: "deleteDisk", descriptor: from });
    } catch (error) {
      // Somebody has it open since: it stays what it was, and where it was.
      if (error instanceof Fault && error.fault === "FileLocked") await removeDiskIfThere(vmkernel, to);
      throw error;
    }
  });
}

/** A disk's descriptor and its data. */
export function deleteDisk(call: Call, descriptor: DatastorePath): Task {
  refuseDelete(descriptor, heldFiles(call.agent));
  const journal = { kind: "deleteDisk", descriptor } as const;
  return call.startTask(descriptor.datastore, journal, async () => {
    await settling(call.agent, journal, () => call.agent.vms.vmkernel.request({ kind: "deleteDisk", descriptor }));
    return undefined;
  });
}

/** Changes a disk where it lies. Of a registered VM only when that is off: its guest, or the memory of a suspended one, knows the disk as it is. */
export function changeDisk(call: Call, descriptor: DatastorePath, change: DiskChange): Task {
  refuseInUse(call.agent, descriptor);
  const journal = { kind: "changeDisk", descriptor } as const;
  return call.startTask(descriptor.datastore, journal, async ({ report, allowCancel }) => {
    // A wipe that is stopped half-way has wiped all the same.
    const signal = change.kind === "zeroFill" ? undefined : allowCancel();
    await performChange(call.agent, { descriptor, change }, { report, ...(signal === undefined ? {} : { signal }) });
    return undefined;
  });
}

export async function setDiskUuid({ agent }: Call, descriptor: DatastorePath, uuid: string): Promise<void> {
  await performChange(agent, { descriptor, change: { kind: "setUuid", uuid } }, {});
}

interface Changing {
  readonly descriptor: DatastorePath;
  readonly change: DiskChange;
}

async function performChange(
  agent: HostAgent,
  { descriptor, change }: Changing,
  controls: { readonly report?: (percent: number) => void; readonly signal?: AbortSignal },
): Promise<void> {
  refuseInUse(agent, descriptor);
  await settling(agent, { kind: "changeDisk", descriptor }, () =>
    agent.vms.vmkernel.request({ kind: "changeDisk", descriptor, change }, controls),
  );
  for (const vm of vmsWithDisk(agent, descriptor)) await agent.vms.refresh(vm);
}

function refuseInUse(agent: HostAgent, descriptor: DatastorePath): void {
  const user = vmsWithDisk(agent, descriptor).find(({ powerState }) => powerState !== "poweredOff");
  if (user === undefined) return;
  const file = formatDatastorePath(descriptor);
  const state = user.powerState === "poweredOn" ? "powered on" : "suspended";
  throw fault("FileLocked", `Unable to change ${file}: the virtual machine ${user.name}, which has it, is ${state}.`, { file });
}

export function describeDisk({ vms }: HostAgent, descriptor: DatastorePath): Promise<DiskDescription> {
  return vms.vmkernel.request({ kind: "describeDisk", descriptor });
}

/**
 * DefragmentVirtualDisk_Task: a disk of this host is one file, and where its blocks lie is the file system's business: there is nothing
 * to be done, as QueryVirtualDiskFragmentation says. Whether there is such a disk is found out all the same.
 */
export function defragmentDisk(call: Call, descriptor: DatastorePath): Task {
  return call.startTask(descriptor.datastore, { kind: "none" }, async () => {
    await describeDisk(call.agent, descriptor);
    return undefined;
  });
}

/** QueryVirtualDiskFragmentation: a percentage. Of sparse formats it would tell how their grains lie; disks here are flat. */
export async function fragmentationOf(agent: HostAgent, descriptor: DatastorePath): Promise<number> {
  await describeDisk(agent, descriptor);
  return 0;
}

/** QueryVirtualDiskInfo_Task: the disk and, if it is so wished, the chain of its parents. */
export function queryDiskInfo(call: Call, descriptor: DatastorePath, includeParents: boolean): Task {
  return call.startTask(descriptor.datastore, { kind: "none" }, async () => {
    const { parents } = await describeDisk(call.agent, descriptor);
    const value = [];
    for (const path of includeParents ? [descriptor, ...parents] : [descriptor]) {
      const disk = await describeDisk(call.agent, path);
      const [parent] = disk.parents;
      value.push({
        unit: { name: formatDatastorePath(path) },
        diskType: parent === undefined ? diskTypeOf(disk) : "delta",
        ...(parent && { parent: formatDatastorePath(parent) }),
      });
    }
    return { anyType: "VirtualDiskInfo[]", value };
  });
}
