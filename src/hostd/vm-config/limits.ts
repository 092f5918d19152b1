/**
 * What a VM of this host can have, and where its devices stand. Facts alone; pure.
 * Source: vSphere 8 configuration maximums; device keys as ESXi gives them; vmx keys as ESXi's VM files.
 */
import { DISK_BYTES_MAX } from "../../wire/index.ts";

/** virtualHW.version: from ESX 4 to vSphere 8.0 U2. New VMs get the last. */
export const HARDWARE_VERSION = { min: 8, max: 21 };
export const VCPUS_MAX = 255; // the virtual board's APIC ids
export const MEMORY_MIB = { min: 4, step: 4, max: 25_149_440 }; // a host has its own bound below that
export const NAME_LENGTH_MAX = 80; // vim25 ManagedEntity.name
export const TEXT_LENGTH_MAX = 64 * 1024; // of a note
export const DISK_BYTES = { min: 1024, step: 1024, max: DISK_BYTES_MAX }; // vim25 counts disks in KB
export const VIDEO_KIB = { min: 1024, max: 128 * 1024, default: 4096 };
export const DEVICE_CHANGES_MAX = 512; // more than a VM's devices
export const EXTRA_CONFIG_MAX = 2048;
export const BOOT_WAIT_MS_MAX = 65_535; // 16 bits, as the firmware reads it

/** Controllers that disks and drives hang on. Controllers begin at `key`, what hangs on them at `unitKey`. */
export const BUSES = {
  ide: { key: 200, count: 2, units: 2, unitKey: 3000, pciUnit: 0 },
  scsi: { key: 1000, count: 4, units: 16, unitKey: 2000, pciUnit: 3 },
  sata: { key: 15_000, count: 4, units: 30, unitKey: 16_000, pciUnit: 24 },
  nvme: { key: 31_000, count: 4, units: 15, unitKey: 32_000, pciUnit: 30 },
} as const;
export type Bus = keyof typeof BUSES;
/** The SCSI controller's own id on its bus. */
export const SCSI_CONTROLLER_UNIT = 7;

/** Devices that stand in a row of their own; `unit` is the first one's unit number. */
export const PORTS = {
  ethernet: { key: 4000, count: 10, unit: 7, controllerKey: 100 },
  floppy: { key: 8000, count: 2, unit: 0, controllerKey: 400 },
  serial: { key: 9000, count: 4, unit: 0, controllerKey: 400 }, // COM1–COM4: all that the board has
  parallel: { key: 10_000, count: 3, unit: 0, controllerKey: 400 },
} as const;
export type Port = keyof typeof PORTS;

/** Devices of which there is one. */
export const KEY = {
  pci: 100,
  ps2: 300,
  sio: 400,
  video: 500,
  keyboard: 600,
  pointing: 700,
  vmci: 12_000,
  usb: 7000,
  xhci: 14_000,
} as const;

/** Where a disk or drive stands, by its place in the .vmx: "scsi0:1". */
export interface Node {
  readonly bus: Bus;
  readonly busNumber: number;
  readonly unit: number;
  readonly prefix: string;
  readonly key: number;
  readonly controllerKey: number;
}

/** @returns undefined when no controller has that key, or no such unit */
export function nodeAt(controllerKey: number, unit: number): Node | undefined {
  const bus = busOf(controllerKey);
  if (bus === undefined || !isUnit(bus, unit)) return undefined;
  const { key, units, unitKey } = BUSES[bus];
  const busNumber = controllerKey - key;
  return { bus, busNumber, unit, prefix: `${bus}${busNumber}:${unit}`, key: unitKey + busNumber * units + unit, controllerKey };
}

export function busOf(controllerKey: number): Bus | undefined {
  return busNames.find((bus) => controllerKey >= BUSES[bus].key && controllerKey < BUSES[bus].key + BUSES[bus].count);
}

/** The units that something can hang on. */
export function unitsOf(bus: Bus): number[] {
  return Array.from({ length: BUSES[bus].units }, (_, unit) => unit).filter((unit) => isUnit(bus, unit));
}

export const busNames = Object.keys(BUSES) as Bus[];

/** Every place for a disk or drive, in the order of their keys on each bus. */
export const allNodes: readonly Node[] = busNames.flatMap((bus) =>
  Array.from({ length: BUSES[bus].count }, (_, number) => BUSES[bus].key + number).flatMap((controllerKey) =>
    unitsOf(bus).flatMap((unit) => nodeAt(controllerKey, unit) ?? []),
  ),
);

/** The key of the device at a node as a .vmx names it, "scsi0:1"; -1 for none. */
export function keyOfNode(prefix: string): number {
  return allNodes.find((node) => node.prefix === prefix)?.key ?? -1;
}

export const DISKS_MAX = allNodes.length;

function isUnit(bus: Bus, unit: number): boolean {
  return Number.isInteger(unit) && unit >= 0 && unit < BUSES[bus].units && !(bus === "scsi" && unit === SCSI_CONTROLLER_UNIT);
}
