/**
 * The typed requests that hostd, the CLI and evidence may put to vmkernel, and what they get back.
 * One JSON text a line over a unix socket (`/run/bulkhead/vmkernel.sock`): {id, request} → {id, progress}… then {id, result} | {id, fault};
 * {cancel: id} asks for the end of a request; {event} comes unasked. A request whose connection ends is cancelled.
 * vmkernel knows its peer by SO_PEERCRED and checks every argument again: what is here is data, not trust.
 */
import type { DatastorePath, VmId } from "../base/index.ts";
import type { ClockDiscipline, Connection, Machine } from "../system/index.ts";
import type { KeyStroke } from "../wire/index.ts";
import type { HostFirewallConfig, HostFirewallState } from "./firewall/index.ts";
import type { GuestProgram, GuestRun, GuestStart, GuestState } from "./guest-state.ts";
import type { GuestVariable } from "./guest-variables.ts";
import type { HostDescription, LogChunk, LogName } from "./host-description.ts";
import type { LoadSample } from "./load-sample.ts";
import type { MachineSpec } from "./machine.ts";
import type { Halt, MemoryMapping, MonitorDescription, MonitorInspection, PageRun, SharingDescription } from "./monitor-description.ts";
import type { NetworkConfig } from "./network/config.ts";
import type { NetworkDescription } from "./network/description.ts";
import type { HostNeighbour } from "./network/host-neighbours.ts";
import type { NetworkState } from "./network/plan-network.ts";
import type { ResourceConfig } from "./resources/index.ts";
import type { ServiceDescription, ServiceKey } from "./services/index.ts";
import type { DatastoreDescription, DiskChange, DiskCopy, DiskDescription, FolderEntry, Moved, NewDisk } from "./storage-description.ts";
import type { GuestLogin } from "./vmm/index.ts";

export type { Connection, Machine } from "../system/index.ts";
export type * from "./guest-state.ts";
export type * from "./host-description.ts";
export type * from "./load-sample.ts";
export type * from "./monitor-description.ts";
export type { MemoryState } from "./resources/index.ts";
export type * from "./storage-description.ts";
export type { GuestLogin } from "./vmm/index.ts";

export type VmkernelRequest =
  | { readonly kind: "describeHost" }
  /** Its devices and its own network, as they are now. */
  | { readonly kind: "describeMachine" }
  /** TCP and UDP of the machine itself, and which process has each. */
  | { readonly kind: "listConnections" }
  /** On the networks of the host's own interfaces. */
  | { readonly kind: "listHostNeighbours" }
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
  | { readonly kind: "describeSharing" }
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
  listHostNeighbours: readonly HostNeighbour[];
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
  describeSharing: SharingDescription;
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
