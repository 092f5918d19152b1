/**
 * Carries out a change of a running machine over QMP: every step, or none where one fails. `plan-change.ts` says which steps.
 * Source: QEMU 7.2 qapi/{block,block-core,qdev,machine}.json, docs/memory-hotplug, docs/system/cpu-hotplug.
 */
import { setTimeout as delay } from "node:timers/promises";
import { assert, assertNever, Undo } from "../../base/index.ts";
import { fault } from "../../wire/index.ts";
import type { DiskAttachment, FileAttachment } from "../attachments.ts";
import type { DeviceSpec } from "../machine.ts";
import { addOptions, type DescriptorFor, doing, freeSet, noDescriptor, OPAQUE } from "./add-options.ts";
import { dropNodes, setsOf } from "./block-nodes.ts";
import { type CheckedMachine, labelOf } from "./check-machine.ts";
import { DescriptorNumbers, type DescriptorUse } from "./descriptor-numbers.ts";
import { deviceId } from "./expected-devices.ts";
import { idOfDevice, listOf, nodesByDevice, objectOf } from "./live-machine.ts";
import type { Nic, NicPorts } from "./nic-ports.ts";
import { parseNetClients } from "./parse-net-clients.ts";
import { type ChangeStep, type Disk, type Drive, inverseOf } from "./plan-change.ts";
import { networkId, planDevice, planMemoryModule, type Surroundings } from "./plan-devices.ts";
import { drivePrefix, planImage } from "./plan-drives.ts";
import { qmpArguments } from "./qmp-arguments.ts";
import { isQmpError, type Talk } from "./talk.ts";

/** Open files for devices; whoever asked for them closes them. */
export interface OpenFiles extends Disposable {
  readonly disks: ReadonlyMap<number, DiskAttachment>;
  readonly files: ReadonlyMap<number, FileAttachment>;
}
/** @throws {Fault} FileNotFound, FileLocked …; then nothing is open */
export type OpenFor = (devices: readonly DeviceSpec[]) => Promise<OpenFiles>;

/** Where what a change brings comes from. */
export interface Means {
  readonly open: OpenFor;
  readonly ports: NicPorts;
}

/** A guest lets a PCI device go within a second or two; one that is busy under translation takes longer. One that does not is not waited for. */
const UNPLUG_TIMEOUT_MS = 30_000;
/** A device on a SCSI bus goes at once; QEMU tells so when its readers are through. */
const DETACH_TIMEOUT_MS = 10_000;
/** A guest that watches its CD drive opens a locked tray when it is asked to. */
const TRAY_TIMEOUT_MS = 3000;
const TRAY_POLL_MS = 200;
/**
 * @param wanted the machine that the steps lead to
 * @throws {Fault} ResourceInUse when the guest does not let go of a device or medium; what QEMU says against it. Then every step that
 *   can be taken back was.
 */
export async function carryOut(talk: Talk, steps: readonly ChangeStep[], wanted: CheckedMachine, means: Means): Promise<void> {
  const { open, ports } = means;
  await using undo = new Undo();
  // Everything is opened before the guest notices anything: most of what can go wrong does so here.
  using files = await open(steps.flatMap((step) => fileOwner(step) ?? []));
  for (const step of steps) {
    await takeStep(talk, step, wanted, { files, ports });
    const back = inverseOf(step);
    if (back === undefined) continue;
    undo.add(async () => {
      using old = await open([fileOwner(back) ?? []].flat());
      await takeStep(talk, back, wanted, { files: old, ports });
    });
  }
  undo.release();
}

/** The device whose file a step needs. */
function fileOwner(step: ChangeStep): DeviceSpec | undefined {
  if (step.kind === "addDevice") return step.device;
  return step.kind === "changeMedium" && step.to.image !== undefined ? step.to : undefined;
}

/** What a step has at hand. */
interface Supplies {
  readonly files: OpenFiles;
  readonly ports: NicPorts;
}

async function takeStep(talk: Talk, step: ChangeStep, machine: CheckedMachine, { files, ports }: Supplies): Promise<void> {
  switch (step.kind) {
    case "removeDevice":
      await removeDevice(talk, step.device);
      if (step.device.kind === "nic") await removePort(talk, step.device.key, ports);
      return;
    case "addDevice":
      if (step.device.kind === "nic") return addNic(talk, step.device, machine, ports);
      await addDevice(talk, step.device, { machine, disks: files.disks, ports: new Set() }, (use) => fdFor(use, files));
      return adjust(talk, step.device);
    case "changeMedium":
      return changeMedium(talk, step, files);
    case "setLink":
      await ports.change(step.to);
      return setLink(talk, step.to);
    case "setIoLimit":
      return setIoLimit(talk, step.to);
    case "addMemory":
      return addOptions(talk, planMemoryModule(step.index, step.sizeMiB), new DescriptorNumbers(), noDescriptor);
    case "addVcpus":
      return addVcpus(talk, step.to);
    default:
      return assertNever(step);
  }
}

