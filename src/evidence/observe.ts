/**
 * Looks at the live host: every monitor from outside, through the kernel's own accounts in /proc and through QEMU's, beside what
 * the VM's configuration says. What is judged is this and nothing that the host's own software believes of itself.
 */
import { type DatastorePath, formatDatastorePath, messageOf } from "../base/index.ts";
import {
  affinityOf,
  allPids,
  type CoreThreads,
  coreGroupOf,
  coreReader,
  describeProcess,
  descriptorsOf,
  fileIdentity,
  type HeldTap,
  hasCoreScheduling,
  heldTaps,
  type Namespaces,
  namespacesOf,
  type ProcessDescription,
  pathSeenBy,
  processesOfUid,
  processSees,
  type TcpSocket,
  type ThreadDescription,
  tcpSockets,
  threadsOf,
} from "../system/index.ts";
import type { DatastoreDescription, IsolationFeature, MachineSpec, MonitorInspection, VmkernelClient } from "../vmkernel/index.ts";
import { type ObservedFirewall, observeFirewall } from "./observe-firewall.ts";
import { type ObservedManagement, observeManagement } from "./observe-management.ts";
import { type MemoryOwner, type ObservedMemory, observeMemory } from "./observe-memory.ts";
import { type ObservedNetwork, observeNetwork } from "./observe-network.ts";
import { type ObservedReservation, observeReservation } from "./observe-reservations.ts";
import { type Door, type ObservedDoor, tryDoor } from "./try-door.ts";

/** A file whatever its name: "device:inode". */
export type FileId = string;

export interface Attachment {
  readonly id: FileId;
  readonly path: string;
  readonly writable: boolean;
  /** Data of a disk. */
  readonly isDisk: boolean;
}

export interface ObservedMonitor {
  readonly inspection: MonitorInspection;
  readonly process: ProcessDescription;
  readonly threads: readonly ThreadDescription[];
  /** Files that its configuration gives it, as it may have them open. */
  readonly attachments: readonly Attachment[];
  /** Processes anywhere on the machine that have its uid. */
  readonly pidsOfUid: readonly number[];
  readonly taps: readonly HeldTap[];
  /** Of its disks, by their keys: 32 hex digits, as their descriptors have them. */
  readonly diskUuids: ReadonlyMap<number, string>;
  /** Folders of datastores that a path leads it to. */
  readonly reachable: readonly string[];
  /** Where its threads may run, all together, and their core scheduling groups: "0" is none. */
  readonly processors: { readonly numbers: readonly number[]; readonly groups: readonly string[] };
}

/** A disk that a running VM writes. */
export interface ObservedDisk {
  readonly id: FileId;
  readonly path: string;
  /** The monitor that it is configured for. */
  readonly monitor: ObservedMonitor;
  /** Processes anywhere on the machine that have it open for writing. */
  readonly writers: readonly number[];
}

/** A disk that others descend from, of any VM of the host. */
export interface ObservedParent {
  readonly id: FileId;
  readonly path: string;
  /** Processes anywhere on the machine that have it open for writing. */
  readonly writers: readonly number[];
}

export interface Observation {
  /** All that running VMs write. */
  readonly disks: readonly ObservedDisk[];
  /** Of all disks that running VMs descend from. */
  readonly parents: readonly ObservedParent[];
  /** What of isolation the machine withholds, and a sentence for each. */
  readonly withheld: readonly IsolationFeature[];
  readonly weaknesses: readonly string[];
  readonly accelerator: { readonly kind: "kvm" | "tcg"; readonly because: string };
  readonly hostNamespaces: Namespaces;
  readonly monitors: readonly ObservedMonitor[];
  /** The machine's cores, as the numbers of their threads. */
  readonly cores: readonly CoreThreads[];
  readonly memory: ObservedMemory;
  readonly reservations: readonly ObservedReservation[];
  /** Of the machine's own network. */
  readonly tcpSockets: readonly TcpSocket[];
  /** Monitors that ended or could not be looked at meanwhile, and why. */
  readonly unseen: readonly string[];
  readonly hostd: ProcessDescription | undefined;
  /** The folders of the datastores, and whether a path leads hostd there. */
  readonly datastoresOfHostd: readonly { readonly root: string; readonly isReachable: boolean }[];
  readonly vmkernel: ProcessDescription | undefined;
  /** Undefined where none has been made: nothing was ever plugged in. */
  readonly network: ObservedNetwork | undefined;
  /** Undefined where nobody asked. */
  readonly firewall: ObservedFirewall | undefined;
  /** Undefined while hostd does not run, or when nobody said where it is. */
  readonly door: ObservedDoor | undefined;
  /** As `door`. */
  readonly management: ObservedManagement | undefined;
}

