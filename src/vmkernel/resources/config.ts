/**
 * What hostd tells vmkernel of resource pools: the whole tree, and where each VM stands in it. Data only.
 * Paper «Resource Provisioning, Shares, and Limits»; vim25 ResourceConfigSpec.
 */
import type { VmId } from "../../base/index.ts";

/** vim25 flags.htSharing: with what a VM shares the threads of a core. "any" is said by saying nothing. */
export type HtSharing = "internal" | "none";

/**
 * What VMs of a host may share of a core: "any" thread; at one time the threads of "oneVm" (ESXi's side-channel-aware scheduler v2);
 * "oneThread" of each core alone (v1).
 */
export type CoreSharing = "any" | "oneVm" | "oneThread";

/** Of the processors' time. */
export interface CpuAllocation {
  readonly reservationMhz: number;
  /** Absent where there is no limit. */
  readonly limitMhz?: number;
  /** 1 or more. */
  readonly shares: number;
}

/** Of the machine's memory. */
export interface MemoryAllocation {
  readonly reservationMiB: number;
  /** Absent where there is no limit. */
  readonly limitMiB?: number;
  /** 1 or more. */
  readonly shares: number;
}

export interface PoolConfig {
  readonly id: number;
  /** Absent for a pool directly beneath the host's root pool. Named before it is a parent: parents come first. */
  readonly parent?: number;
  readonly cpu: CpuAllocation;
  readonly memory: MemoryAllocation;
}

export interface VmAllocation {
  readonly vm: VmId;
  /** Absent for a VM directly in the host's root pool. */
  readonly pool?: number;
  readonly vcpus: number;
  readonly cpu: CpuAllocation;
  readonly memory: MemoryAllocation;
  /** Numbers of the processors that it may run on; absent where it may on all. */
  readonly affinity?: readonly number[];
  readonly htSharing?: HtSharing;
  /** The most that its balloon may take; absent: what {@link MemoryRules.balloonPercentMax} says. */
  readonly balloonMiBMax?: number;
}

export interface ResourceConfig {
  readonly pools: readonly PoolConfig[];
  /** All registered VMs, whether or not they run. */
  readonly vms: readonly VmAllocation[];
  /** Pages a second that are scanned of each VM that shares memory; with 0 all have their own again. */
  readonly sharedPagesPerSecond: number;
  readonly memory: MemoryRules;
  /** Absent: "any". */
  readonly coreSharing?: CoreSharing;
}

/** By which rules memory is taken back: advanced settings of the host. */
export interface MemoryRules {
  /** Mem.CtlMaxPercent: of a guest's memory, the most that the balloon takes. */
  readonly balloonPercentMax: number;
  /** Mem.IdleTax: 0–99. An idle page costs a guest as much as 1 ÷ (1 − tax) that it uses. */
  readonly idleTaxPercent: number;
  /** Mem.MemMinFreePct: what of the machine's memory is to be free; 0 is automatic. */
  readonly minFreePercent: number;
  /** Mem.MemZipMaxPct where Mem.MemZipEnable is set: of the machine's memory, the most that holds what is compressed; else 0. */
  readonly compressedPercentMax: number;
  /** Mem.MemEagerZero: a guest's memory is overwritten before it goes back to the kernel. */
  readonly wipesOnRelease: boolean;
}

/** Before hostd has said anything: all VMs are equal. */
export const NO_POOLS: ResourceConfig = {
  ...{ pools: [], vms: [], sharedPagesPerSecond: 0 },
  memory: { balloonPercentMax: 65, idleTaxPercent: 75, minFreePercent: 0, compressedPercentMax: 10, wipesOnRelease: false },
};
