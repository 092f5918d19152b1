/** Makes a VM's disks no more than it needs, step by step (`plan-cleaning.ts`), also while its guest writes. */
import { formatDatastorePath } from "../../base/index.ts";
import { ConnectionLost } from "../../vmkernel/index.ts";
import { updateVmx, type VmxChanges } from "../../wire/index.ts";
import type { HostAgent } from "../agent.ts";
import type { Vm } from "../vm.ts";
import { nameFile, resolveFile, vmDisksOf } from "../vm-config/index.ts";
import { readableFiles } from "../vm-deeds/context.ts";
import { changeVmx, removeDiskIfThere } from "../vm-files.ts";
import { gatherChains, pathOf, wantedByOthers } from "./chain-facts.ts";
import { type CleaningStep, chainOf, nextStep } from "./plan-cleaning.ts";
import { writeSnapshots } from "./snapshot-files.ts";
import { renameDisk } from "./snapshot-tree.ts";

/** Far more than any tree of 32 levels and 256 disks needs: what goes on longer does not come to an end. */
const STEPS_MAX = 10_000;

export interface Cleaning {
  /** Disks that were given up, and may go with what they descend from. */
  readonly doomed?: readonly string[];
  readonly report?: (percent: number) => void;
  readonly signal?: AbortSignal;
}

export async function cleanChains(agent: HostAgent, vm: Vm, { doomed = [], report = () => {}, signal }: Cleaning = {}): Promise<void> {
  const gone = new Set(doomed);
  for (let steps = 0; steps < STEPS_MAX; steps++) {
    const facts = await factsOf(agent, vm);
    for (const disk of doomed) for (const parent of chainOf(facts.disks, disk)) gone.add(parent);
    const step = nextStep(facts, gone);
    if (step === undefined) break;
    await takeStep(agent, vm, step, { report: (percent) => report(steps === 0 ? percent : Math.max(percent, 50)), signal });
  }
  await agent.vms.refresh(vm);
}

async function factsOf(agent: HostAgent, vm: Vm) {
  const { vmx, snapshots } = readableFiles(vm);
  const chains = await gatherChains(agent.vms.vmkernel, { vmx, vmxPath: vm.vmxPath, snapshots, datastores: agent.datastores() });
  return { ...chains, wantedByOthers: wantedByOthers(agent, vm) };
}

async function takeStep(
  agent: HostAgent,
  vm: Vm,
  step: CleaningStep,
  { report, signal }: { readonly report: (percent: number) => void; readonly signal: AbortSignal | undefined },
): Promise<void> {
  const { vmkernel } = agent.vms;
  const descriptor = pathOf(step.disk);
  switch (step.kind) {
    case "delete":
      return removeDiskIfThere(vmkernel, descriptor);
    case "rename":
      await renameReferences(agent, vm, step);
      return removeDiskIfThere(vmkernel, descriptor);
    case "commit": {
      const commit = () => vmkernel.request({ kind: "commitDisk", descriptor, vm: vm.id }, { report, ...(signal && { signal }) });
      await commit().catch((error) => {
        // A vmkernel that died over it has found what there is, and goes on from there.
        if (error instanceof ConnectionLost) return commit();
        throw error;
      });
      return;
    }
  }
}

/** Both names are of one disk, so it does not matter which of the two files is written first. */
async function renameReferences(agent: HostAgent, vm: Vm, { disk, into }: Extract<CleaningStep, { kind: "rename" }>): Promise<void> {
  const { vmx, snapshots } = readableFiles(vm);
  const place = { vmxPath: vm.vmxPath, datastores: agent.datastores() };
  const name = nameFile(pathOf(into), place);
  const isMeant = (file: string) => {
    const path = resolveFile(file, place);
    return path !== undefined && formatDatastorePath(path) === disk;
  };
  const changes: VmxChanges = Object.fromEntries(
    vmDisksOf(vmx, place).flatMap(({ node, file }) => (isMeant(file) ? [[`${node}.fileName`, name]] : [])),
  );
  if (Object.keys(changes).length > 0 && updateVmx(vmx, changes) !== vmx) await changeVmx(agent.vms, vm, changes);
  if (snapshots.snapshots.some(({ disks }) => disks.some(({ file }) => isMeant(file)))) {
    await writeSnapshots(
      agent.vms.vmkernel,
      vm.vmxPath,
      renameDisk(snapshots, (file) => (isMeant(file) ? name : file)),
    );
    await agent.vms.refresh(vm);
  }
}
