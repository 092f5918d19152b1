/** What a VM is guaranteed, and what vmkernel is told of it. Pure. Source: vim25 ResourceAllocationInfo, MemoryLimitTooLow. */
import type { CoreSharing, CpuAllocation, ResourceConfig, VmAllocation } from "../../vmkernel/index.ts";
import { fault, type ResourceAllocationInfo, type VirtualMachineConfigInfo } from "../../wire/index.ts";
import type { Vm } from "../vm.ts";
import { type Consumer, type Pool, type PoolTree, ROOT_ID } from "./pool-tree.ts";

/** What a monitor needs beside its guest's memory, measured under TCG with one virtual CPU, and for each virtual CPU more. */
const OVERHEAD_MB = 97;
const OVERHEAD_PER_VCPU_MB = 8;
/** What the machine itself keeps. */
const SYSTEM_MB = 512;

export interface RunningConsumer extends Consumer {
  readonly vm: Vm;
  /** Guest and monitor together, at most. */
  readonly usableMb: number;
}

/** @param config of the VM as it is, or as it would be */
export function consumerOf(vm: Vm, pool: number, config = configOf(vm)): RunningConsumer {
  const overheadMb = overheadOf(config);
  return {
    ...{ vm, pool, cpuMhz: config?.cpuAllocation?.reservation ?? 0 },
    memoryMb: (config?.memoryAllocation?.reservation ?? 0) + overheadMb,
    usableMb: (config?.hardware.memoryMB ?? 0) + overheadMb,
  };
}

/** What of a VM's configuration says what it is guaranteed. */
export interface Sized extends Pick<VirtualMachineConfigInfo, "name" | "cpuAllocation" | "memoryAllocation" | "cpuAffinity"> {
  readonly hardware: Pick<VirtualMachineConfigInfo["hardware"], "numCPU" | "memoryMB">;
  readonly flags?: VirtualMachineConfigInfo["flags"];
}

/**
 * Nothing of a running guest is taken back to give it to another (there is no swap file and no balloon on this host), so what guests
 * can use together has to be there; and a guest's own limit has to leave room for all of its memory.
 * @throws {Fault} InsufficientHostMemoryCapacityFault, InvalidState, which names the limit
 */
export function refuseUnkeepable(
  { name, hardware: { memoryMB }, memoryAllocation }: Sized,
  requested: number,
  { others, capacity }: { readonly others: readonly RunningConsumer[]; readonly capacity: PoolTree["capacity"] },
): void {
  const limit = memoryAllocation?.limit ?? -1;
  if (limit !== -1 && limit < memoryMB) throw fault("InvalidState", limitBelowMemory(name, limit, memoryMB), {});
  const used = others.reduce((sum, { usableMb }) => sum + usableMb, SYSTEM_MB);
  const unreserved = Math.max(0, capacity.memoryMb - used);
  if (requested <= unreserved) return;
  const message = `The host does not have enough memory for ${name}: it needs ${requested} MB, and ${unreserved} MB are left.`;
  throw fault("InsufficientHostMemoryCapacityFault", message, { unreserved: unreserved * 2 ** 20, requested: requested * 2 ** 20 });
}

interface Told {
  readonly pools: readonly Pool[];
  readonly vms: readonly Vm[];
  readonly poolOf: (vm: Vm) => number;
  readonly sharedPagesPerSecond: number;
  readonly coreSharing: CoreSharing;
}

export function toVmkernel({ pools, vms, poolOf, sharedPagesPerSecond, coreSharing }: Told): ResourceConfig {
  return {
    sharedPagesPerSecond,
    ...(coreSharing !== "any" && { coreSharing }),
    pools: parentsFirst(pools, ROOT_ID).map(({ id, parent, cpu }) => ({
      id,
      ...(parent !== ROOT_ID && { parent }),
      cpu: cpuOf({ ...cpu }),
    })),
    vms: vms.flatMap((vm) => allocationOf(vm, poolOf(vm))),
  };
}

function parentsFirst(pools: readonly Pool[], parent: number): readonly Pool[] {
  return pools.filter((pool) => pool.parent === parent).flatMap((pool) => [pool, ...parentsFirst(pools, pool.id)]);
}

function allocationOf(vm: Vm, pool: number): VmAllocation[] {
  const config = configOf(vm);
  if (config?.cpuAllocation === undefined) return [];
  return [
    {
      vm: vm.id,
      vcpus: config.hardware.numCPU,
      cpu: cpuOf(config.cpuAllocation),
      ...(pool !== ROOT_ID && { pool }),
      ...affinityOf(config),
      ...htSharingOf(config),
    },
  ];
}

function affinityOf({ cpuAffinity }: Sized): Pick<VmAllocation, "affinity"> {
  const set = cpuAffinity?.affinitySet ?? [];
  return set.length === 0 ? {} : { affinity: set };
}

function htSharingOf({ flags }: Sized): Pick<VmAllocation, "htSharing"> {
  const htSharing = flags?.htSharing;
  return htSharing === "internal" || htSharing === "none" ? { htSharing } : {};
}

/** ESXi's side-channel-aware scheduler: off, or version 1 or 2 of it. */
export function coreSharingOf(options: {
  get(key: "VMkernel.Boot.hyperthreadingMitigation" | `${typeof MITIGATION}IntraVM`): number;
}): CoreSharing {
  if (options.get(MITIGATION) === 0) return "any";
  return options.get(`${MITIGATION}IntraVM`) === 1 ? "oneThread" : "oneVm";
}
const MITIGATION = "VMkernel.Boot.hyperthreadingMitigation";

function cpuOf({ reservation = 0, limit = -1, shares }: ResourceAllocationInfo): CpuAllocation {
  return { reservationMhz: reservation, shares: shares?.shares ?? 1, ...(limit !== -1 && { limitMhz: limit }) };
}

/** The trap that the paper describes: a limit that was left behind when the memory was raised. */
function limitBelowMemory(name: string, limit: number, memoryMb: number): string {
  return `The memory limit of ${name}, ${limit} MB, is below its memory, ${memoryMb} MB, and this host has nowhere else to keep the rest: raise the limit, or take it away.`;
}

function configOf(vm: Vm): Sized | undefined {
  return vm.files.kind === "readable" ? vm.files.config : undefined;
}

function overheadOf(config: Sized | undefined): number {
  return OVERHEAD_MB + OVERHEAD_PER_VCPU_MB * (config?.hardware.numCPU ?? 1);
}
