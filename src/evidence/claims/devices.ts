/** What guests see, and what two of them could share. Pure. Paper «Device Isolation». */

import { type Claim, judgeLooks, type Look } from "../claim.ts";
import { compareDevices } from "../compare-devices.ts";
import { compareInventory } from "../compare-inventory.ts";
import type { ObservedMonitor } from "../observe.ts";
import { nameOf } from "./monitors.ts";

const NO_MONITOR = "No VM is powered on, so there is no guest to look at.";

/** «A guest OS in an individual virtual machine cannot detect any device other than the virtual devices made available to it.» */
const devicesAsConfigured: Claim = {
  claim: "The devices in each guest are the devices configured, and no more.",
  heading: "Device Isolation",
  judge: ({ monitors }) =>
    judgeLooks(
      monitors.flatMap((monitor): readonly Look[] => {
        const { same, missing, surplus } = compareDevices(monitor.inspection.machine, monitor.inspection.qmp);
        return [
          { fact: `${nameOf(monitor)}: as configured: ${same.join("; ")}`, holds: same.length > 0 },
          ...missing.map((what) => ({ fact: `${nameOf(monitor)}: configured and not in the guest: ${what}`, holds: false })),
          ...surplus.map((what) => ({ fact: `${nameOf(monitor)}: in the guest and not configured: ${what}`, holds: false })),
        ];
      }),
      NO_MONITOR,
    ),
};

/** «the SCSI REPORT LUNS and INQUIRY commands» of a guest are answered for its own disks: no name, number or path of the host's. */
const inventoryAsConfigured: Claim = {
  claim: "What the drives in each guest answer to REPORT LUNS and INQUIRY is what is configured, and nothing of the host.",
  heading: "Device Isolation",
  judge: ({ monitors }) =>
    judgeLooks(
      monitors.flatMap((monitor): readonly Look[] => {
        const { machine, qmp } = monitor.inspection;
        const { same, missing, surplus } = compareInventory(machine, monitor.diskUuids, qmp.qtree);
        return [
          ...same.map((what) => ({ fact: `${nameOf(monitor)}: as configured: ${what}`, holds: true })),
          ...missing.map((what) => ({ fact: `${nameOf(monitor)}: configured and not in the guest: ${what}`, holds: false })),
          ...surplus.map((what) => ({ fact: `${nameOf(monitor)}: in the guest and not configured: ${what}`, holds: false })),
        ];
      }),
      "No VM that is powered on has a drive.",
    ),
};

/** Also of those that are no monitors. The lock is the kernel's, on the file: no second monitor is started with it, by whom ever. */
const disksHeld: Claim = {
  claim: "Each disk that a running VM writes is open for writing in its own monitor and in no other process, which holds the lock of it.",
  heading: "Device Isolation",
  judge: ({ disks, monitors }) => {
    const looks = disks.map(({ id, path, monitor, writers }) => {
      const own = new Set([monitor.process.pid, ...monitor.inspection.pids]);
      const strangers = writers.filter((pid) => !own.has(pid));
      const held = monitor.process.descriptors.filter(({ device, inode, access }) => `${device}:${inode}` === id && access === "readWrite");
      const isLocked = held.some(({ lock }) => lock === "exclusive");
      const others = strangers.length === 0 ? "no other process" : `process ${strangers.join(" and ")}`;
      const fact = `${nameOf(monitor)}: ${path} (${id}) is open for writing in it ${held.length} times and in ${others}; ${isLocked ? "locked" : "not locked"}`;
      return { fact, holds: held.length > 0 && strangers.length === 0 && isLocked };
    });
    return judgeLooks(looks, monitors.length === 0 ? NO_MONITOR : "No VM that is powered on has a disk that it writes.");
  },
};

/** «A virtual machine is incapable of mounting another virtual machine's disk unless the disk has been explicitly assigned to both.» */
const disksApart: Claim = {
  claim: "No two running VMs hold a descriptor of the same writable file.",
  heading: "Device Isolation",
  judge: ({ monitors }) => {
    const writers = new Map<string, { readonly monitor: ObservedMonitor; readonly target: string }[]>();
    for (const monitor of monitors) {
      for (const { kind, access, device, inode, target } of monitor.process.descriptors) {
        if ((kind !== "file" && kind !== "blockDevice") || access === "read" || access === "path" || isPrivateMemory(target)) continue;
        const id = `${device}:${inode}`;
        const known = writers.get(id) ?? [];
        if (!known.some((writer) => writer.monitor === monitor)) writers.set(id, [...known, { monitor, target }]);
      }
    }
    const looks = [...writers].map(([id, holders]) => ({
      fact: `${holders[0]?.target} (${id}) is open for writing in ${holders.map(({ monitor }) => nameOf(monitor)).join(" and ")}`,
      holds: holders.length === 1,
    }));
    return judgeLooks(looks, NO_MONITOR);
  },
};

/** Paper «Linked Clones»: what many VMs read is written by none of them, nor by anybody else. */
const parentsUnwritten: Claim = {
  claim: "No process of the machine can write a disk that others descend from: a snapshot's, or the parent of linked clones.",
  heading: "Linked Clones",
  judge: ({ monitors, parents }) => {
    const looks = parents.map(({ id, path, writers }) => ({
      fact: `${path} (${id}) is open for writing in ${writers.length === 0 ? "no process" : `process ${writers.join(" and ")}`}`,
      holds: writers.length === 0,
    }));
    const none = { fact: `Of ${monitors.length} running VMs none has a disk that descends from another.`, holds: true };
    return judgeLooks(looks.length === 0 && monitors.length > 0 ? [none] : looks, NO_MONITOR);
  },
};

/** Anonymous memory files have an inode each, and no other process can name them. */
function isPrivateMemory(target: string): boolean {
  return target.startsWith("/memfd:");
}

export const deviceClaims: readonly Claim[] = [devicesAsConfigured, inventoryAsConfigured, disksApart, disksHeld, parentsUnwritten];
