/** A running monitor as Storage I/O Control sees it: its disks, what they have done, and how they are held back. */
import type { StorageUser } from "./resources/index.ts";
import { holdDisk, type Monitor } from "./vmm/index.ts";

/** The shares of a disk whose machine names none. */
const USUAL_SHARES = 1000;

export function storageUser(monitor: Monitor): StorageUser {
  const { vm, record } = monitor;
  const disks = record.machine.devices.flatMap((device) => (device.kind === "disk" ? [device] : []));
  return {
    vm,
    pid: monitor.pid,
    disks: disks.map(({ key, descriptor, ioShares = USUAL_SHARES, iopsMax }) => ({
      ...{ key, datastore: descriptor.datastore, shares: ioShares },
      ...(iopsMax !== undefined && { limit: iopsMax }),
    })),
    query: () => monitor.diskLoads(),
    async hold(key, units) {
      const disk = disks.find((candidate) => candidate.key === key);
      if (disk !== undefined) await holdDisk(monitor, disk, units);
    },
  };
}
