/** What each family of devices knows: its keys in the .vmx, what a client may ask, what the monitor gets. Pure. */
import type { DeviceSpec, DiskDescription } from "../../../vmkernel/index.ts";
import {
  type DataObjects,
  type Description,
  fault,
  readVmx,
  type VirtualDevice,
  type VirtualDeviceConnectInfo,
  type Vmx,
  type VmxChanges,
} from "../../../wire/index.ts";
import { catalogueRow } from "../device-catalogue.ts";
import { flag, integer } from "../fields.ts";
import type { VmPlace } from "../place.ts";

/** What is known beside the .vmx while it is read. */
export interface Reading extends VmPlace {
  /** Disks as vmkernel describes them, by "[datastore] path". One that is missing has no size. */
  readonly disks: ReadonlyMap<string, DiskDescription>;
}

/** A client's wish for one device: what it is checked against. */
export interface Wish {
  /** Its index in configSpec.deviceChange: faults name it. */
  readonly index: number;
  readonly place: VmPlace;
  /** What the device was, where it is changed: what it had already it can keep. */
  readonly before?: VirtualDevice | undefined;
}

export interface DeviceFamily {
  /** The devices of this family that the .vmx has. */
  read(vmx: Vmx, reading: Reading): readonly VirtualDevice[];
  /**
   * A client's device, checked, as this host keeps it: what {@link read} would give for it. Key, controller and unit are set already.
   * @throws {Fault} InvalidDeviceSpec or one of its kin, which names the device
   */
  accept(device: VirtualDevice, wish: Wish): VirtualDevice;
  /** The keys of an accepted device; undefined values take leftovers out. */
  write(device: VirtualDevice, place: VmPlace): VmxChanges;
  /** What its keys begin with: "scsi0:1". */
  prefixOf(device: VirtualDevice): string;
  /**
   * The device as the monitor gets it; undefined when it is part of every machine.
   * @throws {Fault} DeviceNotSupported or its kin for one that can't be given
   */
  toMachine(device: VirtualDevice, place: VmPlace): DeviceSpec | undefined;
}

export function describe(label: string, summary: string): Description {
  return { $type: "Description", label, summary };
}

/** The device's backing when it is of that type. */
export function backingOf<Name extends keyof DataObjects>(device: VirtualDevice, type: Name): DataObjects[Name] | undefined {
  return device.backing?.$type === type ? (device.backing as DataObjects[Name]) : undefined;
}

export function labelOf(device: VirtualDevice): string {
  return device.deviceInfo?.label ?? `${catalogueRow(device.$type)?.name ?? device.$type ?? "device"} ${device.key}`;
}

/** @param property beneath virtualDeviceSpec.device, "" for the device itself */
export function invalidDevice({ index }: Pick<Wish, "index">, because: string, property = "") {
  return fault("InvalidDeviceSpec", `Invalid configuration for device '${index}'. ${because}`, {
    deviceIndex: index,
    property: propertyPath(property),
  });
}

export function invalidBacking({ index }: Pick<Wish, "index">, because: string) {
  const fields = { deviceIndex: index, property: propertyPath("backing") };
  return fault("InvalidDeviceBacking", `Invalid configuration for device '${index}'. ${because}`, fields);
}

export function backingNotSupported(device: VirtualDevice, reason: string) {
  const backing = device.backing?.$type ?? "none";
  return fault("DeviceBackingNotSupported", `${labelOf(device)} cannot be had so: ${reason}`, { device: labelOf(device), reason, backing });
}

export function deviceNotSupported(device: VirtualDevice, reason: string) {
  return fault("DeviceNotSupported", `${labelOf(device)} is not supported on this host: ${reason}`, { device: labelOf(device), reason });
}

function propertyPath(property: string): string {
  return property === "" ? "virtualDeviceSpec.device" : `virtualDeviceSpec.device.${property}`;
}

export function isPresent(vmx: Vmx, prefix: string): boolean {
  return flag.read(readVmx(vmx, `${prefix}.present`) ?? "") === true;
}

export function readFlag(vmx: Vmx, key: string, otherwise: boolean): boolean {
  return flag.read(readVmx(vmx, key) ?? "") ?? otherwise;
}

/** Whether it is connected now is the monitor's to say; a .vmx tells only what shall be at power-on. */
export function readConnectable(vmx: Vmx, prefix: string): VirtualDeviceConnectInfo {
  return {
    $type: "VirtualDeviceConnectInfo",
    startConnected: readFlag(vmx, `${prefix}.startConnected`, true),
    allowGuestControl: readFlag(vmx, `${prefix}.allowGuestConnectionControl`, true),
    connected: false,
    status: "untried",
  };
}

export function acceptConnectable({ connectable }: VirtualDevice): VirtualDeviceConnectInfo {
  return {
    $type: "VirtualDeviceConnectInfo",
    startConnected: connectable?.startConnected ?? true,
    allowGuestControl: connectable?.allowGuestControl ?? true,
    connected: false,
    status: "untried",
  };
}

export function writeConnectable(prefix: string, { connectable }: VirtualDevice): VmxChanges {
  return {
    [`${prefix}.startConnected`]: connectable?.startConnected === false ? "FALSE" : undefined,
    [`${prefix}.allowGuestConnectionControl`]: connectable?.allowGuestControl === false ? "FALSE" : undefined,
  };
}

/** The PCI slot that ESXi gave the device; kept and shown. */
export function readSlot(vmx: Vmx, prefix: string): Pick<VirtualDevice, "slotInfo"> {
  const pciSlotNumber = integer({ min: 0, max: 0xffff }).read(readVmx(vmx, `${prefix}.pciSlotNumber`) ?? "");
  return pciSlotNumber === undefined
    ? {}
    : { slotInfo: { $type: "VirtualDevicePciBusSlotInfo", pciSlotNumber } as VirtualDevice["slotInfo"] };
}
