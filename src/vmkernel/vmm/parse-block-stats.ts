/**
 * What a monitor says its disks have done, by the VM's own disks. Pure. Source: QEMU query-blockstats.
 * A guest may have broken out into its monitor: figures that cannot be are left out, and no other disk is made up.
 */
import type { Device, MachineSpec } from "../machine.ts";
import type { VirtualDiskLoad } from "../rpc.ts";
import { asShape, readInteger, readShape, type Shape } from "../shape.ts";
import { deviceId } from "./expected-devices.ts";

const COUNT = { min: 0, max: Number.MAX_SAFE_INTEGER };
const NS_PER_MS = 1_000_000;
const ENTRIES_MAX = 1000; // a VM has fewer drives than this by far

/** @param answer of query-blockstats (untrusted) */
export function parseBlockStats(answer: unknown, machine: MachineSpec): VirtualDiskLoad[] {
  const entries = Array.isArray(answer) ? answer.slice(0, ENTRIES_MAX) : [];
  return machine.devices.flatMap((device) => {
    if (device.kind !== "disk") return [];
    const place = placeOf(device, machine);
    const stats = place === undefined ? undefined : readStats(entries, deviceId(device.key));
    return place === undefined || stats === undefined ? [] : [{ key: device.key, place, ...stats }];
  });
}

type Stats = Omit<VirtualDiskLoad, "key" | "place">;

function readStats(entries: readonly unknown[], id: string): Stats | undefined {
  try {
    const entry = entries.map((value) => asShape(value, "blockstats")).find(({ fields }) => isAbout(fields.qdev, id));
    if (entry === undefined) return undefined;
    const stats: Shape = readShape(entry, "stats");
    const count = (name: string): number => readInteger(stats, name, COUNT);
    return {
      reads: count("rd_operations"),
      writes: count("wr_operations"),
      readBytes: count("rd_bytes"),
      writtenBytes: count("wr_bytes"),
      readMs: count("rd_total_time_ns") / NS_PER_MS,
      writeMs: count("wr_total_time_ns") / NS_PER_MS,
    };
  } catch {
    return undefined; // not QEMU's form: this disk has no figures
  }
}

/** An id, or the path of a device that has one: "/machine/peripheral/dev2000/virtio-backend". */
function isAbout(qdev: unknown, id: string): boolean {
  return typeof qdev === "string" && qdev.split("/").includes(id);
}

const BUS_NAMES = { scsi: "scsi", ahci: "sata", ide: "ide", nvme: "nvme" } as const;

/** "scsi0:1", as a .vmx names it. */
function placeOf({ controllerKey, unit }: Device<"disk">, { devices }: MachineSpec): string | undefined {
  const controller = devices.find(({ key }) => key === controllerKey);
  switch (controller?.kind) {
    case "scsi":
    case "ahci":
    case "ide":
    case "nvme":
      return `${BUS_NAMES[controller.kind]}${controller.bus}:${unit}`;
    default:
      return undefined;
  }
}
