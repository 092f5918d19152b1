/**
 * Entering the inventory: CreateVM_Task makes a folder, disks and a .vmx; RegisterVM_Task takes a folder that is there.
 * Source: vim25 Folder; the vSphere Web Services API.
 */
import {
  type DatastorePath,
  Fault,
  fileNameOf,
  folderOf,
  formatDatastorePath,
  inFolder,
  parseDatastorePath,
  Undo,
} from "../../base/index.ts";
import type { FolderEntry } from "../../vmkernel/index.ts";
import {
  type AnyValue,
  fault,
  formatVmx,
  type MoRef,
  parseVmx,
  type VirtualEthernetCard,
  type VirtualMachineConfigInfo,
  type VirtualMachineConfigSpec,
} from "../../wire/index.ts";
import type { Call, HostAgent } from "../agent.ts";
import { parseEntityName } from "../entity-name.ts";
import type { CreatedFiles } from "../recovery.ts";
import type { Task } from "../tasks.ts";
import type { Vm } from "../vm.ts";
import { type ConfigContext, type ConfigPlan, planCreate } from "../vm-config/index.ts";
import { changeVmx, makeDisk, removeDiskIfThere, removeIfThere } from "../vm-files.ts";
import { aboutVm } from "./context.ts";

const FOLDER_TRIES_MAX = 1000; // name, name_1, name_2 … as ESXi numbers the folders of VMs with one name

/** A VM that is to be: planned, its files' names free, its .vmx path kept for it until the claim is let go. */
export interface PreparedVm {
  readonly name: string;
  readonly vmxPath: DatastorePath;
  readonly plan: ConfigPlan;
  readonly created: CreatedFiles;
  readonly claim: Disposable;
}

/** @throws {Fault} what the spec, or what is there already, stands in the way of */
export async function prepareVm(agent: HostAgent, spec: VirtualMachineConfigSpec): Promise<PreparedVm> {
  const name = parseEntityName(spec.name, "configSpec.name");
  agent.vms.requireFreeName(name);
  const vmx = await chooseVmxPath(agent, name, spec.files?.vmPathName);
  const claim = agent.vms.claim(vmx.path);
  try {
    const plan = planCreate({ ...spec, name }, await configContext(agent, vmx.path));
    for (const descriptor of plan.disksToAttach) await agent.vms.vmkernel.request({ kind: "describeDisk", descriptor });
    await requireNewFiles(
      agent,
      vmx,
      plan.disksToCreate.map(({ descriptor }) => descriptor),
    );
    const created = {
      ...(vmx.folderIsNew ? { folder: folderOf(vmx.path) } : {}),
      disks: plan.disksToCreate.map(({ descriptor }) => descriptor),
    };
    return { name, vmxPath: vmx.path, plan, created, claim };
  } catch (error) {
    claim[Symbol.dispose]();
    throw error;
  }
}

interface Making {
  readonly pool: number;
  readonly undo: Undo;
  readonly report: (percent: number) => void;
  /** Aborted when the client cancels: until its .vmx is there, nothing of it stays. */
  readonly signal: AbortSignal;
}

/** Makes the files and enters the VM into the inventory. @param undo gets how each step is taken back, the last one too */
export async function makeVm(
  agent: HostAgent,
  { vmxPath, plan, created }: PreparedVm,
  { pool, undo, report, signal }: Making,
): Promise<Vm> {
  const { vmkernel } = agent.vms;
  const { folder } = created;
  if (folder !== undefined) {
    undo.add(() => removeIfThere(vmkernel, folder));
    await vmkernel.request({ kind: "makeFolder", folder });
  }
  for (const [index, planned] of plan.disksToCreate.entries()) {
    undo.add(() => removeDiskIfThere(vmkernel, planned.descriptor));
    const watch = (percent: number) => report((80 * (index + percent / 100)) / plan.disksToCreate.length);
    await makeDisk(vmkernel, planned, { signal, report: watch });
  }
  if (signal.aborted) throw fault("RequestCanceled", "The task was canceled by a user.", {});
  undo.add(() => removeIfThere(vmkernel, vmxPath));
  await vmkernel.request({ kind: "writeText", file: vmxPath, text: formatVmx(plan.vmx), mustBeNew: true });
  const vm = await agent.vms.enter(vmxPath, pool);
  undo.add(() => agent.vms.leave(vm));
  return vm;
}