/** The processes of the host itself. */
export interface HostPids {
  readonly hostd: number | undefined;
  readonly vmkernel: number | undefined;
}

/** Where to look, beyond what vmkernel tells. */
export interface Places {
  /** The namespace of the virtual network: the file that keeps it. */
  readonly network: string;
  /** Undefined while hostd does not run. */
  readonly door?: Door | undefined;
  /** hostd's. */
  readonly database?: string;
}

export async function observe(
  vmkernel: Pick<VmkernelClient, "request">,
  pids: HostPids,
  { network, door, database }: Places,
): Promise<Observation> {
  const { withheld, weaknesses, accelerator } = await vmkernel.request({ kind: "describeHost" });
  const datastores = await vmkernel.request({ kind: "listDatastores" });
  const monitors: ObservedMonitor[] = [];
  const reservations: ObservedReservation[] = [];
  const unseen: string[] = [];
  for (const { vm, name } of await vmkernel.request({ kind: "listMonitors" })) {
    try {
      const inspection = await vmkernel.request({ kind: "inspectMonitor", vm });
      const attachments = await attachmentsOf(vmkernel, inspection.machine, datastores);
      const diskUuids = await uuidsOf(vmkernel, inspection.machine);
      monitors.push(observeMonitor(inspection, attachments, { diskUuids, roots: datastores.map(({ root }) => root) }));
      reservations.push(observeReservation(inspection, await vmkernel.request({ kind: "mapMemory", vm })));
    } catch (error) {
      unseen.push(`VM ${vm} (${name}): ${messageOf(error)}`);
    }
  }
  const sockets = tcpSockets();
  // What is mounted for vmkernel need not be for us.
  const seenNetwork = pids.vmkernel === undefined ? network : pathSeenBy(pids.vmkernel, network);
  const firewall = await vmkernel.request({ kind: "readFirewallState" });
  return {
    parents: observeParents(monitors),
    disks: observeDisks(monitors),
    withheld,
    weaknesses,
    accelerator,
    hostNamespaces: namespacesOf("self"),
    monitors,
    reservations,
    cores: coreReader()(),
    memory: observeMemory([...monitors.map(memoryOwner), ...hostOwners(pids)]),
    tcpSockets: sockets,
    unseen,
    hostd: describeIfThere(pids.hostd),
    datastoresOfHostd: pids.hostd === undefined ? [] : datastoresSeenBy(pids.hostd, datastores),
    vmkernel: describeIfThere(pids.vmkernel),
    network: observeNetwork(seenNetwork, {
      description: await vmkernel.request({ kind: "describeNetwork" }),
      state: await vmkernel.request({ kind: "readNetworkState" }),
    }),
    firewall: await observeFirewall(firewall, { namespace: `/proc/${pids.vmkernel ?? "self"}/ns/net`, tcpSockets: sockets }),
    door: door === undefined ? undefined : await tryDoor(door),
    management:
      door === undefined || database === undefined
        ? undefined
        : await observeManagement({ database, namespace: seenNetwork, port: Number(new URL(door.url).port) }, () =>
            vmkernel.request({ kind: "readNetworkState" }),
          ),
  };
}

/** Looks at every process of the machine, whoever started it, for one that could write what others descend from. */
export function observeParents(monitors: readonly Pick<ObservedMonitor, "attachments">[]): readonly ObservedParent[] {
  const read = new Map(
    monitors.flatMap(({ attachments }) =>
      attachments.filter(({ writable, isDisk }) => !writable && isDisk).map(({ id, path }) => [id, path]),
    ),
  );
  if (read.size === 0) return [];
  const writers = writersOf(new Set(read.keys()));
  return [...read].map(([id, path]) => ({ id, path, writers: writers.get(id) ?? [] }));
}

/** Looks at every process of the machine for one that could write what a running VM writes. */
export function observeDisks(monitors: readonly ObservedMonitor[]): readonly ObservedDisk[] {
  const written = monitors.flatMap((monitor) =>
    monitor.attachments.filter(({ writable, isDisk }) => writable && isDisk).map(({ id, path }) => ({ id, path, monitor })),
  );
  const writers = writersOf(new Set(written.map(({ id }) => id)));
  return written.map((disk) => ({ ...disk, writers: writers.get(disk.id) ?? [] }));
}

function writersOf(ids: ReadonlySet<FileId>): ReadonlyMap<FileId, readonly number[]> {
  const found = new Map<FileId, number[]>();
  for (const pid of allPids()) {
    for (const { access, device, inode } of descriptorsIfThere(pid)) {
      const id = `${device}:${inode}`;
      if (!ids.has(id) || access === "read" || access === "path") continue;
      const known = found.get(id) ?? [];
      if (!known.includes(pid)) found.set(id, [...known, pid]);
    }
  }
  return found;
}

