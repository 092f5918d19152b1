/**
 * Decides whether a machine can exist here, before anything is opened or started. Pure.
 * What vSphere allows and QEMU has no model of is refused by its name, never left out silently.
 * Source: vSphere 8 configuration maximums; limits of QEMU's models as noted at each.
 */
import { isIP } from "node:net";
import { assertNever, type Fault } from "../../base/index.ts";
import { fault } from "../../wire/index.ts";
import type { Device, DeviceKind, DeviceSpec, MachineSpec, MemoryHotAdd } from "../machine.ts";
import { NIC_KEY_FIRST, NICS_MAX } from "./pci-addresses.ts";

/** A machine that can be planned; only {@link checkMachine} makes one. */
export type CheckedMachine = MachineSpec & { readonly checked: unique symbol };

/** What the host has to give. */
export interface HostLimits {
  readonly memoryMiB: number;
  readonly logicalCpus: number;
}

type Controller = Device<"scsi" | "ahci" | "ide" | "nvme">;
type Attached = Device<"disk" | "cdrom">;

const MEMORY_MIB_MIN = 4; // vSphere's smallest VM
/** Linux and Windows take memory that comes later in sections of this size. */
export const MEMORY_MODULE_STEP_MIB = 128;
const VCPUS_MAX = 255; // QEMU's pc machine: 8-bit APIC ids
const VRAM_KIB = { min: 1024, max: 128 * 1024 }; // vSphere's range

/** How many of each a VM can have. */
const COUNT_MAX: { readonly [Kind in DeviceKind]?: number } = {
  scsi: 4,
  ahci: 4,
  ide: 2,
  nvme: 4,
  nic: NICS_MAX,
  floppy: 2,
  video: 1,
  xhci: 1,
  usb: 1,
  toolsChannel: 1,
  serial: 32,
};

/** Units of each controller: those that vSphere knows, and those of them that QEMU's model has. */
const UNITS = {
  lsilogic: { max: 15, modelMax: 6, modelName: "lsi53c895a has targets 0–6" },
  lsisas1068: { max: 15, modelMax: 6, modelName: "mptsas1068 has 8 ports, of which 7 is the controller's" },
  pvscsi: { max: 15, modelMax: 15, modelName: "pvscsi" },
  ahci: { max: 29, modelMax: 5, modelName: "ich9-ahci has ports 0–5" },
  ide: { max: 1, modelMax: 1, modelName: "piix3-ide" },
  nvme: { max: 63, modelMax: 63, modelName: "nvme" },
} as const;
const SCSI_CONTROLLER_UNIT = 7; // the controller's own id on its bus
const FLOPPY_UNIT_MAX = 1;
const TELNET_TCP_PORT = 23;
const SERIAL_TCP_PORT_MIN = 1024;
const SERIAL_UNIT_MAX = 3; // isa-serial knows COM1–COM4

/** @throws {Fault} as vim25 names it; the message names the device */
export function checkMachine(machine: MachineSpec, host: HostLimits): CheckedMachine {
  checkProcessors(machine, host);
  checkMemory(machine, host);
  checkKeys(machine.devices);
  checkCounts(machine.devices);
  checkPlaces(machine.devices);
  machine.devices.forEach((device, index) => {
    checkDevice(device, index, machine.devices);
  });
  checkBootOrder(machine);
  return machine as CheckedMachine;
}

/** @throws {Fault} NonPersistentDisksNotSupported, DeviceNotSupported: what would not be there to go back to */
export function refuseMemorySnapshot(machine: MachineSpec): void {
  const { name, devices } = machine;
  const forgetful = devices.find((device) => device.kind === "disk" && device.mode === "independent_nonpersistent");
  if (forgetful !== undefined) {
    const message = `VM ${name} cannot have a snapshot with its memory: what its guest has written to the device ${labelOf(forgetful)}, which is independent_nonpersistent, is no part of snapshots.`;
    throw fault("NonPersistentDisksNotSupported", message, { device: labelOf(forgetful), reason: "independent_nonpersistent" });
  }
  refuseSuspend(machine);
}

