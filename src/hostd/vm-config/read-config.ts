/**
 * A VM's configuration as clients read it, from its .vmx. Pure.
 * Source: vim25 VirtualMachineConfigInfo; what a .vmx leaves out is shown as ESXi shows it.
 */
import { type DatastorePath, folderOf, formatDatastorePath } from "../../base/index.ts";
import { MEMORY_MODULE_STEP_MIB, type MonitorDescription } from "../../vmkernel/index.ts";
import {
  type LatencySensitivity,
  type LatencySensitivitySensitivityLevel,
  readVmx,
  type VirtualDevice,
  type VirtualHardware,
  type VirtualMachineAffinityInfo,
  type VirtualMachineConfigInfo,
  type VirtualMachineConfigInfoDatastoreUrlPair,
  type Vmx,
} from "../../wire/index.ts";
import { readBootOrder } from "./boot-order.ts";
import { coresPerSocketOf, memoryMibOf, readAllocations, vcpusOf } from "./compute.ts";
import { readCpuMask } from "./cpu-mask.ts";
import { type Reading, readDevices } from "./devices/index.ts";
import { readExtraConfig } from "./extra-config.ts";
import { readField, readFields } from "./fields.ts";
import { type GuestOsId, guestFullName, isGuestOsId, OTHER_GUEST } from "./guest-os.ts";
import { biosUuidOf, changeVersionOf, displayNameOf } from "./identity.ts";
import { HARDWARE_VERSION } from "./limits.ts";
import { descriptorOf } from "./new-disks.ts";
import {
  bootFields,
  defaultBoot,
  defaultFlags,
  defaultPowerOps,
  defaultTools,
  flagFields,
  identityFields,
  latencyField,
  optionFields,
  powerOpFields,
  toolsFields,
} from "./settings.ts";

export interface ConfigReading extends Reading {
  /** When the .vmx was written last. */
  readonly modifiedAtMs?: number;
}

export function readConfig(vmx: Vmx, reading: ConfigReading): VirtualMachineConfigInfo {
  const devices = readDevices(vmx, reading);
  const { uuid: _, numCPUs, memoryMB, numCoresPerSocket, name, guestId, version, ...identity } = readFields(identityFields, vmx);
  const id = guestIdOf(guestId);
  const home = formatDatastorePath(folderOf(reading.vmxPath));
  return {
    $type: "VirtualMachineConfigInfo",
    ...defaultOptions,
    ...readFields(optionFields, vmx),
    ...identity,
    changeVersion: changeVersionOf(vmx),
    modified: new Date(reading.modifiedAtMs ?? 0),
    name: displayNameOf(vmx, reading),
    guestFullName: readVmx(vmx, "guestOSAltName") || guestFullName(id),
    alternateGuestName: readVmx(vmx, "guestOSAltName") ?? "",
    version: version ?? `vmx-${String(HARDWARE_VERSION.min).padStart(2, "0")}`,
    uuid: biosUuidOf(vmx, reading),
    template: false,
    guestId: id,
    files: {
      $type: "VirtualMachineFileInfo",
      vmPathName: formatDatastorePath(reading.vmxPath),
      snapshotDirectory: home,
      suspendDirectory: home,
      logDirectory: home,
    },
    tools: { ...defaultTools, ...readFields(toolsFields, vmx) },
    flags: { ...defaultFlags, ...readFields(flagFields, vmx) },
    defaultPowerOps: { ...defaultPowerOps, ...readFields(powerOpFields, vmx) },
    hardware: readHardware(vmx, devices),
    ...readAllocations(vmx),
    latencySensitivity: readLatency(vmx),
    cpuAffinity: readCpuAffinity(vmx),
    memoryAffinity: readAffinity(vmx, "numa.nodeAffinity"),
    cpuFeatureMask: readCpuMask(vmx),
    extraConfig: readExtraConfig(vmx),
    datastoreUrl: readDatastoreUrls(devices, reading),
    bootOptions: { ...defaultBoot, ...readFields(bootFields, vmx), bootOrder: readBootOrder(vmx, devices) },
    ...readManagedBy(vmx),
  };
}

