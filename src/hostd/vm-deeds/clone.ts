/**
 * CloneVM_Task: a VM made of another or of one of its snapshots. A full clone has copies of its disks; a linked one has children of
 * them, which takes no time and no space, and nobody writes their parents from then on. vCenter's method, which clients know.
 * Source: vim25 VirtualMachineCloneSpec, VirtualMachineRelocateDiskMoveOptions; paper «Linked Clones».
 */
import { randomBytes } from "node:crypto";
import { type DatastorePath, fileNameOf, folderOf, formatDatastorePath, inFolder, Undo } from "../../base/index.ts";
import {
  fault,
  faultToLocalized,
  formatVmx,
  type MoRef,
  parseVmx,
  updateVmx,
  type VirtualDeviceConfigSpec,
  type VirtualDisk,
  type VirtualMachineCloneSpec,
  type VirtualMachineRelocateSpec,
  type Vmx,
} from "../../wire/index.ts";
import type { Call, HostAgent } from "../agent.ts";
import { parseEntityName } from "../entity-name.ts";
import { faultOf } from "../faults.ts";
import { HOST, VM_FOLDER } from "../inventory-tree.ts";
import { readState } from "../snapshots/snapshot-files.ts";
import { parseSnapshotMoid } from "../snapshots/snapshot-tree.ts";
import type { Progress, Task } from "../tasks.ts";
import type { Vm } from "../vm.ts";
import {
  type ConfigPlan,
  makeDiskUuid,
  nameFile,
  planClone,
  planReconfigure,
  readConfig,
  resolveFile,
  vmDisksOf,
} from "../vm-config/index.ts";
import { makeDisk, removeDiskIfThere, removeIfThere } from "../vm-files.ts";
import { aboutVm, readableFiles } from "./context.ts";
import { convertForeignDisks } from "./convert-disks.ts";
import { chooseVmxPath, configContext, virtualMachineRef } from "./create.ts";
import { powerOnWithin } from "./power.ts";

export interface CloneWish {
  readonly folder: MoRef<"Folder">;
  readonly name: string;
  readonly spec: VirtualMachineCloneSpec;
  /** The resource pool that it comes to lie in. */
  readonly pool: number;
}

const LINKED = "createNewChildDiskBacking";
const FULL = ["moveAllDiskBackingsAndAllowSharing", "moveAllDiskBackingsAndDisallowSharing", "moveAllDiskBackingsAndConsolidate"];

interface Origin {
  readonly vmx: Vmx;
  /** The disks by their place. */
  readonly disks: readonly { readonly node: string; readonly descriptor: DatastorePath }[];
}

export async function cloneVm(call: Call, vm: Vm, { folder, name: wanted, spec, pool }: CloneWish): Promise<Task> {
  const { agent } = call;
  const name = parseEntityName(wanted, "name");
  if (folder.value !== VM_FOLDER.value)
    throw fault("InvalidArgument", "There is one folder for virtual machines on this host.", { invalidProperty: "folder" });
  const isLinked = checkSpec(spec);
  agent.vms.requireFreeName(name);
  const origin = await originOf(agent, vm, spec);
  const vmx = await chooseVmxPath(agent, name, `[${datastoreOf(agent, vm, spec.location)}]`);
  const claim = agent.vms.claim(vmx.path);
  try {
    const home = folderOf(vmx.path);
    const base = fileNameOf(vmx.path).replace(/\.vmx$/i, "");
    const copies = origin.disks.map(({ node, descriptor }, index) => ({
      node,
      from: descriptor,
      to: inFolder(home, index === 0 ? `${base}.vmdk` : `${base}_${index}.vmdk`),
    }));
    const { text, more, larger } = await planText(agent, { name, vmxPath: vmx.path, origin, copies, spec });
    const created = { folder: home, disks: [...copies.map(({ to }) => to), ...more.map(({ descriptor }) => descriptor)] };
    const journal = { kind: "createVm", vmx: vmx.path, created } as const;
    const task = call.startTask(vm.name, journal, async (progress, task) => {
      const destination = placeOf(agent, name);
      agent.events.post("VmBeingClonedEvent", `${vm.name} is being cloned to ${name}`, aboutVm(call, vm, task), destination);
      let clone: Vm;
      try {
        clone = await makeClone(agent, { vm, vmxPath: vmx.path, isLinked, pool, copies, text, more, larger }, progress);
      } catch (error) {
        const reason = faultToLocalized(faultOf(error));
        const message = `Cannot clone ${vm.name} to ${name}: ${reason.localizedMessage}`;
        agent.events.post("VmCloneFailedEvent", message, aboutVm(call, vm, task), { ...destination, reason });
        throw error;
      }
      const of = { template: false, sourceVm: { name: vm.name, vm: vm.ref } };
      agent.events.post("VmClonedEvent", `${name} is a clone of ${vm.name}`, aboutVm(call, clone, task), of);
      if (spec.powerOn) await powerOnWithin(call, clone, { task });
      return virtualMachineRef(clone.ref);
    });
    task.onEnd(() => claim[Symbol.dispose]());
    return task;
  } catch (error) {
    claim[Symbol.dispose]();
    throw error;
  }
}

