/**
 * The typed requests that hostd, the CLI and evidence may put to vmkernel, and what they get back.
 * One JSON text a line over a unix socket (`/run/bulkhead/vmkernel.sock`): {id, request} → {id, progress}… then {id, result} | {id, fault};
 * {cancel: id} asks for the end of a request; {event} comes unasked. A request whose connection ends is cancelled.
 * vmkernel knows its peer by SO_PEERCRED and checks every argument again: what is here is data, not trust.
 */
import type { DatastorePath, VmId } from "../base/index.ts";
import type { ClockDiscipline, Connection, Machine, MachineLoad } from "../system/index.ts";
import type { KeyStroke, VmdkCreateType } from "../wire/index.ts";
import type { HostFirewallConfig, HostFirewallState } from "./firewall/index.ts";
import type { GuestVariable } from "./guest-variables.ts";
import type { IsolationFeature } from "./isolation.ts";
import type { MachineSpec, MemoryHotAdd } from "./machine.ts";
import type { NetworkConfig } from "./network/config.ts";
import type { NetworkDescription } from "./network/description.ts";
import type { NetworkState } from "./network/plan-network.ts";
import type { MemoryAllocation, MemoryState, ResourceConfig } from "./resources/index.ts";
import type { ServiceDescription, ServiceKey } from "./services/index.ts";
import type { GuestLogin } from "./vmm/index.ts";

export type { Connection, Machine } from "../system/index.ts";
export type { MemoryState } from "./resources/index.ts";
export type { GuestLogin } from "./vmm/index.ts";