async function addDevice(
  talk: Talk,
  device: DeviceSpec,
  { machine, ...rest }: Omit<Surroundings, "numbers">,
  descriptorFor: DescriptorFor,
): Promise<void> {
  const numbers = new DescriptorNumbers(await freeSet(talk));
  // The device itself may be one that goes back to where it was, and the machine that is wanted lacks it.
  const devices = [...machine.devices.filter(({ key }) => key !== device.key), device];
  await addOptions(talk, planDevice(device, { machine: { ...machine, devices }, numbers, ...rest }), numbers, descriptorFor);
}

async function addNic(talk: Talk, nic: Nic, machine: CheckedMachine, ports: NicPorts): Promise<void> {
  await using undo = new Undo();
  // A guest that let go of it too late has left what stood behind it.
  await removePort(talk, nic.key, ports);
  using tap = await ports.plugIn(nic);
  undo.add(() => ports.unplug(nic.key));
  const plugged: ReadonlySet<number> = new Set(tap === undefined ? [] : [nic.key]);
  await addDevice(talk, nic, { machine, disks: new Map(), ports: plugged }, () => tap?.fd);
  await setLink(talk, nic);
  undo.release();
}

/** Takes away what stands behind a NIC, and unplugs it. */
async function removePort(talk: Talk, key: number, ports: NicPorts): Promise<void> {
  const { orphans } = parseNetClients(await talk.execute("human-monitor-command", { "command-line": "info network" }));
  if (orphans.includes(key)) await talk.execute("netdev_del", { id: networkId(key) });
  await ports.unplug(key);
}

function fdFor(use: DescriptorUse | undefined, { disks, files }: OpenFiles): number | undefined {
  switch (use?.kind) {
    case "disk":
      return disks.get(use.key)?.fd;
    case "parent":
      return disks.get(use.key)?.parents[use.index]?.fd;
    case "image":
      return files.get(use.key)?.fd;
    default:
      return undefined;
  }
}

async function removeDevice(talk: Talk, device: DeviceSpec): Promise<void> {
  const id = deviceId(device.key);
  using deleted = talk.expect(({ name, data }) => name === "DEVICE_DELETED" && data.device === id);
  try {
    await talk.execute("device_del", { id });
  } catch (error) {
    if (!isQmpError(error, /already in the process of unplug/)) throw error;
  }
  const isOnScsi = device.kind === "disk" || device.kind === "cdrom";
  if (!(await deleted.within(isOnScsi ? DETACH_TIMEOUT_MS : UNPLUG_TIMEOUT_MS))) {
    const message = `The guest does not let go of the device ${labelOf(device)}.`;
    throw fault("ResourceInUse", message, { type: device.kind, name: labelOf(device) });
  }
  await dropNodes(talk, (node) => node.startsWith(drivePrefix(device.key)));
}

/**
 * The new medium is there before the tray opens, and the old one until the new one is in: whatever fails, the drive has one of them.
 * A tray that the guest has locked is not forced: on VMware's hosts that is a question to the administrator.
 */
async function changeMedium(talk: Talk, { from, to }: { readonly from: Drive; readonly to: Drive }, files: OpenFiles): Promise<void> {
  await using undo = new Undo();
  const id = deviceId(to.key);
  const before = nodesByDevice(await talk.execute("query-block")).get(id);
  const numbers = new DescriptorNumbers(await freeSet(talk));
  const options = planImage(to, numbers);
  await addOptions(talk, options, numbers, (use) => fdFor(use, files));
  const after = options.length === 0 ? undefined : String(qmpArguments(options.at(-1) ?? "")["node-name"]);
  undo.add(() => dropNodes(talk, (node) => node === after));
  await openTray(talk, to);
  undo.add(doing(talk, "blockdev-close-tray", { id }));
  if (before !== undefined) {
    await talk.execute("blockdev-remove-medium", { id });
    undo.add(doing(talk, "blockdev-insert-medium", { id, "node-name": before }));
  }
  if (after !== undefined) await talk.execute("blockdev-insert-medium", { id, "node-name": after });
  undo.release();
  await talk.execute("blockdev-close-tray", { id });
  await dropNodes(talk, (node) => node === before);
  assert(from.key === to.key, "one drive");
}

