/**
 * The order in which a VM tries its devices. Pure.
 * A .vmx has kinds in bios.bootOrder ("cdrom,hdd,ethernet0") and, for the disks among them, bios.hddOrder ("scsi0:1,scsi0:0").
 * Disks that a client sets apart from each other come together, at the first one's place.
 */
import { readVmx, type VirtualDevice, type VirtualMachineBootOptionsBootableDevice, type Vmx, type VmxChanges } from "../../wire/index.ts";
import { familyOf } from "./devices/index.ts";
import { invalidArgument } from "./fields.ts";
import { PORTS } from "./limits.ts";

const BOOT_ORDER = "bios.bootOrder";
const DISK_ORDER = "bios.hddOrder";
const ORDER_MAX = 64;

type BootDevice = VirtualMachineBootOptionsBootableDevice & { readonly deviceKey?: number };

/**
 * @param order first choice first; one entry of the base type alone stands for no order
 * @throws {Fault} InvalidArgument for a device that the VM does not have
 */
export function writeBootOrder(order: readonly VirtualMachineBootOptionsBootableDevice[], devices: readonly VirtualDevice[]): VmxChanges {
  if (order.length > ORDER_MAX) throw invalidArgument("configSpec.bootOptions.bootOrder");
  // An empty array cannot be told from none on the wire, so clients send one entry of the base type, which names no device.
  if (order.length === 1 && isNoDevice(order[0])) return { [BOOT_ORDER]: undefined, [DISK_ORDER]: undefined };
  const kinds: string[] = [];
  const disks: string[] = [];
  order.forEach((entry: BootDevice, index) => {
    const device = devices.find(({ key }) => key === entry.deviceKey);
    switch (entry.$type) {
      case "VirtualMachineBootOptionsBootableDiskDevice":
        if (device?.$type !== "VirtualDisk") throw invalidArgument(`configSpec.bootOptions.bootOrder[${index}].deviceKey`);
        kinds.push("hdd");
        disks.push(familyOf(device).prefixOf(device));
        return;
      case "VirtualMachineBootOptionsBootableEthernetDevice":
        if (device === undefined || !("macAddress" in device))
          throw invalidArgument(`configSpec.bootOptions.bootOrder[${index}].deviceKey`);
        kinds.push(familyOf(device).prefixOf(device));
        return;
      case "VirtualMachineBootOptionsBootableCdromDevice":
        kinds.push("cdrom");
        return;
      case "VirtualMachineBootOptionsBootableFloppyDevice":
        kinds.push("floppy");
        return;
      default:
        throw invalidArgument(`configSpec.bootOptions.bootOrder[${index}]`);
    }
  });
  return { [BOOT_ORDER]: [...new Set(kinds)].join(",") || undefined, [DISK_ORDER]: [...new Set(disks)].join(",") || undefined };
}

function isNoDevice(entry: VirtualMachineBootOptionsBootableDevice | undefined): boolean {
  return entry?.$type === undefined || entry.$type === "VirtualMachineBootOptionsBootableDevice";
}

/** As clients see it; entries of devices that have gone are left out. */
export function readBootOrder(vmx: Vmx, devices: readonly VirtualDevice[]): VirtualMachineBootOptionsBootableDevice[] {
  return wordsOf(vmx, BOOT_ORDER).flatMap((word): BootDevice[] => {
    if (word === "cdrom") return [{ $type: "VirtualMachineBootOptionsBootableCdromDevice" }];
    if (word === "floppy") return [{ $type: "VirtualMachineBootOptionsBootableFloppyDevice" }];
    if (word === "hdd")
      return disksInOrder(vmx, devices).map(({ key }) => ({ $type: "VirtualMachineBootOptionsBootableDiskDevice", deviceKey: key }));
    return nicsNamed(word, devices).map(({ key }) => ({ $type: "VirtualMachineBootOptionsBootableEthernetDevice", deviceKey: key }));
  });
}

/** As the monitor gets it: the keys of the devices, first choice first. */
export function bootKeys(vmx: Vmx, devices: readonly VirtualDevice[]): number[] {
  const keys = wordsOf(vmx, BOOT_ORDER).flatMap((word) => {
    if (word === "hdd") return [...disksInOrder(vmx, devices), ...devices.filter(({ $type }) => $type === "VirtualDisk")];
    if (word === "cdrom") return devices.filter(({ $type }) => $type === "VirtualCdrom");
    if (word === "floppy") return devices.filter(({ $type }) => $type === "VirtualFloppy");
    return nicsNamed(word, devices);
  });
  return [...new Set(keys.map(({ key }) => key))];
}

function disksInOrder(vmx: Vmx, devices: readonly VirtualDevice[]): VirtualDevice[] {
  const disks = devices.filter(({ $type }) => $type === "VirtualDisk");
  return wordsOf(vmx, DISK_ORDER).flatMap((prefix) => disks.find((disk) => familyOf(disk).prefixOf(disk) === prefix) ?? []);
}

/** "ethernet1", or "ethernet" for all of them. */
function nicsNamed(word: string, devices: readonly VirtualDevice[]): VirtualDevice[] {
  const nics = devices.filter((device) => "macAddress" in device);
  return nics.filter(({ key }) => word === "ethernet" || word === `ethernet${key - PORTS.ethernet.key}`);
}

function wordsOf(vmx: Vmx, key: string): string[] {
  const words = (readVmx(vmx, key) ?? "").toLowerCase().split(",");
  return words
    .map((word) => word.trim())
    .filter((word) => word !== "")
    .slice(0, ORDER_MAX);
}
