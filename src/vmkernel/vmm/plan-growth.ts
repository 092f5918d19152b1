/**
 * Whether a disk can grow while its guest runs. Pure.
 * Source: vim25 VirtualDisk.capacityInKB; VMware's hosts extend a powered-on VM's disk where it hangs on a SCSI controller and no
 * snapshot lies beneath it. QEMU 7.2: an NVMe namespace keeps its disk from being resized.
 */
import type { Fault } from "../../base/index.ts";
import { fault } from "../../wire/index.ts";
import type { MachineSpec } from "../machine.ts";
import { labelOf } from "./check-machine.ts";
import { type Disk, refusalFault } from "./plan-change.ts";

export interface Growth {
  readonly machine: MachineSpec;
  readonly disk: Disk;
  /** Whether it is a child of another disk: a snapshot or a linked clone. */
  readonly hasParent: boolean;
}

/** @param deviceIndex of the disk among those that the asker listed @returns InvalidState, InvalidDeviceOperation; undefined where it can */
export function refuseGrowth({ machine, disk, hasParent }: Growth, deviceIndex = 0): Fault | undefined {
  const refuse = (because: string) => refusalFault({ kind: "device", device: disk, operation: "edit", because }, machine, deviceIndex);
  if (disk.mode === "independent_nonpersistent")
    return refuse("is independent_nonpersistent: it can grow only while the VM is powered off");
  const controller = machine.devices.find(({ key }) => key === disk.controllerKey);
  if (controller?.kind !== "scsi")
    return refuse(
      `hangs on ${controller === undefined ? "its controller" : labelOf(controller)}: only a disk on a SCSI controller grows while the VM is powered on`,
    );
  if (!hasParent) return undefined;
  const message = `The operation is not allowed in the current state: the device ${labelOf(disk)} of ${machine.name} has a parent, as after a snapshot or in a linked clone, and such a disk does not grow.`;
  return fault("InvalidState", message, {});
}
