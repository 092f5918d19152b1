/**
 * What each device that a VM of this host can have may be set to: vim25 VirtualDeviceOption and its kinds. Pure.
 * It follows the catalogue: a type that vm-config refuses has no option here.
 */
import type {
  VirtualAHCIControllerOption,
  VirtualControllerOption,
  VirtualDeviceBackingOption,
  VirtualDeviceOption,
  VirtualDiskFlatVer2BackingOption,
  VirtualDiskOption,
  VirtualEthernetCardOption,
  VirtualIDEControllerOption,
  VirtualMachineVMCIDeviceOption,
  VirtualNVMEControllerOption,
  VirtualPCIControllerOption,
  VirtualPointingDeviceBackingOption,
  VirtualPS2ControllerOption,
  VirtualSCSIControllerOption,
  VirtualSerialPortOption,
  VirtualSerialPortPipeBackingOption,
  VirtualSerialPortURIBackingOption,
  VirtualSIOControllerOption,
  VirtualUSBControllerOption,
  VirtualUSBXHCIControllerOption,
  VirtualVideoCardOption,
} from "../../wire/index.ts";
import {
  BUSES,
  type CatalogueRow,
  DEVICE_CATALOGUE,
  type DeviceType,
  DISK_BYTES,
  DISK_SHARES,
  isOfVersion,
  PORTS,
  SCSI_CONTROLLER_UNIT,
  unitsOf,
  VIDEO_KIB,
} from "../vm-config/index.ts";
import { always, choices, either, fixed, range, sharesOption } from "./option-types.ts";

const LONG_MAX = Number.MAX_SAFE_INTEGER;

type Option<T extends VirtualDeviceOption> = T & { readonly $type: string };

/** What comes and goes while a VM runs, somewhere: a disk or drive on a SCSI controller alone. */
const HOT_PLUGGED: ReadonlySet<CatalogueRow["machine"]> = new Set(["scsi", "ahci", "nvme", "xhci", "usb", "nic", "disk", "cdrom"]);

function option(type: DeviceType, optionType = `${type}Option`): Option<VirtualDeviceOption> {
  const isHotPlugged = HOT_PLUGGED.has(DEVICE_CATALOGUE[type].machine);
  return { $type: optionType, type, deprecated: false, plugAndPlay: isHotPlugged, hotRemoveSupported: isHotPlugged };
}

function controller(type: DeviceType, devicesMax: number): Option<VirtualControllerOption> {
  return { ...option(type), devices: range(0, devicesMax) };
}

const onPci = { controllerType: "VirtualPCIController", autoAssignController: always(true) };
const removable = { connectOption: { startConnected: either(true), allowGuestControl: either(true) } };

function scsi(type: DeviceType): VirtualDeviceOption {
  const units = unitsOf("scsi").length;
  const made: Option<VirtualSCSIControllerOption> = {
    ...controller(type, units),
    ...onPci,
    supportedDevice: ["VirtualDisk", "VirtualCdrom"],
    numSCSIDisks: range(0, units),
    numSCSICdroms: range(0, units),
    numSCSIPassthrough: fixed(0),
    sharing: ["noSharing"],
    defaultSharedIndex: 0,
    hotAddRemove: always(true),
    scsiCtlrUnitNumber: SCSI_CONTROLLER_UNIT,
  };
  return made;
}

function nic(type: DeviceType): VirtualDeviceOption {
  const made: Option<VirtualEthernetCardOption> = {
    ...option(type),
    ...onPci,
    ...removable,
    backingOption: [deviceBacking("VirtualEthernetCardNetworkBacking")],
    defaultBackingOptionIndex: 0,
    supportedOUI: choices(["00:0c:29", "00:50:56"]),
    macType: choices(["manual", "generated", "assigned"], 1),
    wakeOnLanEnabled: either(true),
  };
  return made;
}

function deviceBacking(stem: string): VirtualDeviceBackingOption {
  return { $type: `${stem}Option`, type: `${stem}Info`, autoDetectAvailable: always(false) } as VirtualDeviceBackingOption;
}