export type VmkernelRequest =
  | { readonly kind: "describeHost" }
  /** Its devices and its own network, as they are now. */
  | { readonly kind: "describeMachine" }
  /** TCP and UDP of the machine itself, and which process has each. */
  | { readonly kind: "listConnections" }
  | { readonly kind: "listDatastores" }
  | { readonly kind: "createDatastore"; readonly name: string }
  /** ResourceInUse while a monitor has files on it. */
  | { readonly kind: "renameDatastore"; readonly from: string; readonly to: string }
  /** An empty one. ResourceInUse otherwise. */
  | { readonly kind: "removeDatastore"; readonly name: string }
  /** Files. Paths are opened beneath the datastore's root without following a symlink. */
  /** `encoding`: latin1 for a file that is no text; each character is a byte. */
  | { readonly kind: "readText"; readonly file: DatastorePath; readonly encoding?: "latin1" }
  /** Replaces the file in one step (a temporary beside it, fsync, rename), so that a reader sees the old text or the new. */
  | {
      readonly kind: "writeText";
      readonly file: DatastorePath;
      readonly text: string;
      readonly mustBeNew?: boolean;
      readonly encoding?: "latin1";
    }
  | { readonly kind: "listFolder"; readonly folder: DatastorePath }
  | { readonly kind: "makeFolder"; readonly folder: DatastorePath }
  /** A file, or a folder that is empty. FileNotFound when it is not there. */
  | { readonly kind: "remove"; readonly path: DatastorePath }
  | { readonly kind: "createDisk"; readonly descriptor: DatastorePath; readonly disk: NewDisk }
  | { readonly kind: "describeDisk"; readonly descriptor: DatastorePath }
  /**
   * A disk that has what `parent` has, and its own from then on; nobody writes the parent as long as it has children. `vm`: the VM
   * whose monitor writes the parent, and is to go on with the child (snapshotMonitor).
   */
  | {
      readonly kind: "createChildDisk";
      readonly descriptor: DatastorePath;
      readonly parent: DatastorePath;
      readonly uuid?: string;
      readonly vm?: VmId;
    }
  /**
   * Puts what a child has into its parent, of which it must be the only child; the descriptor is another name of the parent then, and
   * goes with deleteDisk. `vm`: the VM that has the disk, whose guest may write meanwhile.
   */
  | { readonly kind: "commitDisk"; readonly descriptor: DatastorePath; readonly vm?: VmId }
  /** The descriptor and its extents. FileLocked while a monitor holds it. */
  | { readonly kind: "deleteDisk"; readonly descriptor: DatastorePath }
  /** The file is there whole or not at all. FileLocked while a monitor writes the source, or holds what would be replaced. */
  | { readonly kind: "copyFile"; readonly from: DatastorePath; readonly to: DatastorePath; readonly replace?: boolean }
  /** A file or a folder with all that is in it, in one step; only a file may take the place of another. FileLocked while a monitor holds one of them. */
  | { readonly kind: "moveFile"; readonly from: DatastorePath; readonly to: DatastorePath; readonly replace?: boolean }
  /** A new disk with what the flat disk `from` holds. */
  | {
      readonly kind: "copyDisk";
      readonly from: DatastorePath;
      readonly to: DatastorePath;
      readonly replace?: boolean;
      readonly copy: DiskCopy;
    }
  /** Descriptor and extent; the extent is named after the descriptor. A move that was cut short is finished by asking for it again. */
  | { readonly kind: "moveDisk"; readonly from: DatastorePath; readonly to: DatastorePath; readonly replace?: boolean }
  /** Changes a disk where it lies. FileLocked while a monitor holds it. */
  | { readonly kind: "changeDisk"; readonly descriptor: DatastorePath; readonly change: DiskChange }
  /**
   * Makes a disk of a running machine larger, for its guest to see at once. Asked for the size that it has, it tells the guest again.
   * InvalidState where it has a parent, InvalidDeviceOperation where its device cannot; NoDiskSpace; then it is what it was.
   */
  | { readonly kind: "growDisk"; readonly vm: VmId; readonly descriptor: DatastorePath; readonly capacityBytes: number }
  /** Monitors. A power request returns when it has taken effect. */
  /** `guestVariables`: what the guest is told, from its start to its end. */
  /** `sharingGroup`: VMs of one group may share equal pages of their memory, and those without share none. InvalidState while another group's run. */
  | {
      readonly kind: "powerOn";
      readonly machine: MachineSpec;
      readonly guestVariables?: readonly GuestVariable[];
      readonly sharingGroup?: string;
    }
  | { readonly kind: "powerOff"; readonly vm: VmId }
  | { readonly kind: "reset"; readonly vm: VmId }
  /** Writes the guest's memory to `to` and ends the monitor; on failure the guest runs on and `to` is gone. */
  | { readonly kind: "suspend"; readonly vm: VmId; readonly to: DatastorePath }
  /** Asks the guest to shut down (guest agent, ACPI where there is none); does not wait for it. */
  | { readonly kind: "shutdownGuest"; readonly vm: VmId }
  /** Asks the guest agent to start the guest anew; ToolsUnavailable where none answers. Does not wait for it. */
  | { readonly kind: "rebootGuest"; readonly vm: VmId }
  /** Has the guest agent write out what the guest keeps for its disks, where it can, and waits; ToolsUnavailable where none answers. */
  | { readonly kind: "flushGuest"; readonly vm: VmId }
  /** A non-maskable interrupt for every virtual CPU. */
  | { readonly kind: "sendNmi"; readonly vm: VmId }
  /** Kills the monitor, whatever else is being done to it. */
  | { readonly kind: "terminate"; readonly vm: VmId }
  /** Lets a halted guest go on: what it could not write is written again. InvalidState when it is not halted. */
  | { readonly kind: "retryWrite"; readonly vm: VmId }
  /** Writes a picture of the guest's screen to `to`, a PNG: all of it or nothing. FileAlreadyExists when there is one. */
  | { readonly kind: "saveScreen"; readonly vm: VmId; readonly to: DatastorePath }
  /** Presses and releases keys of the guest's keyboard, one stroke after another; returns after the last. */
  | { readonly kind: "pressKeys"; readonly vm: VmId; readonly strokes: readonly KeyStroke[] }
  /**
   * Runs a POSIX sh script in the guest as one of its users, whose password the guest checks, and waits for it.
   * InvalidGuestLogin, GuestOperationsUnavailable, OperationDisabledByGuest, OperationNotSupportedByGuest, TooManyGuestLogons, Timedout.
   */
  | { readonly kind: "runInGuest"; readonly vm: VmId; readonly login: GuestLogin; readonly script: string }
  /** Does not wait for it. The script says on its descriptor 3 "pid PID SECONDS", or "no WORD" when it starts nothing. */
  | { readonly kind: "startInGuest"; readonly vm: VmId; readonly login: GuestLogin; readonly script: string; readonly commandLine: string }
  /** What startInGuest started: what runs, and what ended within the last five minutes. */
  | { readonly kind: "listGuestPrograms"; readonly vm: VmId }
  /**
   * The disks of a running machine go on in children that are there, all at one moment; `memory`: the guest's memory of that moment is
   * written there, and the guest stands still meanwhile. On failure it runs on, and the file is gone.
   */
  | { readonly kind: "snapshotMonitor"; readonly machine: MachineSpec; readonly memory?: DatastorePath; readonly quiesce?: boolean }
  /** Makes a running machine this one, whole or not at all. Its name and its boot order are of the next power-on. */
  | { readonly kind: "changeMonitor"; readonly machine: MachineSpec }
  /**
   * The whole virtual network that the host shall have. It is so, or as it was; running VMs lose no frame.
   * ResourceInUse where it takes an adapter by which the machine itself is on a network, unless `mayCutOff`.
   */
  | { readonly kind: "configureNetwork"; readonly network: NetworkConfig; readonly mayCutOff?: boolean }
  | { readonly kind: "describeNetwork" }
  /** What all of it is made from, for whoever wants to make it again and compare. */
  | { readonly kind: "readNetworkState" }
  /** What the programs of a port are made of. InvalidArgument when there is no such port. */
  | { readonly kind: "showProgram"; readonly port: number }
  /** All resource pools, and where each VM stands in them: what runs is divided anew by it. */
  | { readonly kind: "configureResources"; readonly resources: ResourceConfig }
  /** The whole of the host's firewall. It is so, or as it was; connections that stand go on. */
  | { readonly kind: "configureFirewall"; readonly firewall: HostFirewallConfig }
  | { readonly kind: "readFirewallState" }
  /** Services of the host that are programs of the machine. */
  | { readonly kind: "describeServices" }
  /** Returns when it has. HostConfigFault says why it cannot. */
  | { readonly kind: "startService"; readonly service: ServiceKey }
  | { readonly kind: "stopService"; readonly service: ServiceKey }
  | { readonly kind: "listMonitors" }
  | { readonly kind: "inspectMonitor"; readonly vm: VmId }
  /** What a running guest sees as memory, and where it lies in its monitor's. */
  | { readonly kind: "mapMemory"; readonly vm: VmId }
  /** Which machine pages are behind a guest's, from a "physical" address of its on; at most PAGE_RUNS_MAX runs of them. */
  | { readonly kind: "mapPages"; readonly vm: VmId; readonly fromByte: number; readonly runsMax: number }
  /** How well the machine's clock keeps the time. */
  | { readonly kind: "readClock" }
  /** What the machine and each monitor have used since they started. */
  | { readonly kind: "sampleLoad" }
  /** A part of a log that only root can read. InvalidPowerState for a VM without a monitor. */
  | { readonly kind: "readLog"; readonly log: LogName; readonly fromByte: number }
  /** Powers every guest off in order (asked first, then ended after `graceMs`) and ends vmkernel. */
  | { readonly kind: "shutdownHost"; readonly graceMs: number };

