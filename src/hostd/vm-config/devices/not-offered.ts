/**
 * Devices that an existing .vmx may have and this host does not offer: shown to clients, kept in the file, refused at power-on. Pure.
 * Each has the key that ESXi gives it.
 */
import { readVmx, type VirtualDevice, type Vmx } from "../../../wire/index.ts";
import type { DeviceType } from "../device-catalogue.ts";
import { catalogueRow } from "../device-catalogue.ts";
import { flag } from "../fields.ts";
import { allNodes, KEY, PORTS } from "../limits.ts";
import { kindAt } from "./disk.ts";
import { type DeviceFamily, describe, deviceNotSupported, isPresent } from "./family.ts";

interface Row {
  readonly type: DeviceType;
  /** The key that says it is there. */
  readonly present: (number: number) => string;
  readonly key: number;
  readonly count: number;
  readonly controllerKey: number;
  readonly fields?: Readonly<Record<string, unknown>>;
}

const pci = { controllerKey: KEY.pci, count: 1 } as const;

const ROWS: readonly Row[] = [
  {
    type: "VirtualParallelPort",
    present: (n) => `parallel${n}.present`,
    key: PORTS.parallel.key,
    count: PORTS.parallel.count,
    controllerKey: KEY.sio,
  },
  { ...pci, type: "VirtualTPM", present: () => "vtpm.present", key: 11_000 },
  { ...pci, type: "VirtualPCIPassthrough", present: (n) => `pciPassthru${n}.present`, key: 13_000, count: 16 },
  { ...pci, type: "VirtualWDT", present: () => "vwdt.present", key: 18_000, fields: { runOnBoot: false, running: false } },
  { ...pci, type: "VirtualPrecisionClock", present: () => "precisionclock0.present", key: 19_000 },
];

const SOUND_KEY = 5000;
const SOUND_TYPES: Readonly<Record<string, DeviceType>> = { hdaudio: "VirtualHdAudioCard", sb16: "VirtualSoundBlaster16" };
const USB_DEVICE_KEY = 7001;
const USB_PORTS = 20;

export const notOfferedFamily: DeviceFamily = {
  read: (vmx) => [...readRows(vmx), ...readSound(vmx), ...readUsbDevices(vmx), ...readPassthroughNodes(vmx)],
  accept: (device) => {
    throw deviceNotSupported(device, "this host does not offer it");
  },
  write: () => ({}),
  prefixOf: (device) => prefixes.get(device.$type ?? "")?.(device) ?? "",
  toMachine: (device) => {
    throw deviceNotSupported(device, "this host does not offer it");
  },
};

/** So that a client can remove what this host can't run. */
const prefixes: ReadonlyMap<string, (device: VirtualDevice) => string> = new Map<string, (device: VirtualDevice) => string>([
  ...ROWS.map(({ type, present, key }) => [type, (device: VirtualDevice) => present(device.key - key).replace(/\.present$/, "")] as const),
  ...["VirtualEnsoniq1371", ...Object.values(SOUND_TYPES)].map((type) => [type, () => "sound"] as const),
  ["VirtualUSB", (device) => `usb:${device.key - USB_DEVICE_KEY}`],
  ["VirtualSCSIPassthrough", (device) => allNodes.find(({ key }) => key === device.key)?.prefix ?? ""],
]);

function readRows(vmx: Vmx): VirtualDevice[] {
  return ROWS.flatMap((row) =>
    Array.from({ length: row.count }, (_, number) => number)
      .filter((number) => flag.read(readVmx(vmx, row.present(number)) ?? "") === true)
      .map((number) => makeDevice(row.type, row.key + number, { controllerKey: row.controllerKey, ...row.fields }, number)),
  );
}

function readSound(vmx: Vmx): VirtualDevice[] {
  if (!isPresent(vmx, "sound")) return [];
  const type = SOUND_TYPES[readVmx(vmx, "sound.virtualDev")?.toLowerCase() ?? ""] ?? "VirtualEnsoniq1371";
  return [makeDevice(type, SOUND_KEY, { controllerKey: KEY.pci })];
}

// The keyboard and mouse that newer VMs have on their USB controller are the VM's own, not the host's.
function readUsbDevices(vmx: Vmx): VirtualDevice[] {
  return Array.from({ length: USB_PORTS }, (_, port) => port)
    .filter((port) => isPresent(vmx, `usb:${port}`) && !/^(hid|hub|mouse)$/i.test(readVmx(vmx, `usb:${port}.deviceType`) ?? ""))
    .map((port) => makeDevice("VirtualUSB", USB_DEVICE_KEY + port, { controllerKey: KEY.usb, unitNumber: port, connected: false }, port));
}

function readPassthroughNodes(vmx: Vmx): VirtualDevice[] {
  return allNodes
    .filter(({ prefix }) => isPresent(vmx, prefix) && kindAt(vmx, prefix) === "passthrough")
    .map(({ key, controllerKey, unit }) => makeDevice("VirtualSCSIPassthrough", key, { controllerKey, unitNumber: unit }));
}

function makeDevice(type: DeviceType, key: number, fields: Readonly<Record<string, unknown>>, number = 0): VirtualDevice {
  const name = catalogueRow(type)?.name ?? type;
  return { $type: type, key, deviceInfo: describe(number === 0 ? name : `${name} ${number + 1}`, name), ...fields };
}