interface Cloning {
  readonly vm: Vm;
  readonly vmxPath: DatastorePath;
  readonly isLinked: boolean;
  readonly pool: number;
  readonly copies: readonly { readonly from: DatastorePath; readonly to: DatastorePath }[];
  readonly text: string;
  /** Disks that it adds. */
  readonly more: ConfigPlan["disksToCreate"];
  /** Those of its copies that it wants larger than the original. */
  readonly larger: ConfigPlan["disksToExtend"];
}

/** All of it, or nothing. */
async function makeClone(
  agent: HostAgent,
  { vm, vmxPath, isLinked, pool, copies, text, more, larger }: Cloning,
  { report, allowCancel }: Progress,
): Promise<Vm> {
  const { vmkernel } = agent.vms;
  const home = folderOf(vmxPath);
  await using undo = new Undo();
  undo.add(() => removeIfThere(vmkernel, home));
  await vmkernel.request({ kind: "makeFolder", folder: home });
  const signal = allowCancel();
  if (isLinked) await convertForeignDisks(agent, vm, report);
  for (const [index, { from, to }] of copies.entries()) {
    undo.add(() => removeDiskIfThere(vmkernel, to));
    const uuid = makeDiskUuid({ random: randomBytes });
    const watch = { signal, report: (percent: number) => report((90 * (index + percent / 100)) / copies.length) };
    if (isLinked) await vmkernel.request({ kind: "createChildDisk", descriptor: to, parent: from, uuid });
    else await vmkernel.request({ kind: "copyDisk", from, to, copy: { uuid } }, watch);
  }
  for (const { descriptor, capacityBytes } of larger)
    await vmkernel.request({ kind: "changeDisk", descriptor, change: { kind: "extend", capacityBytes } }, { signal });
  for (const planned of more) {
    undo.add(() => removeDiskIfThere(vmkernel, planned.descriptor));
    await makeDisk(vmkernel, planned, { signal });
  }
  if (signal.aborted) throw fault("RequestCanceled", "The task was canceled by a user.", {});
  undo.add(() => removeIfThere(vmkernel, vmxPath));
  await vmkernel.request({ kind: "writeText", file: vmxPath, text, mustBeNew: true });
  const clone = await agent.vms.enter(vmxPath, pool);
  undo.release();
  return clone;
}

function placeOf({ identity }: HostAgent, destName: string) {
  return {
    template: false,
    destName,
    destFolder: { name: "vm", folder: VM_FOLDER },
    destHost: { name: identity.hostName, host: HOST },
  };
}

/** @returns whether its disks are to be children */
function checkSpec({ template, customization, memory, location }: VirtualMachineCloneSpec): boolean {
  if (template) throw fault("NotSupported", "A standalone host has no templates.", {});
  if (customization !== undefined) throw fault("NotSupported", "Guests are not customized by this host.", {});
  if (memory === true) throw fault("NotSupported", "A clone begins powered off on this host: it does not get the memory of the other.", {});
  const elsewhere = (["service", "profile", "cryptoSpec", "transform"] as const).find((field) => location[field] !== undefined);
  if (elsewhere !== undefined) throw fault("NotSupported", `spec.location.${elsewhere} is not offered on this host.`, {});
  if ((location.deviceChange ?? []).length > 0 || (location.disk ?? []).some(({ diskMoveType }) => diskMoveType !== location.diskMoveType))
    throw fault("NotSupported", "All disks of a clone are made in one way on this host.", {});
  const { diskMoveType } = location;
  if (diskMoveType === LINKED) return true;
  if (diskMoveType === undefined || FULL.includes(diskMoveType)) return false;
  throw fault("InvalidArgument", `Disks cannot be cloned by ${diskMoveType} on this host.`, {
    invalidProperty: "spec.location.diskMoveType",
  });
}

