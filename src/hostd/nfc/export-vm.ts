/**
 * VirtualMachine.ExportVm: a lease by which the client fetches the disks of a VM that is off, and stays off meanwhile; and the same of
 * one of its snapshots. A disk with parents comes as one that has none.
 */
import { type DatastorePath, Fault, formatDatastorePath } from "../../base/index.ts";
import { fault, type MoRef, type VirtualMachineConfigInfo } from "../../wire/index.ts";
import type { Call, HostAgent } from "../agent.ts";
import { describeDisk } from "../disks/disk-deeds.ts";
import { faultOf } from "../faults.ts";
import { partOfSnapshot } from "../snapshots/snapshot-tree.ts";
import type { Vm } from "../vm.ts";
import { descriptorOf } from "../vm-config/index.ts";
import { readableFiles } from "../vm-deeds/context.ts";
import { diskFilesOf } from "./lease-files.ts";
import { addressOf, openLease } from "./leases.ts";

export function exportVm(call: Call, vm: Vm): Promise<MoRef<"HttpNfcLease">> {
  return exportDisks(call, vm, readableFiles(vm).config);
}

/**
 * VirtualMachineSnapshot.ExportSnapshot: the disks as they were then, whatever the VM writes now. What is independent was no part of it.
 * @throws {Fault} InvalidState for a snapshot of which nothing is kept
 */
export function exportSnapshot(call: Call, vm: Vm, uid: number): Promise<MoRef<"HttpNfcLease">> {
  const config = readableFiles(vm).snapshotConfigs.get(uid);
  if (config === undefined) throw fault("InvalidState", `The configuration in snapshot ${uid} of ${vm.name} cannot be read.`, {});
  return exportDisks(call, vm, partOfSnapshot(config));
}

async function exportDisks(call: Call, vm: Vm, config: VirtualMachineConfigInfo): Promise<MoRef<"HttpNfcLease">> {
  const { agent } = call;
  const capacities = new Map<string, number>();
  for (const device of config.hardware.device ?? []) {
    const descriptor = device.$type === "VirtualDisk" ? descriptorOf(device) : undefined;
    // One that can't be read is told of now, and not when half of the others have been fetched.
    if (descriptor !== undefined) capacities.set(formatDatastorePath(descriptor), await capacityOf(agent, descriptor));
  }
  const files = diskFilesOf({
    id: vm.id,
    name: vm.name,
    config,
    diskOf: (descriptor) => {
      const capacityBytes = capacities.get(formatDatastorePath(descriptor));
      return capacityBytes === undefined ? undefined : { capacityBytes, eager: false };
    },
  });
  const lease = openLease(call, "export", vm.ref);
  const task = call.startTask(vm.name, { kind: "none" }, async (progress) => {
    const signal = progress.allowCancel();
    signal.addEventListener("abort", () => lease.fail(fault("RequestCanceled", "The task was canceled by a user.", {})));
    try {
      lease.ready({ entity: vm.ref, files, ...addressOf(agent, lease) });
      await lease.completed;
      return undefined;
    } catch (error) {
      lease.fail(faultOf(error));
      throw error;
    }
  });
  task.onEnd(() => lease.settle());
  return lease.parts.ref;
}

/** @throws {Fault} FileFault and its like, InvalidState for a disk of which no file is missing and that is none all the same */
async function capacityOf(agent: HostAgent, descriptor: DatastorePath): Promise<number> {
  try {
    const { capacityBytes, foreign } = await describeDisk(agent, descriptor);
    if (foreign === undefined) return capacityBytes;
    throw fault(
      "InvalidState",
      `${formatDatastorePath(descriptor)} is a disk of type ${foreign}: it is exported once it has been converted.`,
      {},
    );
  } catch (error) {
    if (!(error instanceof Fault && error.fault === "InvalidDiskFormat")) throw error;
    throw fault("InvalidState", error.message, {}, { cause: error });
  }
}
