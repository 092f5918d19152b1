/** What the machine and its monitors have used, as hostd is told. Types only. */
import type { VmId } from "../base/index.ts";
import type { MachineLoad } from "../system/index.ts";
import type { MemoryState } from "./resources/index.ts";

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
