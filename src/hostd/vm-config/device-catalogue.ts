/**
 * Every device type of the API: what it is called, where its keys stand in a .vmx, and what it is to a monitor. A table; pure.
 * A type of the schema that is missing here fails the catalogue's test.
 */
import type { DeviceKind } from "../../vmkernel/index.ts";

export type FamilyName =
  | "board"
  | "storageController"
  | "disk"
  | "cdrom"
  | "nic"
  | "floppy"
  | "serial"
  | "video"
  | "vmci"
  | "xhci"
  | "usb"
  | "notOffered";

export interface CatalogueRow {
  readonly family: FamilyName;
  /** As faults and summaries call it. */
  readonly name: string;
  /** The value of the key virtualDev that tells it from others of its family. */
  readonly virtualDev?: string;
  /** The hardware version that it came with, where that is later than the first of ours. Source: VMware KB 1003746. */
  readonly since?: number;
  /**
   * What the monitor makes of it. "board": part of every VM. "notOffered": QEMU has no model of it, or it would reach through to the
   * host; kept in an existing .vmx, refused otherwise. "abstract": no device, a base type.
   */
  readonly machine: DeviceKind | "board" | "notOffered" | "abstract";
}

const notOffered = (name: string) => ({ family: "notOffered", name, machine: "notOffered" }) as const;
const abstract = (name: string) => ({ family: "notOffered", name, machine: "abstract" }) as const;

export const DEVICE_CATALOGUE = {
  VirtualPCIController: { family: "board", name: "PCI controller", machine: "board" },
  VirtualPS2Controller: { family: "board", name: "PS2 controller", machine: "board" },
  VirtualSIOController: { family: "board", name: "SIO controller", machine: "board" },
  VirtualKeyboard: { family: "board", name: "Keyboard", machine: "board" },
  VirtualPointingDevice: { family: "board", name: "Pointing device", machine: "board" },

  VirtualIDEController: { family: "storageController", name: "IDE", machine: "ide" },
  ParaVirtualSCSIController: { family: "storageController", name: "VMware paravirtual SCSI", virtualDev: "pvscsi", machine: "scsi" },
  VirtualLsiLogicController: { family: "storageController", name: "LSI Logic", virtualDev: "lsilogic", machine: "scsi" },
  VirtualLsiLogicSASController: { family: "storageController", name: "LSI Logic SAS", virtualDev: "lsisas1068", machine: "scsi" },
  VirtualBusLogicController: { family: "storageController", name: "BusLogic", virtualDev: "buslogic", machine: "notOffered" },
  VirtualAHCIController: { family: "storageController", name: "AHCI", since: 10, machine: "ahci" },
  VirtualNVMEController: { family: "storageController", name: "NVME", since: 13, machine: "nvme" },

  VirtualDisk: { family: "disk", name: "Hard disk", machine: "disk" },
  VirtualCdrom: { family: "cdrom", name: "CD/DVD drive", machine: "cdrom" },
  VirtualFloppy: { family: "floppy", name: "Floppy drive", machine: "floppy" },
  VirtualSerialPort: { family: "serial", name: "Serial port", machine: "serial" },
  VirtualMachineVideoCard: { family: "video", name: "Video card", machine: "video" },
  VirtualMachineVMCIDevice: { family: "vmci", name: "VMCI device", machine: "toolsChannel" },
  VirtualUSBXHCIController: { family: "xhci", name: "USB xHCI controller", machine: "xhci" },
  VirtualUSBController: { family: "usb", name: "USB controller", machine: "usb" },

  VirtualE1000: { family: "nic", name: "E1000", virtualDev: "e1000", machine: "nic" },
  VirtualE1000e: { family: "nic", name: "E1000e", virtualDev: "e1000e", machine: "nic" },
  VirtualVmxnet3: { family: "nic", name: "VMXNET 3", virtualDev: "vmxnet3", machine: "nic" },
  /** vim25 has no type for it: an adapter that is none of VMware's is no more than an Ethernet card there. */
  VirtualEthernetCard: { family: "nic", name: "virtio", virtualDev: "virtio", machine: "nic" },
  VirtualPCNet32: { family: "nic", name: "Flexible (PCnet32)", virtualDev: "vlance", machine: "notOffered" },
  VirtualVmxnet: { family: "nic", name: "VMXNET", virtualDev: "vmxnet", machine: "notOffered" },
  VirtualVmxnet2: { family: "nic", name: "VMXNET 2", virtualDev: "vmxnet2", machine: "notOffered" },
  VirtualVmxnet3Vrdma: { family: "nic", name: "PVRDMA", virtualDev: "pvrdma", machine: "notOffered" },
  VirtualSriovEthernetCard: { family: "nic", name: "SR-IOV passthrough", virtualDev: "sriov", machine: "notOffered" },

  VirtualUSB: notOffered("USB device"),
  VirtualSCSIPassthrough: notOffered("SCSI device"),
  VirtualParallelPort: notOffered("Parallel port"),
  VirtualPCIPassthrough: notOffered("PCI device"),
  VirtualTPM: notOffered("Virtual TPM"),
  VirtualHdAudioCard: notOffered("HD audio"),
  VirtualEnsoniq1371: notOffered("Sound card (ES1371)"),
  VirtualSoundBlaster16: notOffered("Sound card (Sound Blaster 16)"),
  VirtualPrecisionClock: notOffered("Precision clock"),
  VirtualWDT: notOffered("Watchdog timer"),
  VirtualNVDIMM: notOffered("NVDIMM"),
  VirtualNVDIMMController: notOffered("NVDIMM controller"),
  VirtualMachineVMIROM: notOffered("VMI ROM"),

  VirtualDevice: abstract("Device"),
  VirtualController: abstract("Controller"),
  VirtualSCSIController: abstract("SCSI controller"),
  VirtualSATAController: abstract("SATA controller"),
  VirtualSoundCard: abstract("Sound card"),
} as const satisfies Readonly<Record<string, CatalogueRow>>;

export type DeviceType = keyof typeof DEVICE_CATALOGUE;

export function isDeviceType(type: string | undefined): type is DeviceType {
  return type !== undefined && Object.hasOwn(DEVICE_CATALOGUE, type);
}

export function catalogueRow(type: string | undefined): CatalogueRow | undefined {
  return isDeviceType(type) ? DEVICE_CATALOGUE[type] : undefined;
}

export function isOfVersion(type: string | undefined, version: number): boolean {
  return (catalogueRow(type)?.since ?? 0) <= version;
}

/** The types of one family, as `virtualDev` tells them apart. */
export function typesOf(family: FamilyName): readonly (readonly [DeviceType, CatalogueRow])[] {
  return Object.entries<CatalogueRow>(DEVICE_CATALOGUE).flatMap(([type, row]) =>
    row.family === family && isDeviceType(type) ? [[type, row] as const] : [],
  );
}