/**
 * Asked on a connection of its own, which from then on is a stream of bytes: what it says is `stream.ts`.
 * There is no answer but the stream itself, or a fault in its place.
 */
export type StreamRequest =
  /** The guest's console: RFB with the monitor's own server, both ways. It lasts until either side ends it. */
  | { readonly kind: "openConsole"; readonly vm: VmId }
  /** A picture of the guest's screen: a PNG, and the end. */
  | { readonly kind: "captureScreen"; readonly vm: VmId };

export interface VmkernelResults {
  describeHost: HostDescription;
  describeMachine: Machine;
  listConnections: readonly Connection[];
  listDatastores: readonly DatastoreDescription[];
  createDatastore: null;
  renameDatastore: null;
  removeDatastore: null;
  readText: string;
  writeText: null;
  listFolder: readonly FolderEntry[];
  makeFolder: null;
  remove: null;
  createDisk: DiskDescription;
  describeDisk: DiskDescription;
  createChildDisk: DiskDescription;
  commitDisk: DiskDescription;
  deleteDisk: null;
  copyFile: null;
  moveFile: Moved;
  copyDisk: DiskDescription;
  moveDisk: Moved;
  changeDisk: DiskDescription;
  growDisk: DiskDescription;
  powerOn: MonitorDescription;
  powerOff: null;
  reset: null;
  suspend: null;
  shutdownGuest: null;
  rebootGuest: null;
  flushGuest: null;
  sendNmi: null;
  terminate: null;
  retryWrite: null;
  saveScreen: null;
  pressKeys: null;
  runInGuest: GuestRun;
  startInGuest: GuestStart;
  listGuestPrograms: readonly GuestProgram[];
  snapshotMonitor: MonitorDescription;
  changeMonitor: MonitorDescription;
  configureNetwork: null;
  describeNetwork: NetworkDescription;
  readNetworkState: NetworkState;
  showProgram: { readonly listing: readonly string[] };
  configureResources: null;
  configureFirewall: null;
  readFirewallState: HostFirewallState;
  describeServices: readonly ServiceDescription[];
  startService: null;
  stopService: null;
  listMonitors: readonly MonitorDescription[];
  inspectMonitor: MonitorInspection;
  mapMemory: readonly MemoryMapping[];
  mapPages: readonly PageRun[];
  readClock: ClockDiscipline;
  sampleLoad: LoadSample;
  readLog: LogChunk;
  shutdownHost: null;
}

