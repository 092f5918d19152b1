/**
 * Virtual processors and memory: what a VM may ask of this host. Pure.
 * Source: vim25 AlreadyUpgraded, NotEnoughCpus, NumVirtualCpusNotSupported, NumVirtualCoresPerSocketNotSupported, MemorySizeNotSupported.
 */
import type { HostDescription } from "../../vmkernel/index.ts";
import { fault, type ResourceAllocationInfo, type VirtualMachineConfigSpec, type Vmx, type VmxChanges } from "../../wire/index.ts";
import { type Fields, invalidArgument, readField, readFields, writeFields } from "./fields.ts";
import { HARDWARE_VERSION, MEMORY_MIB, VCPUS_MAX } from "./limits.ts";
import { identityFields, optionFields } from "./settings.ts";
import { cpuFields, defaultAllocation, memoryFields } from "./shares.ts";

const INT_MAX = 2 ** 31 - 1; // the fault says it in an xsd:int; a client may ask for more than that

export type HostSize = Pick<HostDescription, "hostName" | "memoryBytes" | "cpu">;

const HOST_REF = { type: "HostSystem", value: "ha-host" };

export function vcpusOf(vmx: Vmx): number {
  return readField(identityFields.numCPUs, vmx) ?? 1;
}

export function coresPerSocketOf(vmx: Vmx): number {
  return readField(identityFields.numCoresPerSocket, vmx) ?? 1;
}

export function memoryMibOf(vmx: Vmx): number {
  return readField(identityFields.memoryMB, vmx) ?? 0;
}

/** Checks what the spec says of size and version, against the host and against what the VM has already. */
export function checkSize(spec: VirtualMachineConfigSpec, vmx: Vmx, host: HostSize): void {
  const { numCPUs, memoryMB, version } = spec;
  const vcpus = numCPUs ?? vcpusOf(vmx);
  if (numCPUs !== undefined) checkVcpus(numCPUs, host);
  if (memoryMB !== undefined) checkMemory(memoryMB, host);
  const cores =
    spec.numCoresPerSocket === undefined || spec.numCoresPerSocket === 0 ? coresPerSocketAfter(spec, vmx) : spec.numCoresPerSocket;
  const changes = numCPUs !== undefined || spec.numCoresPerSocket !== undefined;
  if (changes && (cores < 1 || cores > vcpus || vcpus % cores !== 0)) {
    const message = `${vcpus} virtual CPUs do not divide into sockets of ${cores} cores.`;
    throw fault("NumVirtualCoresPerSocketNotSupported", message, { maxSupportedCoresPerSocketDest: vcpus, numCoresPerSocketVm: cores });
  }
  if (version !== undefined) checkVersion(version, host);
}

/** 0 means that the host chooses: one core a socket. */
export function writeCoresPerSocket({ numCoresPerSocket }: VirtualMachineConfigSpec): VmxChanges {
  if (numCoresPerSocket === undefined) return {};
  return { "cpuid.coresPerSocket": numCoresPerSocket === 0 ? undefined : String(numCoresPerSocket) };
}

/** Whether all of its memory is reserved, however much that is. */
const isLocked = (vmx: Vmx): boolean => readField(optionFields.memoryReservationLockedToMax, vmx) === true;

/**
 * What goes with memoryReservationLockedToMax: all of the memory is reserved, also after it has grown, whatever a client sends beside it.
 * @param vmx as it is to be. @throws {Fault} InvalidArgument for a limit below that
 */
export function writeLockedReservation(vmx: Vmx): VmxChanges {
  if (!isLocked(vmx)) return {};
  const memoryMib = memoryMibOf(vmx);
  const limit = readFields(memoryFields(memoryMib), vmx).limit ?? -1;
  if (limit !== -1 && limit < memoryMib)
    throw invalidArgument("configSpec.memoryAllocation.limit", "it is below the reservation, which is locked to the VM's memory");
  return { "sched.mem.min": String(memoryMib), "sched.mem.minSize": String(memoryMib) };
}

/** Reservations, limits and shares; `vmx` has the new size already. */
export function writeAllocations({ cpuAllocation, memoryAllocation }: VirtualMachineConfigSpec, vmx: Vmx): VmxChanges {
  const memoryMib = memoryMibOf(vmx);
  const memory =
    memoryAllocation === undefined ? {} : writeAllocation(memoryFields(memoryMib), memoryAllocation, vmx, "configSpec.memoryAllocation");
  if ((memoryAllocation?.reservation ?? 0) > memoryMib)
    throw invalidArgument("configSpec.memoryAllocation.reservation", "it is over the VM's memory");
  const cpu = cpuAllocation === undefined ? {} : writeAllocation(cpuFields(vcpusOf(vmx)), cpuAllocation, vmx, "configSpec.cpuAllocation");
  return {
    ...cpu,
    ...(cpuAllocation !== undefined && { "sched.cpu.units": "mhz" }),
    ...memory,
    ...(memory["sched.mem.min"] !== undefined && { "sched.mem.minSize": memory["sched.mem.min"] }),
  };
}