function descriptorsIfThere(pid: number): ReturnType<typeof descriptorsOf> {
  try {
    return descriptorsOf(pid);
  } catch {
    return []; // it ended meanwhile
  }
}

/** Looks at the process that an inspection names. */
export function observeMonitor(
  inspection: MonitorInspection,
  attachments: readonly Attachment[],
  { diskUuids = new Map(), roots = [] }: { readonly diskUuids?: ReadonlyMap<number, string>; readonly roots?: readonly string[] } = {},
): ObservedMonitor {
  const { pid, uid } = inspection.description;
  return {
    inspection,
    process: describeProcess(pid),
    threads: threadsOf(pid),
    attachments,
    pidsOfUid: processesOfUid(uid),
    taps: heldTaps(pid),
    diskUuids,
    reachable: roots.filter((root) => processSees(pid, root)),
    processors: processorsOf(pid),
  };
}

/** A thread that ends meanwhile is left out. */
function processorsOf(pid: number): ObservedMonitor["processors"] {
  const numbers = new Set<number>();
  const groups = new Set<string>();
  const hasGroups = hasCoreScheduling();
  for (const { id } of threadsOf(pid)) {
    try {
      for (const number of affinityOf(id)) numbers.add(number);
      groups.add(hasGroups ? String(coreGroupOf(id)) : "0");
    } catch {}
  }
  return { numbers: [...numbers].sort((a, b) => a - b), groups: [...groups] };
}

function memoryOwner({ inspection: { description }, process }: ObservedMonitor): MemoryOwner {
  return {
    name: `VM ${description.vm} (${description.name}), pid ${process.pid}`,
    pid: process.pid,
    isMonitor: true,
    sharingGroup: description.sharingGroup,
  };
}

function hostOwners(pids: HostPids): readonly MemoryOwner[] {
  return Object.entries(pids).flatMap(([name, pid]) =>
    pid !== undefined && allPids().includes(pid)
      ? [{ name: `${name}, pid ${pid}`, pid, isMonitor: false, ...(name === "hostd" && { compiles: true }) }]
      : [],
  );
}

/** Looks whether a path leads a process to the datastores. */
export function datastoresSeenBy(pid: number, datastores: readonly Pick<DatastoreDescription, "root">[]): Observation["datastoresOfHostd"] {
  return datastores.map(({ root }) => ({ root, isReachable: processSees(pid, root) }));
}

function describeIfThere(pid: number | undefined): ProcessDescription | undefined {
  return pid !== undefined && allPids().includes(pid) ? describeProcess(pid) : undefined;
}

async function uuidsOf(vmkernel: Pick<VmkernelClient, "request">, { devices }: MachineSpec): Promise<ReadonlyMap<number, string>> {
  const found = new Map<number, string>();
  for (const device of devices)
    if (device.kind === "disk")
      found.set(device.key, (await vmkernel.request({ kind: "describeDisk", descriptor: device.descriptor })).uuid);
  return found;
}

async function attachmentsOf(
  vmkernel: Pick<VmkernelClient, "request">,
  machine: MachineSpec,
  datastores: readonly DatastoreDescription[],
): Promise<readonly Attachment[]> {
  const found: Attachment[] = [];
  const add = (path: DatastorePath | undefined, writable: boolean, isDisk = false): void => {
    const root = datastores.find(({ name }) => name === path?.datastore)?.root;
    if (path === undefined || root === undefined) return;
    const id = fileIdentity(`${root}/${path.path}`);
    if (id !== undefined) found.push({ id, path: formatDatastorePath(path), writable, isDisk });
  };
  /** A disk is written, and what it descends from is read: it may be another VM's too. */
  const addDisk = async (descriptor: DatastorePath, writable: boolean): Promise<void> => {
    const disk = await vmkernel.request({ kind: "describeDisk", descriptor });
    for (const extent of disk.extents) add(extent, writable, true);
    for (const parent of disk.parents)
      for (const extent of (await vmkernel.request({ kind: "describeDisk", descriptor: parent })).extents) add(extent, false, true);
  };
  for (const device of machine.devices) {
    switch (device.kind) {
      case "disk":
        await addDisk(device.descriptor, device.mode !== "independent_nonpersistent");
        break;
      case "cdrom":
      case "floppy":
        add(device.image, false);
        break;
      case "serial":
        add(device.file, true);
        break;
      default: // controllers, NICs and the like have no file
    }
  }
  if (machine.firmware.kind === "efi") add(machine.firmware.nvram, true);
  return found;
}
