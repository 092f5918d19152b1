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

export interface PoolConfig {
  readonly id: number;
  /** Absent for a pool directly beneath the host's root pool. Named before it is a parent: parents come first. */
  readonly parent?: number;
  readonly cpu: CpuAllocation;
}

export interface VmAllocation {
  readonly vm: VmId;
  /** Absent for a VM directly in the host's root pool. */
  readonly pool?: number;
  readonly vcpus: number;
  readonly cpu: CpuAllocation;
  /** Numbers of the processors that it may run on; absent where it may on all. */
  readonly affinity?: readonly number[];
  readonly htSharing?: HtSharing;
}

export interface ResourceConfig {
  readonly pools: readonly PoolConfig[];
  /** All registered VMs, whether or not they run. */
  readonly vms: readonly VmAllocation[];
  /** Pages a second that are scanned of each VM that shares memory; with 0 all have their own again. */
  readonly sharedPagesPerSecond: number;
  /** Absent: "any". */
  readonly coreSharing?: CoreSharing;
}

/** Before hostd has said anything: all VMs are equal. */
export const NO_POOLS: ResourceConfig = { pools: [], vms: [], sharedPagesPerSecond: 0 };