/** Reservations, limits and shares as they are, defaults where nothing is said. */
export function readAllocations(vmx: Vmx): Required<Pick<VirtualMachineConfigSpec, "cpuAllocation" | "memoryAllocation">> {
  const cpu = cpuFields(vcpusOf(vmx));
  const memory = memoryFields(memoryMibOf(vmx));
  return {
    cpuAllocation: { ...defaultAllocation(cpu), ...readFields(cpu, vmx) },
    memoryAllocation: {
      ...defaultAllocation(memory),
      ...readFields(memory, vmx),
      ...(isLocked(vmx) && { reservation: memoryMibOf(vmx) }), // a .vmx that was written elsewhere may say another number beside it
    },
  };
}

function writeAllocation(fields: Fields<ResourceAllocationInfo>, allocation: ResourceAllocationInfo, vmx: Vmx, at: string): VmxChanges {
  const changes = writeFields(fields, allocation, at);
  const { reservation = 0, limit = -1 } = { ...readFields(fields, vmx), ...allocation };
  if (limit !== -1 && limit < reservation) throw invalidArgument(`${at}.limit`, "it is below the reservation");
  return changes;
}

function coresPerSocketAfter({ numCoresPerSocket }: VirtualMachineConfigSpec, vmx: Vmx): number {
  return numCoresPerSocket === 0 ? 1 : coresPerSocketOf(vmx);
}

function checkVcpus(vcpus: number, host: HostSize): void {
  if (vcpus < 1 || vcpus > VCPUS_MAX) {
    const message = `${vcpus} virtual CPUs are not supported: 1 to ${VCPUS_MAX} are.`;
    throw fault("NumVirtualCpusNotSupported", message, { maxSupportedVcpusDest: VCPUS_MAX, numCpuVm: vcpus });
  }
  const { threads } = host.cpu;
  if (vcpus > threads) {
    throw fault("NotEnoughCpus", `The host has ${threads} logical CPUs, fewer than the ${vcpus} that are asked for.`, {
      numCpuDest: threads,
      numCpuVm: vcpus,
    });
  }
}

/** The most that one VM can have. */
export function memoryMaxMib({ memoryBytes }: Pick<HostSize, "memoryBytes">): number {
  return Math.trunc(memoryBytes / 1024 ** 2 / MEMORY_MIB.step) * MEMORY_MIB.step;
}

function checkMemory(memoryMib: number, host: HostSize): void {
  const maxMemorySizeMB = memoryMaxMib(host);
  if (memoryMib >= MEMORY_MIB.min && memoryMib <= maxMemorySizeMB && memoryMib % MEMORY_MIB.step === 0) return;
  const message = `${memoryMib} MB of memory are not supported: multiples of ${MEMORY_MIB.step} MB up to ${maxMemorySizeMB} MB are.`;
  throw fault("MemorySizeNotSupported", message, {
    memorySizeMB: Math.min(memoryMib, INT_MAX),
    minMemorySizeMB: MEMORY_MIB.min,
    maxMemorySizeMB,
  });
}

/** A VM's hardware is raised and never lowered: its guest has met the newer one. */
export function refuseLowerVersion({ version }: VirtualMachineConfigSpec, vmx: Vmx): void {
  const current = readField(identityFields.version, vmx);
  if (version !== undefined && current !== undefined && version < current)
    throw invalidArgument("configSpec.version", `the VM has ${current} already`);
}

/**
 * The key that raises a VM's hardware; what its guest finds then is decided at its next start.
 * @param wanted "vmx-19"; the newest where it is left out
 * @throws {Fault} AlreadyUpgraded when the VM has it, NotSupported when this host does not
 */
export function planUpgrade(vmx: Vmx, wanted: string = `vmx-${HARDWARE_VERSION.max}`): VmxChanges {
  const written = identityFields.version?.codec.write(wanted);
  if (written === undefined) throw fault("NotSupported", `Virtual hardware ${wanted} is not supported on this host.`, {});
  const current = readField(identityFields.version, vmx);
  if (current !== undefined && wanted <= current) throw fault("AlreadyUpgraded", `The virtual machine has ${current} already.`, {});
  return { "virtualHW.version": written };
}

function checkVersion(version: string, { hostName }: HostSize): void {
  if (identityFields.version?.codec.write(version) !== undefined) return;
  const message = `Virtual hardware ${version} is not supported: vmx-${String(HARDWARE_VERSION.min).padStart(2, "0")} to vmx-${HARDWARE_VERSION.max} are.`;
  throw fault("VirtualHardwareVersionNotSupported", message, { hostName, host: HOST_REF });
}