/** @throws {Fault} DeviceNotSupported, before anything was done */
export function refuseSuspend({ name, devices }: MachineSpec): void {
  // QEMU cannot write an NVMe controller's state.
  const nvme = devices.find(({ kind }) => kind === "nvme");
  if (nvme === undefined) return;
  const message = `VM ${name} cannot be suspended: the state of its device ${labelOf(nvme)} cannot be saved on this host.`;
  throw fault("DeviceNotSupported", message, { device: labelOf(nvme), reason: "suspend" });
}

/** A device as people and faults name it. */
export function labelOf(device: DeviceSpec): string {
  return `${device.kind} ${device.key}`;
}

function checkProcessors({ name, vcpus, vcpusMax, coresPerSocket }: MachineSpec, host: HostLimits): void {
  if (vcpus < 1 || vcpus > VCPUS_MAX) {
    throw fault("NumVirtualCpusNotSupported", `VM ${name} asks for ${vcpus} virtual CPUs; this platform supports 1 to ${VCPUS_MAX}.`, {
      maxSupportedVcpusDest: VCPUS_MAX,
      numCpuVm: vcpus,
    });
  }
  if (vcpus > host.logicalCpus) {
    throw fault("NotEnoughCpus", `VM ${name} asks for ${vcpus} virtual CPUs; this host has ${host.logicalCpus} logical CPUs.`, {
      numCpuDest: host.logicalCpus,
      numCpuVm: vcpus,
    });
  }
  if (vcpusMax !== undefined && (vcpusMax < vcpus || vcpusMax > Math.min(VCPUS_MAX, host.logicalCpus) || vcpusMax % coresPerSocket !== 0)) {
    const problem = `VM ${name} cannot grow from ${vcpus} to ${vcpusMax} virtual CPUs in sockets of ${coresPerSocket} cores; this host has ${host.logicalCpus} logical CPUs.`;
    throw fault("NumVirtualCpusNotSupported", problem, { maxSupportedVcpusDest: host.logicalCpus, numCpuVm: vcpusMax });
  }
  if (coresPerSocket < 1 || vcpus % coresPerSocket !== 0) {
    const problem = `VM ${name}: ${vcpus} virtual CPUs do not divide into sockets of ${coresPerSocket} cores.`;
    throw fault("NumVirtualCoresPerSocketNotSupported", problem, {
      maxSupportedCoresPerSocketDest: vcpus,
      numCoresPerSocketVm: coresPerSocket,
    });
  }
}

function checkMemory({ name, memoryMiB, memoryHotAdd }: MachineSpec, host: HostLimits): void {
  if (memoryMiB < MEMORY_MIB_MIN || memoryMiB % 4 !== 0) {
    throw fault(
      "MemorySizeNotSupported",
      `VM ${name} asks for ${memoryMiB} MB of memory; it must be a multiple of 4 MB, at least ${MEMORY_MIB_MIN}.`,
      {
        memorySizeMB: memoryMiB,
        minMemorySizeMB: MEMORY_MIB_MIN,
        maxMemorySizeMB: host.memoryMiB,
      },
    );
  }
  if (memoryMiB > host.memoryMiB) {
    throw fault("InsufficientMemoryResourcesFault", `VM ${name} asks for ${memoryMiB} MB of memory; this host has ${host.memoryMiB} MB.`, {
      unreserved: host.memoryMiB * 1024 * 1024,
      requested: memoryMiB * 1024 * 1024,
    });
  }
  if (memoryHotAdd !== undefined) checkMemoryHotAdd(name, memoryMiB, memoryHotAdd, host);
}

function checkMemoryHotAdd(name: string, memoryMiB: number, { maxMiB, addedMiB }: MemoryHotAdd, host: HostLimits): void {
  const bootMiB = memoryMiB - addedMiB.reduce((sum, sizeMiB) => sum + sizeMiB, 0);
  const isModule = (sizeMiB: number) => sizeMiB > 0 && sizeMiB % MEMORY_MODULE_STEP_MIB === 0;
  if (bootMiB >= MEMORY_MIB_MIN && maxMiB >= memoryMiB && maxMiB <= host.memoryMiB && addedMiB.every(isModule)) return;
  const problem = `VM ${name} cannot grow to ${memoryMiB} of ${maxMiB} MB by modules of ${addedMiB.join(" and ") || "no"} MB: each is a multiple of ${MEMORY_MODULE_STEP_MIB}, and this host has ${host.memoryMiB} MB.`;
  throw fault("MemorySizeNotSupported", problem, {
    memorySizeMB: memoryMiB,
    minMemorySizeMB: MEMORY_MIB_MIN,
    maxMemorySizeMB: Math.min(maxMiB, host.memoryMiB),
  });
}