/** The same configuration while the VM runs: what is connected, and how much memory can come. */
export function asRunning(
  config: VirtualMachineConfigInfo,
  { disconnected, memoryHotAdd }: Pick<MonitorDescription, "disconnected" | "memoryHotAdd">,
): VirtualMachineConfigInfo {
  const device = config.hardware.device?.map((one): VirtualDevice => {
    const { connectable } = one;
    if (connectable === undefined) return one;
    // A drive with nothing in it has nothing to be disconnected from: what is put in will be there.
    const isEmptyDrive = /^Virtual(Cdrom|Floppy)$/.test(one.$type ?? "") && (one.backing as { fileName?: string })?.fileName === undefined;
    const connected = isEmptyDrive ? connectable.startConnected : !disconnected.includes(one.key);
    return { ...one, connectable: { ...connectable, connected, status: "ok" } };
  });
  return {
    ...config,
    hardware: { ...config.hardware, ...(device && { device }) },
    ...(memoryHotAdd && { hotPlugMemoryLimit: memoryHotAdd.maxMiB, hotPlugMemoryIncrementSize: MEMORY_MODULE_STEP_MIB }),
  };
}

/** The descriptors of a VM's disks that lie in datastores of this host. */
export function diskPathsOf(vmx: Vmx, vmxPath: DatastorePath, datastores: Reading["datastores"]): DatastorePath[] {
  const devices = readDevices(vmx, { vmxPath, datastores, disks: new Map() });
  return devices.flatMap((device) => (device.$type === "VirtualDisk" ? (descriptorOf(device) ?? []) : []));
}

const defaultOptions = {
  firmware: "bios",
  memoryHotAddEnabled: false,
  cpuHotAddEnabled: false,
  cpuHotRemoveEnabled: false,
  changeTrackingEnabled: false,
  nestedHVEnabled: false,
  vPMCEnabled: false,
  memoryReservationLockedToMax: false,
  maxMksConnections: -1,
  guestAutoLockEnabled: false,
  swapPlacement: "inherit",
  vAssertsEnabled: false,
  messageBusTunnelEnabled: false,
  migrateEncryption: "opportunistic",
  sevEnabled: false,
  rebootPowerOff: false,
} as const;

function guestIdOf(id: string | undefined): GuestOsId {
  return id !== undefined && isGuestOsId(id) ? id : OTHER_GUEST;
}

function readHardware(vmx: Vmx, device: readonly VirtualDevice[]): VirtualHardware {
  const isAuto = readVmx(vmx, "cpuid.coresPerSocket") === undefined;
  return {
    $type: "VirtualHardware",
    numCPU: vcpusOf(vmx),
    numCoresPerSocket: coresPerSocketOf(vmx),
    autoCoresPerSocket: isAuto,
    memoryMB: memoryMibOf(vmx),
    virtualICH7MPresent: false,
    virtualSMCPresent: false,
    device,
    motherboardLayout: "i440bxHostBridge",
    simultaneousThreads: 1,
  };
}

const SENSITIVITY: Readonly<Record<string, number>> = { low: 500, normal: 1000, medium: 2000, high: 4000 };

function readLatency(vmx: Vmx): LatencySensitivity {
  const level = readField(latencyField, vmx) ?? "normal";
  return { $type: "LatencySensitivity", level: level as LatencySensitivitySensitivityLevel, sensitivity: SENSITIVITY[level] };
}

export const readCpuAffinity = (vmx: Vmx): VirtualMachineAffinityInfo | undefined => readAffinity(vmx, "sched.cpu.affinity");

function readAffinity(vmx: Vmx, key: string): VirtualMachineAffinityInfo | undefined {
  const text = readVmx(vmx, key) ?? "";
  if (!/^\d{1,4}(,\d{1,4})*$/.test(text)) return undefined;
  return { $type: "VirtualMachineAffinityInfo", affinitySet: text.split(",").map(Number) };
}

function readManagedBy(vmx: Vmx): Pick<VirtualMachineConfigInfo, "managedBy"> {
  const extensionKey = readVmx(vmx, "managedBy.extensionKey");
  return extensionKey === undefined
    ? {}
    : { managedBy: { $type: "ManagedByInfo", extensionKey, type: readVmx(vmx, "managedBy.type") ?? "" } };
}

function readDatastoreUrls(
  devices: readonly VirtualDevice[],
  { vmxPath, datastores }: ConfigReading,
): VirtualMachineConfigInfoDatastoreUrlPair[] {
  const names = new Set([vmxPath.datastore, ...devices.flatMap((device) => descriptorOf(device)?.datastore ?? [])]);
  return datastores
    .filter(({ name }) => names.has(name))
    .map(({ name, uuid }) => ({ $type: "VirtualMachineConfigInfoDatastoreUrlPair", name, url: `/vmfs/volumes/${uuid}` }));
}