function fileBacking(stem: string, extensions: readonly string[]): VirtualDeviceBackingOption {
  return { $type: `${stem}Option`, type: `${stem}Info`, fileNameExtensions: choices(extensions) } as VirtualDeviceBackingOption;
}

const pci: Option<VirtualPCIControllerOption> = {
  ...controller("VirtualPCIController", 128), // slots of the board and of its four bridges of eight functions
  numSCSIControllers: range(0, BUSES.scsi.count),
  numEthernetCards: range(0, PORTS.ethernet.count),
  numVideoCards: fixed(1),
  numSoundCards: fixed(0),
  numVmiRoms: fixed(0),
  numVmciDevices: fixed(1),
  numPCIPassthroughDevices: fixed(0),
  numSasSCSIControllers: range(0, BUSES.scsi.count),
  numVmxnet3EthernetCards: range(0, PORTS.ethernet.count),
  numParaVirtualSCSIControllers: range(0, BUSES.scsi.count),
  numSATAControllers: range(0, BUSES.sata.count),
  numNVMEControllers: range(0, BUSES.nvme.count),
};
const ps2: Option<VirtualPS2ControllerOption> = {
  ...controller("VirtualPS2Controller", 2),
  numKeyboards: fixed(1),
  numPointingDevices: fixed(1),
};
const sio: Option<VirtualSIOControllerOption> = {
  ...controller("VirtualSIOController", PORTS.serial.count + PORTS.floppy.count),
  numFloppyDrives: range(0, PORTS.floppy.count),
  numSerialPorts: range(0, PORTS.serial.count),
  numParallelPorts: fixed(0),
};
const pointingBacking: VirtualPointingDeviceBackingOption & { readonly $type: string } = {
  $type: "VirtualPointingDeviceBackingOption",
  type: "VirtualPointingDeviceDeviceBackingInfo",
  autoDetectAvailable: always(false),
  hostPointingDevice: choices(["autodetect"]),
};
const ide: Option<VirtualIDEControllerOption> = {
  ...controller("VirtualIDEController", BUSES.ide.units),
  supportedDevice: ["VirtualDisk", "VirtualCdrom"],
  numIDEDisks: range(0, BUSES.ide.units),
  numIDECdroms: range(0, BUSES.ide.units),
};
const ahci: Option<VirtualAHCIControllerOption> = {
  ...controller("VirtualAHCIController", BUSES.sata.units),
  ...onPci,
  supportedDevice: ["VirtualDisk", "VirtualCdrom"],
  numSATADisks: range(0, BUSES.sata.units),
  numSATACdroms: range(0, BUSES.sata.units),
};
const nvme: Option<VirtualNVMEControllerOption> = {
  ...controller("VirtualNVMEController", BUSES.nvme.units),
  ...onPci,
  supportedDevice: ["VirtualDisk"],
  numNVMEDisks: range(0, BUSES.nvme.units),
};
const flat: VirtualDiskFlatVer2BackingOption & { readonly $type: string } = {
  $type: "VirtualDiskFlatVer2BackingOption",
  type: "VirtualDiskFlatVer2BackingInfo",
  fileNameExtensions: choices(["vmdk"]),
  diskMode: choices(["persistent", "independent_persistent", "independent_nonpersistent"]),
  split: always(false),
  writeThrough: always(false),
  growable: true,
  hotGrowable: true,
  uuid: true,
  thinProvisioned: either(false),
  eagerlyScrub: either(false),
  deltaDiskFormat: choices([]),
  deltaDiskFormatsSupported: [],
};
const disk: Option<VirtualDiskOption> = {
  ...option("VirtualDisk"),
  backingOption: [flat],
  defaultBackingOptionIndex: 0,
  capacityInKB: range(DISK_BYTES.min / 1024, DISK_BYTES.max / 1024, 8 * 2 ** 20),
  ioAllocationOption: { limitOption: range(-1, LONG_MAX), sharesOption: sharesOption(DISK_SHARES.custom, DISK_SHARES.normal) },
};
const pipe: VirtualSerialPortPipeBackingOption & { readonly $type: string } = {
  $type: "VirtualSerialPortPipeBackingOption",
  type: "VirtualSerialPortPipeBackingInfo",
  endpoint: choices(["client", "server"], 1),
  noRxLoss: either(false),
};
const uri: VirtualSerialPortURIBackingOption & { readonly $type: string } = {
  $type: "VirtualSerialPortURIBackingOption",
  type: "VirtualSerialPortURIBackingInfo",
  directions: choices(["client", "server"], 1),
};
const serial: Option<VirtualSerialPortOption> = {
  ...option("VirtualSerialPort"),
  ...removable,
  controllerType: "VirtualSIOController",
  backingOption: [fileBacking("VirtualSerialPortFileBacking", ["log", "txt"]), pipe, uri],
  defaultBackingOptionIndex: 0,
  yieldOnPoll: either(false),
};
const video: Option<VirtualVideoCardOption> = {
  ...option("VirtualMachineVideoCard", "VirtualVideoCardOption"),
  ...onPci,
  videoRamSizeInKB: range(VIDEO_KIB.min, VIDEO_KIB.max, VIDEO_KIB.default),
  numDisplays: range(1, 10),
  useAutoDetect: either(false),
  support3D: always(false),
  use3dRendererSupported: always(false),
  graphicsMemorySizeSupported: always(false),
};
const vmci: Option<VirtualMachineVMCIDeviceOption> = {
  ...option("VirtualMachineVMCIDevice"),
  ...onPci,
  allowUnrestrictedCommunication: always(false),
  filterSupported: always(true),
};
const xhci: Option<VirtualUSBXHCIControllerOption> = {
  ...controller("VirtualUSBXHCIController", 0),
  ...onPci,
  autoConnectDevices: always(false),
  supportedSpeeds: ["low", "full", "high", "superSpeed"],
};