function checkKeys(devices: readonly DeviceSpec[]): void {
  const seen = new Map<number, DeviceSpec>();
  devices.forEach((device, index) => {
    const other = seen.get(device.key);
    if (other !== undefined) throw refuse(index, device, `has the key of ${labelOf(other)}`);
    seen.set(device.key, device);
  });
}

function checkCounts(devices: readonly DeviceSpec[]): void {
  for (const [kind, countMax] of Object.entries(COUNT_MAX)) {
    const count = devices.filter((device) => device.kind === kind).length;
    if (count > countMax)
      throw fault("TooManyDevices", `A VM can have ${countMax} ${kind} devices, not ${count}.`, { property: `devices.${kind}` });
  }
}

/** No two devices stand at one place: bus of a kind, unit of a controller, number of a port. */
function checkPlaces(devices: readonly DeviceSpec[]): void {
  const taken = new Map<string, DeviceSpec>();
  devices.forEach((device, index) => {
    const place = placeOf(device);
    const other = place === undefined ? undefined : taken.get(place);
    if (other !== undefined) throw refuse(index, device, `stands where ${labelOf(other)} is: ${place}`);
    if (place !== undefined) taken.set(place, device);
  });
}

function placeOf(device: DeviceSpec): string | undefined {
  switch (device.kind) {
    case "scsi":
    case "ahci":
    case "ide":
    case "nvme":
      return `${device.kind} bus ${device.bus}`;
    case "disk":
    case "cdrom":
      return `unit ${device.unit} of controller ${device.controllerKey}`;
    case "floppy":
    case "serial":
      return `${device.kind} unit ${device.unit}`;
    case "nic":
    case "video":
    case "xhci":
    case "usb":
    case "toolsChannel":
      return undefined;
    default:
      return assertNever(device);
  }
}

function checkDevice(device: DeviceSpec, index: number, devices: readonly DeviceSpec[]): void {
  switch (device.kind) {
    case "scsi":
    case "ahci":
    case "nvme":
    case "ide": {
      const busMax = device.kind === "ide" ? 1 : 3;
      if (device.bus > busMax) throw refuse(index, device, `is on bus ${device.bus}; there are buses 0 to ${busMax}`);
      return;
    }
    case "disk":
    case "cdrom":
      checkAttached(device, index, devices);
      return;
    case "floppy":
      if (device.unit > FLOPPY_UNIT_MAX) throw refuse(index, device, `is unit ${device.unit}; there are units 0 and 1`);
      return;
    case "serial":
      if (device.unit > SERIAL_UNIT_MAX) throw refuseUnsupported(index, device, `is port ${device.unit + 1}; isa-serial has 4`);
      checkWire(device, index);
      return;
    case "nic":
      checkNic(device, index);
      return;
    case "video":
      if (device.vramKiB < VRAM_KIB.min || device.vramKiB > VRAM_KIB.max) {
        throw refuse(index, device, `asks for ${device.vramKiB} KB of video memory; ${VRAM_KIB.min} to ${VRAM_KIB.max} are supported`);
      }
      return;
    case "xhci":
    case "usb":
    case "toolsChannel":
      return;
    default:
      assertNever(device);
  }
}

/** The ports that vSphere's firewall opens for serial ports: not those of the machine's own services. */
function checkWire(device: Device<"serial">, index: number): void {
  const { wire, file } = device;
  if (wire === undefined) return;
  if (file !== undefined) throw refuse(index, device, "leads to a file and to a wire");
  if (wire.kind === "pipe") return;
  if (wire.port < SERIAL_TCP_PORT_MIN && wire.port !== TELNET_TCP_PORT) {
    throw refuse(index, device, `is at TCP port ${wire.port}; there are ${TELNET_TCP_PORT} and ${SERIAL_TCP_PORT_MIN} to 65535`);
  }
  if (wire.kind === "listen" && isIP(wire.host) === 0) throw refuse(index, device, `is to listen on ${wire.host}, which is no address`);
}