export type VmkernelEvent =
  /** The monitor is gone: asked to, the guest powered itself off, or it died. */
  | {
      readonly kind: "monitorEnded";
      readonly vm: VmId;
      readonly because: "poweredOff" | "suspended" | "guestShutdown" | "crashed";
      readonly detail: string;
    }
  | { readonly kind: "guestChanged"; readonly vm: VmId; readonly guest: GuestState }
  | { readonly kind: "guestReset"; readonly vm: VmId }
  /** The guest was stopped, or goes on (without `halt`). */
  | { readonly kind: "guestHalted"; readonly vm: VmId; readonly halt?: Halt }
  /** An uplink's link went up or down, or a guest's driver set another MAC: describeNetwork tells. */
  | { readonly kind: "networkChanged" };

/** Why a guest stands still that was not asked to: its datastore has no room for what it writes. */
export interface Halt {
  /** Keys of the disks. */
  readonly disks: readonly number[];
  /** Tells this halt from a later one of the same VM. */
  readonly sinceMs: number;
}

/** What the machine is, and what on it is weaker than the design. */
export interface HostDescription {
  readonly hostName: string;
  readonly uuid: string;
  readonly vendor: string;
  readonly model: string;
  readonly kernel: string;
  readonly cpu: {
    readonly model: string;
    readonly vendor: string;
    readonly mhz: number;
    readonly packages: number;
    readonly cores: number;
    readonly threads: number;
    /** As Linux names them: "lm", "nx", "vmx" … */
    readonly features: readonly string[];
  };
  readonly memoryBytes: number;
  readonly bootedAtMs: number;
  /** `because` is a sentence: what the self-test guest did on /dev/kvm. */
  readonly accelerator: { readonly kind: "kvm" | "tcg"; readonly because: string };
  /** What of isolation the machine withholds; empty on a whole host. */
  readonly withheld: readonly IsolationFeature[];
  /** With --degraded, a sentence for each thing that is withheld. */
  readonly weaknesses: readonly string[];
}

