/**
 * Where each device sits on the virtual PCI bus. Pure.
 * The slot follows from the device's own kind, bus and key, never from the other devices, so that adding or removing one moves no
 * other: a guest that named its interfaces and disks by slot finds them again.
 *
 *   0 host bridge   1 chipset (ISA, IDE, ACPI)   2 video   3–6 SCSI   7–10 AHCI   11–14 NVMe   15 xHCI   16 tools channel   17–26 NICs   27 USB   28 balloon
 */
import { assertNever } from "../../base/index.ts";
import type { DeviceSpec } from "../machine.ts";

/** vim25's numbering of virtual Ethernet cards: ethernet0 is 4000. */
export const NIC_KEY_FIRST = 4000;
/** The balloon comes and goes with the tools channel. */
export const BALLOON_SLOT = 28;
/** vSphere's most NICs of a VM. */
export const NICS_MAX = 10;

/** The slot of a device that is a PCI function of its own; undefined for one that hangs on a controller or the chipset. */
export function pciSlotOf(device: DeviceSpec): number | undefined {
  switch (device.kind) {
    case "video":
      return 2;
    case "scsi":
      return 3 + device.bus;
    case "ahci":
      return 7 + device.bus;
    case "nvme":
      return 11 + device.bus;
    case "xhci":
      return 15;
    case "toolsChannel":
      return 16;
    case "nic":
      return 17 + device.key - NIC_KEY_FIRST;
    case "usb":
      return 27;
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