/** @param pool the resource pool that it comes to lie in */
export async function createVm(call: Call, spec: VirtualMachineConfigSpec, pool: number): Promise<Task> {
  const { agent } = call;
  const prepared = await prepareVm(agent, spec);
  const { name, vmxPath, created, claim } = prepared;
  try {
    const task = call.startTask(name, { kind: "createVm", vmx: vmxPath, created }, async ({ report, allowCancel }, task) => {
      await using undo = new Undo();
      const vm = await makeVm(agent, prepared, { pool, undo, report, signal: allowCancel() });
      undo.release();
      postCreated(call, vm, task);
      return virtualMachineRef(vm.ref);
    });
    task.onEnd(() => claim[Symbol.dispose]());
    return task;
  } catch (error) {
    claim[Symbol.dispose]();
    throw error;
  }
}

export function postCreated(call: Call, vm: Vm, task: Task): void {
  call.agent.events.post("VmCreatedEvent", `Created virtual machine ${vm.name}`, aboutVm(call, vm, task), { template: false });
}

interface Registration {
  readonly path: string;
  readonly name: string | undefined;
  readonly pool: number;
}

export async function registerVm(call: Call, { path, name, pool }: Registration): Promise<Task> {
  const { agent } = call;
  const vmx = parseVmxPath(agent, path);
  const newName = name === undefined ? undefined : parseEntityName(name, "name");
  if (newName !== undefined) agent.vms.requireFreeName(newName);
  const claim = agent.vms.claim(vmx);
  const task = call.startTask(newName ?? fileNameOf(vmx), { kind: "registerVm", vmx }, async (_, task) => {
    const text = await agent.vms.vmkernel.request({ kind: "readText", file: vmx });
    parseVmx(text, formatDatastorePath(vmx)); // InvalidVmConfig that names the line
    const vm = await agent.vms.enter(vmx, pool);
    if (newName !== undefined) await changeVmx(agent.vms, vm, { displayName: newName });
    agent.events.post("VmRegisteredEvent", `Registered ${vm.name}`, aboutVm(call, vm, task), { template: false });
    return virtualMachineRef(vm.ref);
  });
  task.onEnd(() => claim[Symbol.dispose]());
  return task;
}

/**
 * What a plan of a VM's configuration has to know of the host.
 * @param vm the VM itself, whose own addresses are no conflict
 */
export async function configContext(agent: HostAgent, vmxPath: DatastorePath, vm?: Vm): Promise<ConfigContext> {
  const taken = new Set((await listIfThere(agent, folderOf(vmxPath))).map(({ name }) => name));
  const others = agent.vms.list().filter((other) => other !== vm && other.files.kind === "readable");
  const macs = others.flatMap(({ files }) => (files.kind === "readable" ? macsOf(files.config) : []));
  return {
    vmxPath,
    host: agent.host,
    datastores: agent.datastores(),
    networks: agent.networks.names(),
    macsInUse: new Set(macs),
    isTaken: (file) => folderOf(file).path === folderOf(vmxPath).path && taken.has(fileNameOf(file)),
  };
}

function macsOf({ hardware }: VirtualMachineConfigInfo): readonly string[] {
  return (hardware.device ?? []).flatMap((device) => {
    const { macAddress } = device as VirtualEthernetCard;
    return macAddress === undefined ? [] : [macAddress.toLowerCase()];
  });
}

/** What a folder holds; nothing when it is not there yet. */
async function listIfThere(agent: HostAgent, folder: DatastorePath): Promise<readonly FolderEntry[]> {
  try {
    return await agent.vms.vmkernel.request({ kind: "listFolder", folder });
  } catch (error) {
    if (error instanceof Fault && error.fault === "FileNotFound") return [];
    throw error;
  }
}

export const virtualMachineRef = (ref: MoRef): AnyValue => ({ anyType: "VirtualMachine", value: ref });