export type LogName =
  /** `age` 0 is the newest file. */
  | { readonly name: "host"; readonly age: number }
  /** What a running monitor complains of. */
  | { readonly name: "monitor"; readonly vm: VmId }
  /** The log in the folder of a VM that runs. */
  | { readonly name: "vm"; readonly vm: VmId };

export interface LogChunk {
  /** The bytes from `fromByte` on, as many as fit; none at the end of the file, or where there is no file. */
  readonly base64: string;
  readonly sizeBytes: number;
}

/** Counters only grow: who reads them twice knows what was used between. */
export interface LoadSample {
  /** Of a clock that never jumps; 0 is when the machine started. */
  readonly takenAtMs: number;
  readonly machine: MachineLoad;
  /** How short the machine is of memory. */
  readonly memoryState: MemoryState;
  readonly monitors: readonly MonitorLoad[];
}

export interface MonitorLoad {
  readonly vm: VmId;
  /** Tells the monitor from an earlier one of the same VM. */
  readonly startedAtMs: number;
  /** Of all its processes: virtual CPUs, devices, the sandbox around it. */
  readonly processorMs: number;
  /** For how long its threads could have run, and others did. */
  readonly waitedMs: number;
  /** As in {@link CpuEntitlement}. */
  readonly entitledMhz: number;
  readonly worstCaseMhz: number;
  /** Its network cards that have a port. */
  readonly nics: readonly VirtualNicLoad[];
  /** Of the machine's memory: the guest's pages that it has touched, and what the monitor itself needs. */
  readonly memoryBytes: number;
  /** Of the guest's memory: what the kernel keeps once for it and others, or for several pages of its own. */
  readonly sharedBytes: number;
  /** Where the guest's own memory is; absent while its monitor does not answer. */
  readonly guestMemory?: GuestMemoryLoad;
  /** What it may have of the machine's memory now; absent while that is all that it wants. */
  readonly entitledBytes?: number;
  /** Disks that it tells of; empty while it does not answer. */
  readonly disks: readonly VirtualDiskLoad[];
}

export interface GuestMemoryLoad {
  readonly residentBytes: number;
  /** On a disk, or compressed. */
  readonly swappedBytes: number;
  readonly compressedBytes: number;
  /** What its driver has given back. */
  readonly balloonedBytes: number;
  /** Of what is resident, touched within the last minute or so. */
  readonly touchedBytes: number;
}

/** From the guest's side. */
export interface VirtualNicLoad {
  /** vim25 device key. */
  readonly key: number;
  readonly receivedBytes: number;
  readonly transmittedBytes: number;
  readonly receivedPackets: number;
  readonly transmittedPackets: number;
}

export interface VirtualDiskLoad {
  /** vim25 device key. */
  readonly key: number;
  /** "scsi0:1". */
  readonly place: string;
  readonly reads: number;
  readonly writes: number;
  readonly readBytes: number;
  readonly writtenBytes: number;
  /** Spent on all reads together; those that ran at once count each. */
  readonly readMs: number;
  readonly writeMs: number;
}

export interface DatastoreDescription {
  readonly name: string;
  /** The folder on the host, absolute. */
  readonly root: string;
  readonly uuid: string;
  readonly capacityBytes: number;
  readonly freeBytes: number;
}

export interface FolderEntry {
  readonly name: string;
  readonly kind: "file" | "folder";
  readonly sizeBytes: number;
  /** Bytes that it takes on the disk: less than its size where it is sparse. */
  readonly allocatedBytes: number;
  readonly modifiedAtMs: number;
}

