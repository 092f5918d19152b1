/** What a VM is guaranteed, and what vmkernel is told of it. Pure. Source: vim25 ResourceAllocationInfo, MemoryLimitTooLow. */
import type { CoreSharing, CpuAllocation, MemoryAllocation, MemoryRules, ResourceConfig, VmAllocation } from "../../vmkernel/index.ts";
import { fault, type ResourceAllocationInfo, type VirtualMachineConfigInfo } from "../../wire/index.ts";
import type { Vm } from "../vm.ts";
import { readField, reclaimFields } from "../vm-config/index.ts";
import { type Consumer, type Pool, type PoolTree, ROOT_ID } from "./pool-tree.ts";

/** What a monitor needs beside its guest's memory, measured under TCG with one virtual CPU, and for each virtual CPU more. */
const OVERHEAD_MB = 97;
const OVERHEAD_PER_VCPU_MB = 8;
/** What the machine itself keeps. */
const SYSTEM_MB = 512;
/** A host that was given less is beside other work, which keeps the machine's own. */
const SYSTEM_PART_MAX = 0.1;

export interface RunningConsumer extends Consumer {
  readonly vm: Vm;
}

/** @param config of the VM as it is, or as it would be */
export function consumerOf(vm: Vm, pool: number, config = configOf(vm)): RunningConsumer {
  const overheadMb = overheadMbOf(config);
  return {
    ...{ vm, pool, cpuMhz: config?.cpuAllocation?.reservation ?? 0 },
    memoryMb: (config?.memoryAllocation?.reservation ?? 0) + overheadMb,
  };
}

/** What of a VM's configuration says what it is guaranteed. */
export interface Sized extends Pick<VirtualMachineConfigInfo, "name" | "cpuAllocation" | "memoryAllocation" | "cpuAffinity"> {
  readonly hardware: Pick<VirtualMachineConfigInfo["hardware"], "numCPU" | "memoryMB">;
  readonly flags?: VirtualMachineConfigInfo["flags"];
}

/**
 * What is reserved is in the machine's memory whatever comes, so it has to be there beside what the machine itself keeps.
 * @throws {Fault} InsufficientMemoryResourcesFault
 */
export function refuseUnkeepable(
  { name }: Sized,
  own: Pick<RunningConsumer, "memoryMb">,
  { others, capacity }: { readonly others: readonly RunningConsumer[]; readonly capacity: PoolTree["capacity"] },
): void {
  const system = Math.min(SYSTEM_MB, capacity.memoryMb * SYSTEM_PART_MAX);
  const unreserved = Math.max(0, Math.floor(others.reduce((left, { memoryMb }) => left - memoryMb, capacity.memoryMb - system)));
  if (own.memoryMb <= unreserved) return;
  const message = `The host does not have enough memory resources to satisfy the reservation of ${name}: ${own.memoryMb} MB with its monitor, and ${unreserved} MB are left.`;
  const inBytes = { unreserved: unreserved * 2 ** 20, requested: own.memoryMb * 2 ** 20 };
  throw fault("InsufficientMemoryResourcesFault", message, inBytes);
}

/**
 * What is reserved of processors, the VM's own virtual CPUs can use, each on one core: more would be kept from others for nothing.
 * As ESXi with Cpu.VMAdmitCheckPerVcpuMin. @throws {Fault} InsufficientCpuResourcesFault
 */
export function refuseUnusable(
  { name, hardware: { numCPU }, cpuAffinity }: Sized,
  own: Pick<RunningConsumer, "cpuMhz">,
  mhz: number,
): void {
  const bound = new Set(cpuAffinity?.affinitySet).size;
  const usable = mhz * (bound === 0 ? numCPU : Math.min(numCPU, bound));
  if (own.cpuMhz <= usable) return;
  const message = `The virtual CPUs of ${name} can use ${usable} MHz of this host's processors, and ${own.cpuMhz} MHz are reserved for it.`;
  throw fault("InsufficientCpuResourcesFault", message, { unreserved: usable, requested: own.cpuMhz });
}

interface Told {
  readonly pools: readonly Pool[];
  readonly vms: readonly Vm[];
  readonly poolOf: (vm: Vm) => number;
  readonly sharedPagesPerSecond: number;
  readonly memory: MemoryRules;
  readonly coreSharing: CoreSharing;
}