function parseVmxPath(agent: HostAgent, text: string): DatastorePath {
  const path = parseDatastorePath(text);
  if (path === undefined || !/\.vmx$/i.test(path.path)) {
    throw fault("InvalidDatastorePath", `Invalid datastore path '${text}'.`, { datastorePath: text });
  }
  requireDatastore(agent, path);
  return path;
}

function requireDatastore(agent: HostAgent, { datastore }: DatastorePath): void {
  if (agent.inventory.datastoreNamed(datastore) !== undefined) return;
  throw fault("InvalidDatastore", `The host has no datastore '${datastore}'.`, { name: datastore });
}

interface ChosenVmx {
  readonly path: DatastorePath;
  readonly folderIsNew: boolean;
}

/**
 * Where the .vmx goes. A client names a datastore ("[datastore1]"), and the folder is named after the VM and numbered when it is
 * taken; or it names a folder or the .vmx itself, and gets exactly that.
 */
export async function chooseVmxPath(agent: HostAgent, name: string, vmPathName: string | undefined): Promise<ChosenVmx> {
  const text = vmPathName ?? "";
  const path = parseDatastorePath(text);
  if (path === undefined) throw fault("InvalidDatastorePath", `Invalid datastore path '${text}'.`, { datastorePath: text });
  requireDatastore(agent, path);
  const base = fileNameFor(name);
  if (path.path === "") return numberedFolder(agent, path, base);
  const vmx = /\.vmx$/i.test(path.path) ? path : inFolder(path, `${base}.vmx`);
  const folder = folderOf(vmx);
  return { path: vmx, folderIsNew: folder.path !== "" && !(await folderExists(agent, folder)) };
}

async function numberedFolder(agent: HostAgent, root: DatastorePath, base: string): Promise<ChosenVmx> {
  const entries = await agent.vms.vmkernel.request({ kind: "listFolder", folder: root });
  const taken = new Set(entries.map((entry) => entry.name));
  for (let n = 0; n < FOLDER_TRIES_MAX; n++) {
    const folder = n === 0 ? base : `${base}_${n}`;
    const path = inFolder(inFolder(root, folder), `${base}.vmx`);
    if (!taken.has(folder) && !agent.vms.isClaimed(path)) return { path, folderIsNew: true };
  }
  throw fault("FileAlreadyExists", `There are ${FOLDER_TRIES_MAX} folders named after '${base}' already.`, {
    file: formatDatastorePath(inFolder(root, base)),
  });
}

/** A display name as a file name: what a path can't hold becomes "_". */
export function fileNameFor(name: string): string {
  const safe = name.replace(/%2f|%5c|[/\\:*?"<>|]/gi, "_").replace(/^\.+/, "_");
  // Room for "-000001-flat.vmdk" and the like within the 255 bytes that a file name can have.
  return Buffer.from(safe)
    .subarray(0, 200)
    .toString()
    .replace(/\uFFFD+$/, "");
}

async function folderExists(agent: HostAgent, folder: DatastorePath): Promise<boolean> {
  const entries = await listIfThere(agent, folderOf(folder));
  return entries.some((entry) => entry.kind === "folder" && entry.name === fileNameOf(folder));
}

/** Everything that a create makes must be new: what was there before is never taken back with it. */
async function requireNewFiles(agent: HostAgent, vmx: ChosenVmx, disks: readonly DatastorePath[]): Promise<void> {
  const files = [...disks, ...(vmx.folderIsNew ? [] : [vmx.path])].filter(
    (file) => !vmx.folderIsNew || folderOf(file).path !== folderOf(vmx.path).path,
  );
  await requireAbsent(agent, files);
}

/** @throws {FileAlreadyExists} naming the first of the files that is there */
export async function requireAbsent(agent: HostAgent, files: readonly DatastorePath[]): Promise<void> {
  for (const file of files) {
    const entries = await listIfThere(agent, folderOf(file));
    const extent = fileNameOf(file).replace(/\.vmdk$/i, "-flat.vmdk");
    const taken = entries.find((entry) => entry.name === fileNameOf(file) || entry.name === extent);
    if (taken === undefined) continue;
    const path = formatDatastorePath(inFolder(folderOf(file), taken.name));
    throw fault("FileAlreadyExists", `The file ${path} already exists.`, { file: path });
  }
}
