/**
 * A disk that grows under its guest, where the datastores and its monitor meet: first the file, then the descriptor, and the guest last.
 * Cut short, the disk is the one that it was or the larger one, by what its descriptor says; a vmkernel that takes the monitor up tells
 * a guest what it has not heard.
 */
import { formatDatastorePath, messageOf } from "../base/index.ts";
import { fault } from "../wire/index.ts";
import { type ChainParts, disksOf, diskWith } from "./chains.ts";
import { type Controls, UNWATCHED } from "./controls.ts";
import type { DiskDescription, VmkernelRequest } from "./rpc.ts";
import { type Monitor, refuseGrowth, showCapacity, shownCapacity } from "./vmm/index.ts";

export type GrowRequest = Extract<VmkernelRequest, { kind: "growDisk" }>;

/** @throws {Fault} InvalidState, InvalidDeviceOperation, NoDiskSpace …; then the disk is what it was */
export function growDisk(parts: ChainParts, { vm, descriptor, capacityBytes }: GrowRequest, controls: Controls): Promise<DiskDescription> {
  const { storage, require, inTurn, log } = parts;
  return inTurn(vm, async () => {
    const monitor = require(vm);
    const { machine } = monitor.record;
    const file = formatDatastorePath(descriptor);
    const disk = diskWith(machine, descriptor);
    if (disk === undefined) throw fault("InvalidArgument", `${machine.name} has no disk ${file}.`, { invalidProperty: "descriptor" });
    const { parents } = await storage.describeDisk(descriptor);
    const refusal = refuseGrowth({ machine, disk, hasParent: parents.length > 0 });
    if (refusal !== undefined) throw refusal;
    const before = await shownCapacity(monitor, disk);
    const show = async () => {
      try {
        await showCapacity(monitor, disk, capacityBytes);
      } catch (cause) {
        const reason = messageOf(cause);
        const shown = await shownCapacity(monitor, disk).catch(() => undefined);
        if (shown === before)
          throw fault("GenericVmConfigFault", `Telling ${machine.name} of the size of ${file}: ${reason}`, { reason }, { cause });
        // It may write there by now, so the disk keeps its size.
        log(`VM ${vm}: ${file} has grown, and its monitor says: ${reason}`);
      }
    };
    return storage.extendWritten(descriptor, { capacityBytes, show }, controls);
  });
}

/** After a vmkernel was killed while a disk grew: the guest hears of it now, and a file that has grown for nothing is as long as it was. */
export async function settleSizes({ storage, log }: ChainParts, monitor: Monitor): Promise<void> {
  const { machine } = monitor.record;
  for (const disk of disksOf(machine)) {
    const file = formatDatastorePath(disk.descriptor);
    try {
      using own = await storage.openOwn(disk.descriptor, { writable: false });
      const { capacityBytes, sizeBytes, format } = own;
      if (format !== "raw" || refuseGrowth({ machine, disk, hasParent: false }) !== undefined) continue;
      if (sizeBytes === capacityBytes && (await shownCapacity(monitor, disk)) === capacityBytes) continue;
      const show = () => showCapacity(monitor, disk, capacityBytes);
      await storage.extendWritten(disk.descriptor, { capacityBytes, show }, UNWATCHED);
    } catch (error) {
      log(`VM ${monitor.vm}: the size of ${file}: ${messageOf(error)}`);
    }
  }
}