/** What is cloned: a snapshot, or a VM that is off, for one that runs writes its disks. */
async function originOf(agent: HostAgent, vm: Vm, { snapshot }: VirtualMachineCloneSpec): Promise<Origin> {
  const { vmx, snapshots } = readableFiles(vm);
  const place = { vmxPath: vm.vmxPath, datastores: agent.datastores() };
  if (snapshot === undefined) {
    if (vm.powerState === "poweredOff") return { vmx, disks: vmDisksOf(vmx, place) };
    const text = `${vm.name} is not powered off: only a snapshot of it can be cloned.`;
    throw fault("InvalidPowerState", text, { requestedState: "poweredOff", existingState: vm.powerState });
  }
  const named = parseSnapshotMoid(snapshot.value);
  const entry = named?.vm === vm.id ? snapshots.snapshots.find(({ uid }) => uid === named.uid) : undefined;
  if (entry === undefined)
    throw fault("InvalidArgument", `${snapshot.value} is no snapshot of ${vm.name}.`, { invalidProperty: "spec.snapshot" });
  const kept = parseVmx(await readState(agent.vms.vmkernel, vm.vmxPath, entry), entry.file);
  const disks = entry.disks.flatMap(({ node, file }) => {
    const descriptor = resolveFile(file, place);
    return descriptor === undefined ? [] : [{ node, descriptor }];
  });
  const nodes = new Set(disks.map(({ node }) => node));
  const independent = vmDisksOf(kept, place).find(({ node }) => !nodes.has(node));
  if (independent !== undefined)
    throw fault(
      "NotSupported",
      `${vm.name} has an independent disk, ${formatDatastorePath(independent.descriptor)}, which is no part of the snapshot.`,
      {},
    );
  return { vmx: kept, disks };
}

function datastoreOf(agent: HostAgent, vm: Vm, { datastore }: VirtualMachineRelocateSpec): string {
  if (datastore === undefined) return vm.vmxPath.datastore;
  const found = agent.datastores().find(({ uuid }) => uuid === datastore.value);
  if (found !== undefined) return found.name;
  throw fault("InvalidDatastore", `The host has no datastore ${datastore.value}.`, { datastore });
}

/** Clients change a disk as they see it at the original: in the clone it is the copy that they mean. */
function ofClone(change: VirtualDeviceConfigSpec, copies: TextQuestion["copies"]): VirtualDeviceConfigSpec {
  const { backing } = change.device as VirtualDisk;
  const fileName = (backing as { fileName?: string } | undefined)?.fileName;
  const copy = copies.find(({ from }) => formatDatastorePath(from) === fileName);
  if (change.operation !== "edit" || backing === undefined || copy === undefined) return change;
  return { ...change, device: { ...change.device, backing: { ...backing, fileName: formatDatastorePath(copy.to) } as typeof backing } };
}

interface TextQuestion {
  readonly name: string;
  readonly vmxPath: DatastorePath;
  readonly origin: Origin;
  readonly copies: readonly { readonly node: string; readonly from: DatastorePath; readonly to: DatastorePath }[];
  readonly spec: VirtualMachineCloneSpec;
}

/** The clone's .vmx, with what the client wants other than in the original. */
async function planText(
  agent: HostAgent,
  { name, vmxPath, origin, copies, spec }: TextQuestion,
): Promise<Pick<Cloning, "text" | "more" | "larger">> {
  const context = await configContext(agent, vmxPath);
  const files = new Map(copies.map(({ node, to }) => [node, nameFile(to, context)]));
  const plain = planClone(updateVmx(origin.vmx, {}), {
    name,
    place: context,
    macsInUse: context.macsInUse ?? new Set(),
    files,
    random: randomBytes,
  });
  if (spec.config === undefined) return { text: formatVmx(plain), more: [], larger: [] };
  const { changeVersion: _, deviceChange = [], ...config } = spec.config;
  const described = copies.map(async ({ from, to }) => {
    const disk = await agent.vms.vmkernel.request({ kind: "describeDisk", descriptor: from });
    return [formatDatastorePath(to), disk] as const;
  });
  const disks = new Map(await Promise.all(described));
  const plan = planReconfigure(
    plain,
    { ...config, name, deviceChange: deviceChange.map((change) => ofClone(change, copies)) },
    { ...context, config: readConfig(plain, { ...context, disks }) },
  );
  return { text: formatVmx(plan.vmx), more: plan.disksToCreate, larger: plan.disksToExtend };
}
