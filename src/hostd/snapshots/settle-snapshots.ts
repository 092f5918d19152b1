/**
 * How a deed on a VM's snapshots ends that was cut short: what is there tells how far it came. A snapshot is taken when it is in the
 * list, which is written last; until then its children are nobody's.
 */
import { formatDatastorePath } from "../../base/index.ts";
import { fault, type SnapshotEntry } from "../../wire/index.ts";
import type { HostAgent } from "../agent.ts";
import type { Vm } from "../vm.ts";
import { nameFile, vmDisksOf } from "../vm-config/index.ts";
import { readableFiles } from "../vm-deeds/context.ts";
import { changeVmx, removeIfThere } from "../vm-files.ts";
import { pathOf } from "./chain-facts.ts";
import { cleanChains } from "./clean-chains.ts";
import { filesOfSnapshot, writeSnapshots } from "./snapshot-files.ts";

/** Disks by the text of their datastore path. */
export interface MadeChild {
  readonly node: string;
  readonly parent: string;
  readonly child: string;
}

export type SnapshotsJournal = { readonly vm: Vm["id"] } & (
  | { readonly kind: "createSnapshot"; readonly entry: SnapshotEntry; readonly made: readonly MadeChild[] }
  /** `doomed`: what the VM had. */
  | { readonly kind: "revertSnapshot"; readonly uid: number; readonly made: readonly MadeChild[]; readonly doomed: readonly string[] }
  /** `doomed`: what the snapshots had. */
  | {
      readonly kind: "removeSnapshots";
      readonly gone: readonly SnapshotEntry[];
      readonly doomed: readonly string[];
      readonly consolidate: boolean;
    }
  | { readonly kind: "consolidate" }
);

/** @throws {Fault} SystemError when the deed was not done; what it had begun is taken back */
export async function settleSnapshots(agent: HostAgent, vm: Vm, journal: SnapshotsJournal): Promise<void> {
  await agent.vms.refresh(vm);
  const { snapshots } = readableFiles(vm);
  switch (journal.kind) {
    case "createSnapshot": {
      if (snapshots.snapshots.some(({ uid }) => uid === journal.entry.uid)) return cleanChains(agent, vm);
      await undoCreate(agent, vm, journal);
      throw notDone();
    }
    case "revertSnapshot": {
      const disks = diskTexts(agent, vm);
      if (!journal.made.every(({ child }) => disks.includes(child))) {
        await cleanChains(agent, vm, { doomed: journal.made.map(({ child }) => child) });
        throw notDone();
      }
      await writeSnapshots(agent.vms.vmkernel, vm.vmxPath, { ...snapshots, current: journal.uid });
      await agent.vms.refresh(vm);
      return cleanChains(agent, vm, { doomed: journal.doomed });
    }
    case "removeSnapshots": {
      const left = new Set(snapshots.snapshots.map(({ uid }) => uid));
      if (journal.gone.some(({ uid }) => left.has(uid))) throw notDone();
      for (const entry of journal.gone)
        for (const file of filesOfSnapshot(vm.vmxPath, entry)) await removeIfThere(agent.vms.vmkernel, file);
      if (!journal.consolidate) return agent.vms.refresh(vm);
      return cleanChains(agent, vm, { doomed: journal.doomed });
    }
    case "consolidate":
      return cleanChains(agent, vm);
  }
}

/** The guest may have gone on with the children: then they are put into their parents again; else they just go. */
export async function undoCreate(
  agent: HostAgent,
  vm: Vm,
  { entry, made }: Extract<SnapshotsJournal, { kind: "createSnapshot" }>,
): Promise<void> {
  const place = { vmxPath: vm.vmxPath, datastores: agent.datastores() };
  if (vm.monitor !== undefined) {
    const { machine } = await agent.vms.vmkernel.request({ kind: "inspectMonitor", vm: vm.id });
    const running = new Set(machine.devices.flatMap((device) => (device.kind === "disk" ? [formatDatastorePath(device.descriptor)] : [])));
    const back = made.filter(({ parent }) => running.has(parent));
    const named = new Map(vmDisksOf(readableFiles(vm).vmx, place).map(({ node, descriptor }) => [node, formatDatastorePath(descriptor)]));
    const wrong = back.filter(({ node, child }) => named.get(node) === child);
    const changes = wrong.map(({ node, parent }) => [`${node}.fileName`, nameFile(pathOf(parent), place)] as const);
    if (changes.length > 0) await changeVmx(agent.vms, vm, Object.fromEntries(changes));
  }
  await cleanChains(agent, vm, { doomed: made.map(({ child }) => child) });
  for (const file of filesOfSnapshot(vm.vmxPath, entry)) await removeIfThere(agent.vms.vmkernel, file);
}

function diskTexts(agent: HostAgent, vm: Vm): readonly string[] {
  const place = { vmxPath: vm.vmxPath, datastores: agent.datastores() };
  return vmDisksOf(readableFiles(vm).vmx, place).map(({ descriptor }) => formatDatastorePath(descriptor));
}

function notDone() {
  const reason = "The host was restarted in part before the task was done; what it had begun was taken back.";
  return fault("SystemError", reason, { reason });
}
