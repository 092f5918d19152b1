/**
 * From a VM's .vmx to the machine that vmkernel is to run. Pure.
 * What the .vmx promises and this host can't keep is refused here, by name: nothing runs weaker than it is shown.
 */
import { type DatastorePath, folderOf, formatDatastorePath, inFolder, type VmId } from "../../base/index.ts";
import type { DeviceSpec, MachineSpec } from "../../vmkernel/index.ts";
import { fault, readVmx, type VirtualDevice, type VirtualEthernetCard, type Vmx } from "../../wire/index.ts";
import { bootKeys } from "./boot-order.ts";
import { type HostSize, memoryMaxMib } from "./compute.ts";
import { cpuMaskOf } from "./cpu-mask.ts";
import { deviceNotSupported, familyOf, readDevices } from "./devices/index.ts";
import { fileOf } from "./devices/serial.ts";
import { type Field, flag, readField, readFields } from "./fields.ts";
import { biosUuidOf, displayNameOf } from "./identity.ts";
import { NAME_LENGTH_MAX, PORTS, VCPUS_MAX } from "./limits.ts";
import { isForeignMac, refuseManualMac } from "./mac-address.ts";
import { readFirewall } from "./nic-firewall.ts";
import { refuseNicPromises } from "./nic-promises.ts";
import { baseNameOf, type VmPlace } from "./place.ts";
import { bootFields, defaultBoot, defaultLog, flagFields, identityFields, latencyField, logFields, optionFields } from "./settings.ts";

export interface MachineQuestion extends VmPlace {
  readonly vm: VmId;
  /** The memory of a suspended guest. */
  readonly resumeFrom?: DatastorePath;
  /** What there is to grow into, where the .vmx lets the VM grow; without it, it can't. */
  readonly host?: HostSize;
  /** Whether a device has its cable or medium; as at power-on where it is left out. */
  readonly isConnected?: (device: VirtualDevice) => boolean;
}

/** In the .vmx of a suspended VM: the memory that its guest was given while it ran, module by module, in MB. Our own key. */
export const MEMORY_ADDED_KEY = "checkpoint.memoryAdded";
/** How many times its memory a VM can grow to, as on VMware's hosts. */
const MEMORY_GROWTH_MAX = 16;

/** Promises of a .vmx that would not be kept. */
const NOT_KEPT: readonly { readonly key: string; readonly isPromised: (value: string) => boolean; readonly name: string }[] = [
  { key: "bios.forceSetupOnce", isPromised: isTrue, name: "Entering the firmware's setup" },
  { key: "uefi.secureBoot.enabled", isPromised: isTrue, name: "UEFI secure boot" },
  { key: "vhv.enable", isPromised: isTrue, name: "Nested virtualization" },
  { key: "numa.nodeAffinity", isPromised: (value) => !["", "all"].includes(value.toLowerCase()), name: "Memory of chosen NUMA nodes" },
  { key: "sched.swap.placement", isPromised: (value) => value.toLowerCase() === "vmdirectory", name: "Swap in the VM's folder" },
  { key: "sev.enable", isPromised: isTrue, name: "AMD SEV" },
  { key: "sgx.epcSize", isPromised: (value) => value !== "" && value !== "0", name: "Intel SGX" },
  { key: "encryption.keySafe", isPromised: (value) => value !== "", name: "Encryption" },
];

/** @throws {Fault} InvalidVmConfig, DeviceNotSupported, FileNotFound …, which names the key, the device or the file */
export function machineSpecOf(vmx: Vmx, { vm, resumeFrom, host, isConnected, ...place }: MachineQuestion): MachineSpec {
  refusePromises(vmx, place);
  const devices = readDevices(vmx, { ...place, disks: new Map() }).map((device) => connect(device, isConnected));
  const specs = devices.flatMap((device) => familyOf(device).toMachine(device, place) ?? []).map((spec) => withFirewall(spec, vmx));
  refuseReservedMacs(vmx, devices);
  refuseNicPromises(vmx, devices);
  refuseSharedDisks(specs);
  const instanceUuid = readField(identityFields.instanceUuid, vmx);
  const memoryMiB = required(identityFields.memoryMB, vmx, place);
  const vcpus = required(identityFields.numCPUs, vmx, place, 1);
  const coresPerSocket = required(identityFields.numCoresPerSocket, vmx, place, 1);
  const cpuMask = cpuMaskOf(vmx);
  return {
    vm,
    name: displayNameOf(vmx, place)
      .replace(/\p{Cc}/gu, " ")
      .slice(0, NAME_LENGTH_MAX),
    home: folderOf(place.vmxPath),
    biosUuid: biosUuidOf(vmx, place),
    ...(instanceUuid !== undefined && { instanceUuid }),
    memoryMiB,
    vcpus,
    coresPerSocket,
    ...(host !== undefined && roomToGrow(vmx, { memoryMiB, vcpus, coresPerSocket, isResumed: resumeFrom !== undefined }, host)),
    firmware:
      required(identityFields.firmware, vmx, place, "bios") === "efi" ? { kind: "efi", nvram: efiVariablesOf(place) } : { kind: "bios" },
    bootOrder: bootKeys(vmx, devices),
    ...bootWaits(vmx, place),
    ...latencyOf(vmx),
    ...(cpuMask.length > 0 && { cpuMask }),
    devices: specs,
    ...logOf(vmx),
    ...(resumeFrom !== undefined && { resumeFrom }),
  };
}

function withFirewall(spec: DeviceSpec, vmx: Vmx): DeviceSpec {
  const firewall = spec.kind === "nic" ? readFirewall(vmx, spec.key - PORTS.ethernet.key) : undefined;
  return spec.kind === "nic" && firewall !== undefined ? { ...spec, firewall } : spec;
}

