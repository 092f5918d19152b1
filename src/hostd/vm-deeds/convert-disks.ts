/** A VM of another product may have disks that no monitor is given: at its first power-on they become flat ones, where they lie. */
import { Fault } from "../../base/index.ts";
import type { HostAgent } from "../agent.ts";
import { describeDisk } from "../disks/disk-deeds.ts";
import type { Vm } from "../vm.ts";
import { diskPathsOf } from "../vm-config/index.ts";
import { readableFiles } from "./context.ts";

/** @throws {Fault} InvalidDiskFormat, NoDiskSpace … of a disk that can't be converted, which is whole then */
export async function convertForeignDisks(agent: HostAgent, vm: Vm, report: (percent: number) => void): Promise<void> {
  const { vmkernel } = agent.vms;
  let hasConverted = false;
  for (const descriptor of diskPathsOf(readableFiles(vm).vmx, vm.vmxPath, agent.datastores())) {
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
