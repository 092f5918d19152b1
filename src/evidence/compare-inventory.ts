/**
 * What REPORT LUNS and INQUIRY (IDENTIFY, for ATA and NVMe) tell a guest: where each drive hangs, what it calls itself, and its numbers.
 * Compares what a running QEMU has with what the VM's configuration says. Pure. Paper «Device Isolation».
 * What is expected is written beside the plan of the monitor, not taken from it: a name of the host's in it is a difference.
 */
import { assertNever } from "../base/index.ts";
import type { DeviceSpec, MachineSpec } from "../vmkernel/index.ts";
import type { Comparison } from "./compare-devices.ts";

/** @param uuids of the machine's disks, by their keys: 32 hex digits @param qtree QEMU's device tree, as it came */
export function compareInventory(machine: MachineSpec, uuids: ReadonlyMap<number, string>, qtree: string): Comparison {
  const expected = machine.devices.flatMap((device) => expectedDrive(machine, device, uuids));
  const found = drivesIn(qtree);
  return {
    same: expected.filter((what) => found.includes(what)),
    missing: expected.filter((what) => !found.includes(what)),
    surplus: found.filter((what, index) => !expected.includes(what) || found.indexOf(what) !== index),
  };
}

const ATA_SERIAL_CHARACTERS = 20; // IDENTIFY DEVICE words 10–19
const NO_WWN = "0x0";

interface Drive {
  readonly place: string;
  readonly name: string;
  /** What tells it from others: all of it made from the disk's own UUID. */
  readonly serial: string;
  readonly wwn: string;
}

const driveText = ({ place, name, serial, wwn }: Drive): string => `${place}: "${name}", serial "${serial}", WWN ${wwn}`;

function expectedDrive(machine: MachineSpec, device: DeviceSpec, uuids: ReadonlyMap<number, string>): string[] {
  if (device.kind !== "disk" && device.kind !== "cdrom") return [];
  const controller = machine.devices.find(({ key }) => key === device.controllerKey);
  const isDisk = device.kind === "disk";
  const uuid = uuids.get(device.key) ?? "unknown";
  const wwn = isDisk ? `0x5000c29${uuid.slice(-9)}`.replace(/^0x0*/, "0x") : NO_WWN;
  switch (controller?.kind) {
    case "scsi":
      return [
        driveText({
          place: `dev${controller.key}, target ${device.unit}, LUN 0`,
          name: isDisk ? "VMware Virtual disk" : "NECVMWar VMware SCSI CDR",
          serial: isDisk ? uuid : "",
          wwn,
        }),
      ];
    case "ahci":
    case "ide": {
      const kind = controller.kind === "ahci" ? "SATA" : "IDE";
      const name = isDisk ? `VMware Virtual ${kind} Hard Drive` : `VMware Virtual ${kind} ${kind === "IDE" ? "CDROM" : "CDRW"} Drive`;
      const place = controller.kind === "ahci" ? `dev${controller.key}, port ${device.unit}` : `ide.${controller.bus}, unit ${device.unit}`;
      // QEMU numbers the CD drives of a machine itself.
      return [driveText({ place, name, serial: isDisk ? uuid.slice(-ATA_SERIAL_CHARACTERS) : "QM", wwn })];
    }
    case "nvme":
      return [driveText({ place: `dev${controller.key}, namespace ${device.unit + 1}`, name: "", serial: uuid, wwn: NO_WWN })];
    case undefined:
    case "disk":
    case "cdrom":
    case "floppy":
    case "nic":
    case "video":
    case "serial":
    case "toolsChannel":
    case "usb":
    case "xhci":
      return [];
    default:
      return assertNever(controller);
  }
}

const DRIVE = /^(\s*)dev: (scsi-hd|scsi-cd|scsi-block|scsi-generic|ide-hd|ide-cd|nvme-ns), id "[^"]*"$/;

/** `bus: X` and beneath it, indented, `dev: scsi-hd, id "dev2000"` and `name = value` for each of its properties. */
function drivesIn(qtree: string): readonly string[] {
  const lines = qtree.replaceAll("\r", "").split("\n");
  const found: string[] = [];
  let bus = "";
  for (const [index, line] of lines.entries()) {
    bus = /^\s*bus: (\S+)$/.exec(line)?.[1] ?? bus;
    const [, indent = "", kind] = DRIVE.exec(line) ?? [];
    if (kind === undefined) continue;
    const properties = new Map<string, string>();
    for (const property of lines.slice(index + 1)) {
      const [, depth = "", name = "", value = ""] = /^(\s*)(\S+) = (.*)$/.exec(property) ?? [];
      if (depth.length <= indent.length) break;
      properties.set(name, value);
    }
    found.push(driveText(driveOf(kind, bus, properties)));
  }
  return found;
}

function driveOf(kind: string, bus: string, properties: ReadonlyMap<string, string>): Drive {
  const text = (name: string) => /^"(.*)"$/.exec(properties.get(name) ?? "")?.[1] ?? "";
  const number = (name: string) => Number.parseInt(properties.get(name) ?? "", 10);
  const wwn = /\((0x[0-9a-f]+)\)/.exec(properties.get("wwn") ?? "")?.[1] ?? NO_WWN;
  const controller = bus.replace(/\.\d+$/, "");
  if (kind === "nvme-ns")
    return {
      place: `${bus}, namespace ${number("nsid")}`,
      name: "",
      serial: text("uuid").replaceAll("-", ""),
      wwn: properties.get("eui64") === "0 (0x0)" ? NO_WWN : (properties.get("eui64") ?? NO_WWN),
    };
  if (kind === "ide-hd" || kind === "ide-cd") {
    const place = bus.startsWith("ide.")
      ? `${bus}, unit ${number("unit")}`
      : `${controller}, port ${Number(bus.slice(controller.length + 1))}`;
    return { place, name: text("model"), serial: kind === "ide-cd" ? text("serial").replace(/^QM\d+$/, "QM") : text("serial"), wwn };
  }
  const serial = text("serial");
  const id = text("device_id");
  // Both are shown, by VPD pages 80h and 83h; QEMU leaves the second out where it was not given.
  return {
    place: `${controller}, target ${number("scsi-id")}, LUN ${number("lun")}`,
    name: `${text("vendor")} ${text("product")}`,
    serial: id === "" || id === serial ? serial : `${serial}, ${id}`,
    wwn,
  };
}
