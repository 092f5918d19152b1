/**
 * The devices that a guest must find, and no other: what evidence compares the running monitor with. Pure.
 * Paper «Device Isolation»: "a VM detects only the devices assigned to it".
 * It is written beside `plan-monitor.ts`, not derived from it: a device that the plan adds by mistake is a difference.
 */
import { assertNever } from "../../base/index.ts";
import type { DeviceSpec, MachineSpec } from "../machine.ts";
import { BALLOON_SLOT, pciSlotOf } from "./pci-addresses.ts";

export interface ExpectedPciFunction {
  readonly slot: number;
  readonly function: number;
  /** "vendor:device", four lower-case hex digits each. */
  readonly id: string;
  /** Key of the configured device; undefined for the chipset's own. */
  readonly key?: number;
  readonly what: string;
}

export interface ExpectedBlockDevice {
  readonly key: number;
  readonly kind: "disk" | "cdrom" | "floppy";
  readonly hasMedium: boolean;
  readonly isReadOnly: boolean;
}

export interface ExpectedDevices {
  readonly pci: readonly ExpectedPciFunction[];
  readonly block: readonly ExpectedBlockDevice[];
  /** Keys of the serial ports. */
  readonly serial: readonly number[];
  /** The flash that holds UEFI's code and variables, by the names that query-block gives it; none with a BIOS. */
  readonly flash: readonly string[];
}

/** Every VM's: Intel 440FX and PIIX3, the chipset that ESXi's VMs have too. */
const CHIPSET: readonly ExpectedPciFunction[] = [
  { slot: 0, function: 0, id: "8086:1237", what: "440FX host bridge" },
  { slot: 1, function: 0, id: "8086:7000", what: "PIIX3 ISA bridge" },
  { slot: 1, function: 1, id: "8086:7010", what: "PIIX3 IDE" },
  { slot: 1, function: 3, id: "8086:7113", what: "PIIX4 ACPI" },
];

/** The id that QEMU knows a configured device by. */
export function deviceId(key: number): string {
  return `dev${key}`;
}

/** The key in an id that {@link deviceId} made; undefined for the chipset's own devices. */
export function keyOfDeviceId(id: string): number | undefined {
  const match = /^dev([1-9][0-9]{0,9})$/.exec(id);
  return match?.[1] === undefined ? undefined : Number(match[1]);
}

export function expectedDevices(machine: MachineSpec): ExpectedDevices {
  return {
    pci: [...CHIPSET, ...machine.devices.flatMap(expectedPciFunction)].sort((a, b) => a.slot - b.slot || a.function - b.function),
    block: machine.devices.flatMap(expectedBlockDevice).sort((a, b) => a.key - b.key),
    serial: machine.devices.flatMap((device) => (device.kind === "serial" ? [device.key] : [])).sort((a, b) => a - b),
    flash: machine.firmware.kind === "efi" ? ["/machine/system.flash0", "/machine/system.flash1"] : [],
  };
}

function expectedPciFunction(device: DeviceSpec): ExpectedPciFunction[] {
  const slot = pciSlotOf(device);
  const identity = pciIdentityOf(device);
  const balloon = { slot: BALLOON_SLOT, function: 0, id: "1af4:1002", what: "virtio balloon" };
  return [
    ...(slot === undefined || identity === undefined ? [] : [{ slot, function: 0, key: device.key, ...identity }]),
    ...(device.kind === "toolsChannel" ? [balloon] : []),
  ];
}

function pciIdentityOf(device: DeviceSpec): { readonly id: string; readonly what: string } | undefined {
  switch (device.kind) {
    case "video":
      return { id: "15ad:0405", what: "VMware SVGA II" };
    case "scsi":
      return SCSI_IDENTITIES[device.model];
    case "ahci":
      return { id: "8086:2922", what: "ICH9 AHCI" };
    case "nvme":
      return { id: "1b36:0010", what: "QEMU NVMe" };
    case "xhci":
      return { id: "1b36:000d", what: "QEMU xHCI" };
    case "usb":
      return device.model === "ehci" ? { id: "8086:24cd", what: "Intel EHCI" } : { id: "8086:7112", what: "Intel PIIX4 UHCI" };
    case "toolsChannel":
      return { id: "1af4:1003", what: "virtio serial" };
    case "nic":
      return NIC_IDENTITIES[device.model];
    case "ide":
    case "disk":
    case "cdrom":
    case "floppy":
    case "serial":
      return undefined;
    default:
      return assertNever(device);
  }
}

const SCSI_IDENTITIES = {
  lsilogic: { id: "1000:0012", what: "LSI 53C895A" },
  lsisas1068: { id: "1000:0054", what: "LSI SAS1068" },
  pvscsi: { id: "15ad:07c0", what: "VMware PVSCSI" },
} as const;

const NIC_IDENTITIES = {
  e1000: { id: "8086:100e", what: "Intel 82540EM" },
  e1000e: { id: "8086:10d3", what: "Intel 82574L" },
  vmxnet3: { id: "15ad:07b0", what: "VMware VMXNET3" },
  virtio: { id: "1af4:1000", what: "virtio network" },
} as const;

function expectedBlockDevice(device: DeviceSpec): ExpectedBlockDevice[] {
  switch (device.kind) {
    case "disk":
      return [{ key: device.key, kind: "disk", hasMedium: true, isReadOnly: false }];
    case "cdrom":
    case "floppy":
      return [{ key: device.key, kind: device.kind, hasMedium: device.image !== undefined, isReadOnly: device.image !== undefined }];
    case "scsi":
    case "ahci":
    case "ide":
    case "nvme":
    case "nic":
    case "video":
    case "xhci":
    case "usb":
    case "serial":
    case "toolsChannel":
      return [];
    default:
      return assertNever(device);
  }
}