async function openTray(talk: Talk, drive: Drive): Promise<void> {
  const id = deviceId(drive.key);
  for (const deadline = performance.now() + TRAY_TIMEOUT_MS; performance.now() < deadline; await delay(TRAY_POLL_MS)) {
    // A locked tray stays as it is, and QEMU says nothing against it: the guest is asked to open it.
    await talk.execute("blockdev-open-tray", { id });
    const state = listOf(await talk.execute("query-block")).find(({ qdev }) => idOfDevice(qdev) === id);
    if (state?.tray_open !== false) return; // a floppy drive has no tray
  }
  const message = `The guest has locked the door of the device ${labelOf(drive)}, and is using what is in it.`;
  throw fault("ResourceInUse", message, { type: drive.kind, name: labelOf(drive) });
}

/** What QEMU is told of a device once it is there: its cable, how much it may do. */
export async function adjust(talk: Talk, device: DeviceSpec): Promise<void> {
  if (device.kind === "nic") return setLink(talk, device);
  if (device.kind === "disk") return setIoLimit(talk, device);
}

async function setLink(talk: Talk, nic: Nic): Promise<void> {
  await talk.execute("set_link", { name: deviceId(nic.key), up: nic.connected === true });
}

/** What ESXi counts as one operation of a larger one (Disk.SchedCostUnit). */
const IO_UNIT_BYTES = 32 * 1024;

/** @param units a second, for now; undefined as its configuration says */
export async function holdDisk(talk: Talk, disk: Disk, units: number | undefined): Promise<void> {
  const iopsMax = Math.min(disk.iopsMax ?? Number.POSITIVE_INFINITY, units === undefined ? Number.POSITIVE_INFINITY : Math.round(units));
  await setIoLimit(talk, { key: disk.key, ...(Number.isFinite(iopsMax) && { iopsMax }) });
}

/** 0 is no limit, and takes away one that was. The guest's requests wait in QEMU; nothing of the disk's chain of nodes changes. */
async function setIoLimit(talk: Talk, { key, iopsMax }: Pick<Disk, "key" | "iopsMax">): Promise<void> {
  const limit = iopsMax === undefined ? { iops: 0 } : { iops: iopsMax, iops_size: IO_UNIT_BYTES };
  const unused = { bps: 0, bps_rd: 0, bps_wr: 0, iops_rd: 0, iops_wr: 0 };
  await talk.execute("block_set_io_throttle", { id: deviceId(key), ...limit, ...unused });
}

/** Fills the sockets of the board from the first that is empty. */
async function addVcpus(talk: Talk, to: number): Promise<void> {
  const slots = listOf(await talk.execute("query-hotpluggable-cpus"));
  const present = slots.filter((slot) => slot["qom-path"] !== undefined).length;
  const empty = slots
    .filter((slot) => slot["qom-path"] === undefined)
    .map(({ type, props }) => ({ driver: String(type), props: objectOf(props) }))
    .sort((one, other) => placeOf(one.props) - placeOf(other.props));
  for (const [index, { driver, props }] of empty.slice(0, to - present).entries())
    await talk.execute("device_add", { driver, id: `vcpu${present + index}`, ...props });
}

function placeOf(props: Readonly<Record<string, unknown>>): number {
  return Number(props["socket-id"]) * 1000 + Number(props["core-id"]); // no board here has a thousand cores a socket
}

/** Takes away what a change that was cut short had prepared and no device got. */
export async function sweep(talk: Talk): Promise<void> {
  const { orphans } = parseNetClients(await talk.execute("human-monitor-command", { "command-line": "info network" }));
  for (const key of orphans) await talk.execute("netdev_del", { id: networkId(key) });
  const held = new Set(nodesByDevice(await talk.execute("query-block")).values());
  await dropNodes(talk, (node) => /^drive\d+-/.test(node) && !held.has(node));
  const used = setsOf(listOf(await talk.execute("query-named-block-nodes")));
  for (const set of listOf(await talk.execute("query-fdsets"))) {
    const isOurs = listOf(set.fds).some(({ opaque }) => opaque === OPAQUE);
    if (isOurs && !used.has(Number(set["fdset-id"]))) await talk.execute("remove-fd", { "fdset-id": set["fdset-id"] });
  }
}
