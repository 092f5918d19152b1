/** The files that registered VMs live by. */
import { type DatastorePath, formatDatastorePath } from "../../base/index.ts";
import type { HostAgent } from "../agent.ts";
import type { Vm } from "../vm.ts";
import { diskPathsOf } from "../vm-config/index.ts";
import { filesOfDisks } from "../vm-layout.ts";
import type { HeldFile } from "./plan-delete.ts";

/** The files that these VMs live by; of every registered one when none are named. */
export function heldFiles({ vms, datastores }: HostAgent, of: readonly Vm[] = vms.list()): readonly HeldFile[] {
  return of.flatMap((vm) => filesOf(vm, datastores()).map((file) => ({ file, by: vm.name })));
}

export function filesOf(vm: Vm, datastores: ReturnType<HostAgent["datastores"]>): readonly DatastorePath[] {
  if (vm.files.kind === "unreadable") return [vm.vmxPath];
  const disks = diskPathsOf(vm.files.vmx, vm.vmxPath, datastores);
  const data = disks.map(({ datastore, path }) => ({ datastore, path: path.replace(/\.vmdk$/i, "-flat.vmdk") }));
  // What its disks descend from, and what its snapshots have, may lie anywhere.
  const chained = filesOfDisks(vm.files.layout);
  return [vm.vmxPath, ...disks, ...data, ...chained, ...(vm.files.suspendedMemory === undefined ? [] : [vm.files.suspendedMemory])];
}

/** The VMs that have this disk. */
export function vmsWithDisk({ vms, datastores }: HostAgent, descriptor: DatastorePath): readonly Vm[] {
  const text = formatDatastorePath(descriptor);
  return vms.list().filter(({ files, vmxPath }) => {
    if (files.kind === "unreadable") return false;
    return diskPathsOf(files.vmx, vmxPath, datastores()).some((disk) => formatDatastorePath(disk) === text);
  });
}