export interface NewDisk {
  readonly capacityBytes: number;
  readonly provisioning: "thin" | "thick" | "eagerZeroedThick";
  readonly adapterType: AdapterType;
  /** 16 bytes as 32 hex digits, "6000c29…". */
  readonly uuid: string;
}

export type AdapterType = "lsilogic" | "buslogic" | "ide";

/** What of a copy is to be other than in the disk that it is copied from; it is the same where nothing is said. */
export interface DiskCopy {
  readonly provisioning?: NewDisk["provisioning"];
  /** For another product to read: no monitor is given it. */
  readonly format?: HostedFormat;
  readonly adapterType?: AdapterType;
  /** As in {@link NewDisk}. */
  readonly uuid?: string;
}

/** The formats of VMware's other products, by their createType. */
export type HostedFormat = "monolithicSparse" | "monolithicFlat" | "twoGbMaxExtentSparse" | "twoGbMaxExtentFlat";

export type DiskChange =
  /** What is new reads as zeros. `eager` writes them; where nothing is said, it is done if all of the disk has been written. */
  | { readonly kind: "extend"; readonly capacityBytes: number; readonly eager?: boolean }
  /** A thin disk becomes a thick one, all of it written. */
  | { readonly kind: "inflate" }
  /** Writes zeros where a thick disk was never written. */
  | { readonly kind: "eagerZero" }
  /** Gives the blocks of a thin disk back that hold zeros. */
  | { readonly kind: "shrink" }
  /** Overwrites all that the disk holds. Once begun it is finished. */
  | { readonly kind: "zeroFill" }
  | { readonly kind: "setUuid"; readonly uuid: string }
  /** Gives back what an extension that was cut short has got behind the disk's end. */
  | { readonly kind: "trim" }
  /** A disk of another format becomes a flat one, thin, where it lies. Nothing for one that is flat. */
  | { readonly kind: "convert" };

/** Two datastores may be folders of one file system or not: a move is one step where they are, and the asker copies where not. */
export type Moved = "moved" | "otherFileSystem";

export interface DiskDescription {
  readonly capacityBytes: number;
  readonly allocatedBytes: number;
  /** "eagerZeroedThick": every block of it has been written. */
  readonly provisioning: "thin" | "thick" | "eagerZeroedThick";
  /** Of a disk that is no flat file, and that a monitor can be given only when it has been converted: the createType of its descriptor. */
  readonly foreign?: VmdkCreateType;
  readonly adapterType: string;
  readonly geometry: { readonly cylinders: number; readonly heads: number; readonly sectors: number };
  readonly uuid: string;
  readonly contentId: string;
  /** The files of the disk besides its descriptor. */
  readonly extents: readonly DatastorePath[];
  /** Descriptors, its own parent first; none for a disk that stands alone. */
  readonly parents: readonly DatastorePath[];
  /** Descriptors of the disks that it is the parent of. */
  readonly children: readonly DatastorePath[];
  /** The descriptor that this one is another name of: what it had is in that disk. */
  readonly aliasOf?: DatastorePath;
}

export interface MonitorDescription {
  readonly vm: VmId;
  readonly name: string;
  readonly home: DatastorePath;
  readonly pid: number;
  readonly uid: number;
  readonly startedAtMs: number;
  readonly accelerator: "kvm" | "tcg";
  /** In what it is weaker than the design (--degraded), or than its configuration asks for; empty otherwise. */
  readonly weaknesses: readonly string[];
  /** It stands still, and waits for an answer. */
  readonly halt?: Halt;
  readonly guest: GuestState;
  /** Keys of NICs whose cable is unplugged, of drives without a medium, and of serial ports that write nowhere. */
  readonly disconnected: readonly number[];
  /** Where memory can be added while it runs. */
  readonly memoryHotAdd?: MemoryHotAdd;
  /** Its memory limit, where that is below its guest's memory: a limit that was left behind holds the guest up. */
  readonly memoryLimitMiB?: number;
  /** With whom it may share equal pages of memory; absent where with nobody. */
  readonly sharingGroup?: string;
}