function checkAttached(device: Attached, index: number, devices: readonly DeviceSpec[]): void {
  const parent = devices.find((candidate) => candidate.key === device.controllerKey);
  if (parent === undefined) {
    throw fault(
      "MissingController",
      `The device ${labelOf(device)} names controller ${device.controllerKey}, which the VM does not have.`,
      {
        deviceIndex: index,
        property: `devices[${index}].controllerKey`,
      },
    );
  }
  if (!isController(parent)) throw refuseController(device, index, `names ${labelOf(parent)} as its controller`);
  // An NVMe namespace is a disk; the standard has no removable medium.
  if (parent.kind === "nvme" && device.kind === "cdrom") throw refuseController(device, index, "is on an NVMe controller");
  const units = UNITS[parent.kind === "scsi" ? parent.model : parent.kind];
  const isOwnUnit = parent.kind === "scsi" && device.unit === SCSI_CONTROLLER_UNIT;
  if (device.unit > units.max || isOwnUnit)
    throw refuse(index, device, `is unit ${device.unit} of ${labelOf(parent)}, which has no such unit`);
  if (device.unit > units.modelMax)
    throw refuseUnsupported(index, device, `is unit ${device.unit} of ${labelOf(parent)}: ${units.modelName}`);
}

function isController(device: DeviceSpec): device is Controller {
  return device.kind === "scsi" || device.kind === "ahci" || device.kind === "ide" || device.kind === "nvme";
}

function checkNic(device: Device<"nic">, index: number): void {
  if (device.key < NIC_KEY_FIRST || device.key >= NIC_KEY_FIRST + NICS_MAX) {
    throw refuse(
      index,
      device,
      `has a key outside of ${NIC_KEY_FIRST} to ${NIC_KEY_FIRST + NICS_MAX - 1}, from which a NIC's PCI slot follows`,
    );
  }
  const firstByte = Number.parseInt(device.mac.slice(0, 2), 16);
  if ((firstByte & 1) === 1 || device.mac === "00:00:00:00:00:00")
    throw refuse(index, device, `has ${device.mac}, which is no address of one station`);
}

function checkBootOrder({ name, firmware, bootOrder, bootRetryMs, devices }: MachineSpec): void {
  // OVMF ends in its shell when there is nothing to boot, and stays there.
  if (bootRetryMs !== undefined && firmware.kind === "efi")
    throw fault("InvalidVmConfig", `VM ${name} is to try again when it finds nothing to boot: this host's UEFI firmware does not.`, {
      property: "bootRetryMs",
    });
  const seen = new Set<number>();
  for (const key of bootOrder) {
    const device = devices.find((candidate) => candidate.key === key);
    const problem =
      device === undefined
        ? "is not a device of it"
        : seen.has(key)
          ? "is named twice"
          : isBootable(device)
            ? undefined
            : `is ${labelOf(device)}`;
    if (problem !== undefined) throw fault("InvalidVmConfig", `The VM cannot boot from ${key}: it ${problem}.`, { property: "bootOrder" });
    seen.add(key);
  }
}

export function isBootable(device: DeviceSpec): device is Device<"disk" | "cdrom" | "floppy" | "nic"> {
  return device.kind === "disk" || device.kind === "cdrom" || device.kind === "floppy" || device.kind === "nic";
}

function refuse(index: number, device: DeviceSpec, problem: string): Fault {
  return fault("InvalidDeviceSpec", `The device ${labelOf(device)} ${problem}.`, { deviceIndex: index, property: `devices[${index}]` });
}

/** vSphere has it, QEMU has no model of it. */
function refuseUnsupported(index: number, device: DeviceSpec, problem: string): Fault {
  const message = `The device ${labelOf(device)} ${problem}. This host has no model of more.`;
  return fault("DeviceUnsupportedForVmPlatform", message, { deviceIndex: index, property: `devices[${index}]` });
}

function refuseController(device: Attached, index: number, problem: string): Fault {
  return fault("InvalidController", `The device ${labelOf(device)} ${problem}.`, {
    deviceIndex: index,
    controllerKey: device.controllerKey,
    property: `devices[${index}].controllerKey`,
  });
}
