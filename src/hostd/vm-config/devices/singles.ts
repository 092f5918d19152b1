/** Devices of which a VM has one: video card, VMCI, USB controllers. Pure. */
import type {
  VirtualDevice,
  VirtualMachineVideoCard,
  VirtualMachineVMCIDevice,
  VirtualUSBController,
  VirtualUSBXHCIController,
  Vmx,
} from "../../../wire/index.ts";
import { type Codec, choice, type Fields, flag, integer, readFields, writeFields } from "../fields.ts";
import { KEY, VIDEO_KIB } from "../limits.ts";
import { type DeviceFamily, describe, isPresent, readFlag, readSlot } from "./family.ts";

const GRAPHICS_KIB_MAX = 8 * 1024 * 1024;

/** The .vmx counts the card's memory in bytes. */
const videoKib: Codec<number> = {
  read: (text) => (/^[0-9]{1,12}$/.test(text) ? Math.trunc(Number(text) / 1024) : undefined),
  write: (value) => (Number.isInteger(value) && value >= VIDEO_KIB.min && value <= VIDEO_KIB.max ? String(value * 1024) : undefined),
};

const videoFields: Fields<VirtualMachineVideoCard> = {
  videoRamSizeInKB: { key: "svga.vramSize", codec: videoKib },
  numDisplays: { key: "svga.numDisplays", codec: integer({ min: 1, max: 10 }) },
  useAutoDetect: { key: "svga.autodetect", codec: flag },
  enable3DSupport: { key: "mks.enable3d", codec: flag },
  use3dRenderer: { key: "mks.use3dRenderer", codec: choice({ automatic: "automatic", software: "software", hardware: "hardware" }) },
  graphicsMemorySizeInKB: { key: "svga.graphicsMemoryKB", codec: integer({ min: 0, max: GRAPHICS_KIB_MAX }) },
};

const defaultVideo: VirtualMachineVideoCard = {
  $type: "VirtualMachineVideoCard",
  key: KEY.video,
  deviceInfo: describe("Video card", "Video card"),
  controllerKey: KEY.pci,
  unitNumber: 0,
  videoRamSizeInKB: VIDEO_KIB.default,
  numDisplays: 1,
  useAutoDetect: false,
  enable3DSupport: false,
  use3dRenderer: "automatic",
  graphicsMemorySizeInKB: 262_144,
};

export const videoFamily: DeviceFamily = {
  read: (vmx) =>
    readFlag(vmx, "svga.present", true)
      ? [{ ...defaultVideo, ...readFields(videoFields, vmx), ...readSlot(vmx, "svga") } as VirtualDevice]
      : [],
  accept: (device) => ({ ...defaultVideo, ...pick(device as VirtualMachineVideoCard, videoFields) }) as VirtualDevice,
  write: (device) => ({
    "svga.present": "TRUE",
    ...writeFields(videoFields, device as VirtualMachineVideoCard, "virtualDeviceSpec.device"),
  }),
  prefixOf: () => "svga",
  toMachine: (device) => {
    const wanted = (device as VirtualMachineVideoCard).videoRamSizeInKB ?? VIDEO_KIB.default;
    return { kind: "video", key: KEY.video, vramKiB: Math.min(Math.max(wanted, VIDEO_KIB.min), VIDEO_KIB.max) };
  },
};

export const vmciFamily: DeviceFamily = {
  read: (vmx) => (isPresent(vmx, "vmci0") ? [vmciOf(vmx)] : []),
  accept: (device) => ({ ...vmci, ...pick(device as VirtualMachineVMCIDevice, { id: true }) }) as VirtualDevice,
  write: (device) => ({
    "vmci0.present": "TRUE",
    ...writeFields(vmciFields, device as VirtualMachineVMCIDevice, "virtualDeviceSpec.device"),
  }),
  prefixOf: () => "vmci0",
  toMachine: () => ({ kind: "toolsChannel", key: KEY.vmci }),
};

const vmciFields: Fields<VirtualMachineVMCIDevice> = { id: { key: "vmci0.id", codec: integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }) } };

const vmci: VirtualMachineVMCIDevice = {
  $type: "VirtualMachineVMCIDevice",
  key: KEY.vmci,
  deviceInfo: describe("VMCI device", "Virtual machine communication interface"),
  controllerKey: KEY.pci,
  unitNumber: 17,
  allowUnrestrictedCommunication: false,
  filterEnable: true,
};

function vmciOf(vmx: Vmx): VirtualDevice {
  return { ...vmci, ...readFields(vmciFields, vmx), ...readSlot(vmx, "vmci0") } as VirtualDevice;
}

export const xhciFamily: DeviceFamily = {
  read: (vmx) => (isPresent(vmx, "usb_xhci") ? [{ ...xhci, ...readSlot(vmx, "usb_xhci") }] : []),
  accept: () => xhci,
  write: () => ({ "usb_xhci.present": "TRUE" }),
  prefixOf: () => "usb_xhci",
  toMachine: () => ({ kind: "xhci", key: KEY.xhci }),
};

// Devices of the host are never given to a guest because someone plugged them in.
const xhci: VirtualUSBXHCIController = {
  $type: "VirtualUSBXHCIController",
  key: KEY.xhci,
  deviceInfo: describe("USB xHCI controller", "USB xHCI controller"),
  controllerKey: KEY.pci,
  unitNumber: 23,
  busNumber: 0,
  autoConnectDevices: false,
};

/** ESXi's is a USB 1 controller, and a USB 2 one beside it where EHCI is enabled; here it is the one or the other. */
export const usbFamily: DeviceFamily = {
  read: (vmx) => (isPresent(vmx, "usb") ? [{ ...usb, ehciEnabled: isPresent(vmx, "ehci"), ...readSlot(vmx, "usb") } as VirtualDevice] : []),
  accept: (device) => ({ ...usb, ehciEnabled: (device as VirtualUSBController).ehciEnabled === true }) as VirtualDevice,
  write: (device) => ({
    "usb.present": "TRUE",
    "ehci.present": (device as VirtualUSBController).ehciEnabled === true ? "TRUE" : undefined,
  }),
  prefixOf: () => "usb",
  toMachine: (device) => ({ kind: "usb", key: KEY.usb, model: (device as VirtualUSBController).ehciEnabled === true ? "ehci" : "uhci" }),
};

const usb: VirtualUSBController = {
  $type: "VirtualUSBController",
  key: KEY.usb,
  deviceInfo: describe("USB controller", "USB controller"),
  controllerKey: KEY.pci,
  unitNumber: 22,
  busNumber: 0,
  autoConnectDevices: false,
  ehciEnabled: false,
};

/** Those of the fields that the client set. */
function pick<T extends object>(device: T, fields: Readonly<Partial<Record<keyof T, unknown>>>): Partial<T> {
  return Object.fromEntries(
    Object.entries(device).filter(([name, value]) => Object.hasOwn(fields, name) && value !== undefined && value !== null),
  ) as Partial<T>;
}