export function toVmkernel({ pools, vms, poolOf, sharedPagesPerSecond, coreSharing, memory: rules }: Told): ResourceConfig {
  return {
    sharedPagesPerSecond,
    memory: rules,
    ...(coreSharing !== "any" && { coreSharing }),
    pools: parentsFirst(pools, ROOT_ID).map(({ id, parent, cpu, memory }) => ({
      id,
      ...(parent !== ROOT_ID && { parent }),
      cpu: cpuOf({ ...cpu }),
      memory: memoryOf({ ...memory }),
    })),
    vms: vms.flatMap((vm) => allocationOf(vm, poolOf(vm))),
  };
}

function parentsFirst(pools: readonly Pool[], parent: number): readonly Pool[] {
  return pools.filter((pool) => pool.parent === parent).flatMap((pool) => [pool, ...parentsFirst(pools, pool.id)]);
}

function allocationOf(vm: Vm, pool: number): VmAllocation[] {
  const config = configOf(vm);
  if (config?.cpuAllocation === undefined || config.memoryAllocation === undefined) return [];
  return [
    {
      vm: vm.id,
      vcpus: config.hardware.numCPU,
      cpu: cpuOf(config.cpuAllocation),
      memory: memoryOf(config.memoryAllocation),
      ...(pool !== ROOT_ID && { pool }),
      ...affinityOf(config),
      ...htSharingOf(config),
      ...balloonOf(vm),
    },
  ];
}

/** Linux numbers no more; a .vmx that came from elsewhere may, and that is no reason to tell vmkernel nothing of all others. */
const PROCESSORS_MAX = 1024;

function affinityOf({ cpuAffinity }: Sized): Pick<VmAllocation, "affinity"> {
  const set = [...new Set(cpuAffinity?.affinitySet)].filter((number) => number < PROCESSORS_MAX);
  return set.length === 0 ? {} : { affinity: set };
}

function htSharingOf({ flags }: Sized): Pick<VmAllocation, "htSharing"> {
  const htSharing = flags?.htSharing;
  return htSharing === "internal" || htSharing === "none" ? { htSharing } : {};
}

/** @returns nothing where the host's own rule is all that there is */
function balloonOf({ files }: Vm): Pick<VmAllocation, "balloonMiBMax"> {
  const most = files.kind === "readable" ? (readField(reclaimFields.balloonMax, files.vmx) ?? -1) : -1;
  return most < 0 ? {} : { balloonMiBMax: most };
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
  return { reservationMhz: reservation, shares: sharesOf(shares), ...(limit !== -1 && { limitMhz: limit }) };
}

function memoryOf({ reservation = 0, limit = -1, shares }: ResourceAllocationInfo): MemoryAllocation {
  return { reservationMiB: reservation, shares: sharesOf(shares), ...(limit !== -1 && { limitMiB: limit }) };
}

/** A VM whose .vmx says nothing of its memory has none for the size of which it would have shares. */
const sharesOf = (info: ResourceAllocationInfo["shares"]): number => Math.max(1, info?.shares ?? 1);

/**
 * The trap that the paper describes: a limit that was left behind when the memory was raised.
 * @returns a sentence for people; undefined where there is no such limit
 */
export function limitBelowMemory({ hardware: { memoryMB }, memoryAllocation }: Omit<Sized, "name">): string | undefined {
  const limit = memoryAllocation?.limit ?? -1;
  if (limit === -1 || limit >= memoryMB) return undefined;
  return `its memory limit, ${limit} MB, is below its memory, ${memoryMB} MB: what its guest uses beyond the limit is ballooned or swapped, however much is free. Raise the limit, or take it away.`;
}

function configOf(vm: Vm): Sized | undefined {
  return vm.files.kind === "readable" ? vm.files.config : undefined;
}

/** What is reserved for its monitor itself. */
export function overheadMbOf(config: Pick<Sized, "hardware"> | undefined): number {
  return OVERHEAD_MB + OVERHEAD_PER_VCPU_MB * (config?.hardware.numCPU ?? 1);
}