/** How long the firmware waits before it boots, and before it tries again when nothing did. */
function bootWaits(vmx: Vmx, place: VmPlace): Pick<MachineSpec, "bootDelayMs" | "bootRetryMs"> {
  const bootDelayMs = required(bootFields.bootDelay, vmx, place, 0);
  const isRetried = readField(bootFields.bootRetryEnabled, vmx) === true;
  return {
    ...(bootDelayMs > 0 && { bootDelayMs }),
    ...(isRetried && { bootRetryMs: required(bootFields.bootRetryDelay, vmx, place, defaultBoot.bootRetryDelay) }),
  };
}

function logOf(vmx: Vmx): Pick<MachineSpec, "log"> {
  if (readField(flagFields.enableLogging, vmx) === false) return {};
  return { log: { ...defaultLog, ...readFields<typeof defaultLog>(logFields, vmx) } };
}

function latencyOf(vmx: Vmx): Pick<MachineSpec, "latency"> {
  const latency = readField(latencyField, vmx);
  return latency === "low" || latency === "medium" || latency === "high" ? { latency } : {};
}

function connect(device: VirtualDevice, isConnected: MachineQuestion["isConnected"]): VirtualDevice {
  const { connectable } = device;
  if (connectable === undefined || isConnected === undefined) return device;
  return { ...device, connectable: { ...connectable, startConnected: isConnected(device) } };
}

interface Size extends Pick<MachineSpec, "memoryMiB" | "vcpus" | "coresPerSocket"> {
  readonly isResumed: boolean;
}

/** Up to what the VM can grow while it runs: its host's processors, and sixteen times its memory where the host has that. */
function roomToGrow(
  vmx: Vmx,
  { memoryMiB, vcpus, coresPerSocket, isResumed }: Size,
  host: HostSize,
): Pick<MachineSpec, "vcpusMax" | "memoryHotAdd"> {
  const sockets = Math.trunc(Math.min(host.cpu.threads, VCPUS_MAX) / Math.max(1, coresPerSocket));
  const addedMiB = isResumed ? readAdded(readVmx(vmx, MEMORY_ADDED_KEY) ?? "") : [];
  const bootMiB = memoryMiB - addedMiB.reduce((sum, sizeMiB) => sum + sizeMiB, 0);
  const maxMiB = Math.max(memoryMiB, Math.min(bootMiB * MEMORY_GROWTH_MAX, memoryMaxMib(host)));
  return {
    ...(readField(optionFields.cpuHotAddEnabled, vmx) === true && { vcpusMax: Math.max(vcpus, sockets * coresPerSocket) }),
    ...(readField(optionFields.memoryHotAddEnabled, vmx) === true && { memoryHotAdd: { maxMiB, addedMiB } }),
  };
}

function readAdded(text: string): number[] {
  return /^\d{1,7}(,\d{1,7}){0,63}$/.test(text) ? text.split(",").map(Number) : [];
}

/**
 * Where the VM's EFI variables are. The .nvram that the .vmx names is in VMware's own form, which our firmware can't read and must
 * not overwrite, so that the folder can be carried back.
 */
export function efiVariablesOf(place: Pick<VmPlace, "vmxPath">): DatastorePath {
  return inFolder(folderOf(place.vmxPath), `${baseNameOf(place)}.efivars`);
}

/** The files that a VM's serial ports write to, where they lie in datastores of this host. */
export function serialFilesOf(vmx: Vmx, vmxPath: DatastorePath, datastores: VmPlace["datastores"]): DatastorePath[] {
  const devices = readDevices(vmx, { vmxPath, datastores, disks: new Map() });
  return devices.flatMap((device) => (device.$type === "VirtualSerialPort" ? (fileOf(device) ?? []) : []));
}

function required<T>(field: Field<T> | undefined, vmx: Vmx, { vmxPath }: VmPlace, otherwise?: T): T {
  const key = field?.key ?? "";
  const value = readVmx(vmx, key) === undefined ? otherwise : readField(field, vmx);
  if (value !== undefined) return value;
  throw fault("InvalidVmConfig", `${formatDatastorePath(vmxPath)} has no proper ${key}.`, { property: key });
}

function refusePromises(vmx: Vmx, { vmxPath }: VmPlace): void {
  for (const { key, isPromised, name } of NOT_KEPT) {
    if (!isPromised(readVmx(vmx, key) ?? "")) continue;
    throw fault("InvalidVmConfig", `${formatDatastorePath(vmxPath)} asks for what this host does not offer: ${name} (${key}).`, {
      property: key,
    });
  }
}

/** A hand-written .vmx can name one disk twice: two writers of one file. */
function refuseSharedDisks(specs: readonly DeviceSpec[]): void {
  const seen = new Set<string>();
  for (const spec of specs) {
    if (spec.kind !== "disk") continue;
    const file = formatDatastorePath(spec.descriptor);
    if (seen.has(file)) throw fault("FileLocked", `The VM has the disk ${file} twice.`, { file });
    seen.add(file);
  }
}

/** An address that somebody chose is one of VMware's for that, unless the .vmx says that it is meant. */
function refuseReservedMacs(vmx: Vmx, devices: readonly VirtualDevice[]): void {
  for (const device of devices) {
    const { addressType, macAddress = "", key } = device as VirtualEthernetCard;
    if (addressType !== "manual" || flag.read(readVmx(vmx, `ethernet${key - PORTS.ethernet.key}.checkMACAddress`) ?? "") === false)
      continue;
    if (!isForeignMac(macAddress) && refuseManualMac(macAddress) === undefined) continue;
    throw deviceNotSupported(device, `${macAddress} is not an address to be chosen`);
  }
}

function isTrue(value: string): boolean {
  return flag.read(value) === true;
}
