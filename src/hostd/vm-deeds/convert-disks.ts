/**
 * A VM of ESXi or of another product may have disks that no monitor is given, and snapshots whose disks are such ones: before its first
 * power-on, or before its chains are changed, they become this host's where they lie.
 */
import { Fault } from "../../base/index.ts";
import type { HostAgent } from "../agent.ts";
import { describeDisk } from "../disks/disk-deeds.ts";
import { wantedDisks } from "../snapshots/chain-facts.ts";
import type { Vm } from "../vm.ts";
import { readableFiles } from "./context.ts";

/**
 * All of them, those of its snapshots too: only then a disk says which are its children. One that runs has had it done.
 * @throws {Fault} InvalidDiskFormat, NoDiskSpace … of a disk that can't be converted, which is whole then
 */
export async function convertForeignDisks(agent: HostAgent, vm: Vm, report: (percent: number) => void): Promise<void> {
  if (vm.monitor !== undefined) return;
  const { vmkernel } = agent.vms;
  let hasConverted = false;
  for (const descriptor of wantedDisks({ ...readableFiles(vm), vmxPath: vm.vmxPath, datastores: agent.datastores() })) {
    if (!(await isForeign(agent, descriptor))) continue;
    await vmkernel.request({ kind: "changeDisk", descriptor, change: { kind: "convert" } }, { report });
    hasConverted = true;
  }
  if (hasConverted) await agent.vms.refresh(vm);
}

/** A disk that is missing or broken is for the power-on to name. */
async function isForeign(agent: HostAgent, descriptor: Parameters<typeof describeDisk>[1]): Promise<boolean> {
  try {
    return (await describeDisk(agent, descriptor)).foreign !== undefined;
  } catch (error) {
    if (error instanceof Fault) return false;
    throw error;
  }
}