const usb: Option<VirtualUSBControllerOption> = {
  ...controller("VirtualUSBController", 0),
  ...onPci,
  autoConnectDevices: always(false),
  ehciSupported: either(false),
  supportedSpeeds: ["low", "full", "high"],
};

const everyOption: readonly VirtualDeviceOption[] = [
  pci,
  ps2,
  sio,
  { ...option("VirtualKeyboard"), controllerType: "VirtualPS2Controller" },
  { ...option("VirtualPointingDevice"), controllerType: "VirtualPS2Controller", backingOption: [pointingBacking] },
  ide,
  ...(["ParaVirtualSCSIController", "VirtualLsiLogicController", "VirtualLsiLogicSASController"] as const).map(scsi),
  ahci,
  nvme,
  disk,
  {
    ...option("VirtualCdrom"),
    ...removable,
    backingOption: [
      fileBacking("VirtualCdromIsoBacking", ["iso"]),
      { ...deviceBacking("VirtualCdromRemotePassthroughBacking"), exclusive: always(false) } as VirtualDeviceBackingOption,
    ],
    defaultBackingOptionIndex: 1,
  },
  {
    ...option("VirtualFloppy"),
    ...removable,
    controllerType: "VirtualSIOController",
    backingOption: [fileBacking("VirtualFloppyImageBacking", ["flp", "img"]), deviceBacking("VirtualFloppyRemoteDeviceBacking")],
    defaultBackingOptionIndex: 1,
  },
  serial,
  video,
  vmci,
  usb,
  xhci,
  ...(["VirtualE1000", "VirtualE1000e", "VirtualVmxnet3", "VirtualEthernetCard"] as const).map(nic),
];

/** Those of one hardware version: it has no device that came with a later one. */
export function deviceOptionsOf(version: number): readonly VirtualDeviceOption[] {
  const isOffered = (type: string) => isOfVersion(type, version);
  const counts = {
    ...(!isOffered("VirtualAHCIController") && { numSATAControllers: fixed(0) }),
    ...(!isOffered("VirtualNVMEController") && { numNVMEControllers: fixed(0) }),
  };
  return everyOption.filter(({ type }) => isOffered(type)).map((one) => (one === pci ? { ...pci, ...counts } : one));
}