/** What the guest agent said last. */
export type GuestState =
  | { readonly tools: "notRunning" }
  | {
      readonly tools: "running";
      readonly hostName?: string;
      readonly osName?: string;
      /** As os-release(5) has it; "mswindows" for Windows. */
      readonly osId?: string;
      /** Whether the agent is allowed to run programs for clients. */
      readonly runsPrograms: boolean;
      readonly disks: readonly GuestDisk[];
      readonly nics: readonly { readonly mac: string; readonly addresses: readonly string[] }[];
      /** Absent where it can't be asked. */
      readonly network?: GuestNetwork;
    };

export interface GuestNetwork {
  readonly routes: readonly GuestRoute[];
  readonly nameServers: readonly string[];
  readonly searchDomains: readonly string[];
}

export interface GuestRoute {
  readonly network: string;
  readonly prefixLength: number;
  /** Absent where what it leads to is on the link. */
  readonly gateway?: string;
}

export interface GuestRun {
  readonly exitCode: number;
  /** What it wrote to its standard output, base64. */
  readonly output: string;
}

export type GuestStart =
  | { readonly kind: "started"; readonly pid: number }
  /** A word of the script's. */
  | { readonly kind: "failed"; readonly because: string };

/** Times are the guest's. */
export interface GuestProgram {
  readonly pid: number;
  readonly user: string;
  readonly commandLine: string;
  readonly startedAtMs: number;
  readonly end?: { readonly atMs: number; readonly exitCode: number };
}

/** A file system in the guest. */
export interface GuestDisk {
  readonly path: string;
  readonly type: string;
  readonly capacityBytes: number;
  readonly freeBytes: number;
}

/** Addresses are bytes. */
export interface MemoryMapping {
  /** In the guest's "physical" memory. */
  readonly guestStart: number;
  readonly bytes: number;
  readonly kind: "ram" | "rom";
  /** QEMU's name for what is behind it: "pc.ram", "pc.bios" … */
  readonly region: string;
  /** In the memory of the monitor's process. */
  readonly hostStart: number;
}

/** Pages one after another in all three: for the guest, for its monitor and in the machine. Addresses are bytes. */
export interface PageRun {
  readonly guestStart: number;
  readonly hostStart: number;
  readonly bytes: number;
  /** As in {@link MemoryMapping}. */
  readonly region: string;
  readonly machine: { readonly kind: "at"; readonly start: number } | { readonly kind: "untouched" } | { readonly kind: "swapped" };
}

/** A virtual CPU. */
export interface GuestProcessor {
  readonly socket: number;
  readonly core: number;
  readonly thread: number;
  /** Whether its guest can mark memory as not to be run. */
  readonly nx: boolean;
}

/** What is really there: the raw material of evidence. */
export interface MonitorInspection {
  readonly description: MonitorDescription;
  /** Every process in the VM's cgroup (by uid where there is no cgroup), the monitor last. */
  readonly pids: readonly number[];
  readonly machine: MachineSpec;
  /** What of the machine's memory is promised to it; absent while nobody has said anything of it. */
  readonly allocation?: MemoryAllocation;
  /** What its guest's driver says that it is without. */
  readonly balloonedBytes: number;
  /** Whether it is never to run on a core's thread while another VM is on another of that core: by its htSharing, or the host's options. */
  readonly isToBeApart: boolean;
  /** As the guest is shown them. */
  readonly processors: readonly GuestProcessor[];
  /** Answers of the running QEMU to query-hotpluggable-cpus, query-pci, query-block, query-chardev, query-vnc-servers, and the qdev tree, as it gave them. */
  readonly qmp: {
    readonly processors: unknown;
    readonly pci: unknown;
    readonly block: unknown;
    readonly chardev: unknown;
    readonly vnc: unknown;
    readonly qtree: string;
  };
}
