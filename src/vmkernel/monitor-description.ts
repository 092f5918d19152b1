/** What a running monitor is, as hostd and the evidence are told. Types only. */
import type { DatastorePath, VmId } from "../base/index.ts";
import type { MergedMemory } from "../system/index.ts";
import type { GuestState } from "./guest-state.ts";
import type { MachineSpec, MemoryHotAdd } from "./machine.ts";
import type { MemoryAllocation } from "./resources/index.ts";

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

/** Why a guest stands still that was not asked to: its datastore has no room for what it writes. */
export interface Halt {
  /** Keys of the disks. */
  readonly disks: readonly number[];
  /** Tells this halt from a later one of the same VM. */
  readonly sinceMs: number;
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

/** A virtual CPU. */
export interface GuestProcessor {
  readonly socket: number;
  readonly core: number;
  readonly thread: number;
  /** Whether its guest can mark memory as not to be run. */
  readonly nx: boolean;
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

/** Who shares equal pages of memory, and what comes of it. */
export interface SharingDescription {
  /** Of the whole machine: programs beside the VMs may share, too. */
  readonly ofMachine: MergedMemory;
  /** Of each VM that runs: with whom it shares, and how much of its memory is kept once for several; absent and 0 for one that shares with nobody. */
  readonly vms: readonly { readonly vm: VmId; readonly group?: string; readonly sharedBytes: number }[];
}
