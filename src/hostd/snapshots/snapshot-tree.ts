/** The snapshots of a VM as clients see them: a tree of references. Pure. Source: vim25 VirtualMachineSnapshotInfo. */
import { parseVmId, type VmId } from "../../base/index.ts";
import type {
  MoRef,
  SnapshotEntry,
  SnapshotList,
  VirtualMachineConfigInfo,
  VirtualMachineSnapshotInfo,
  VirtualMachineSnapshotTree,
} from "../../wire/index.ts";

export function snapshotRef(vm: VmId, uid: number): MoRef<"VirtualMachineSnapshot"> {
  return { type: "VirtualMachineSnapshot", value: `${vm}-snapshot-${uid}` };
}

/** The VM and the uid in a reference that {@link snapshotRef} made. */
export function parseSnapshotMoid(moid: string): { readonly vm: VmId; readonly uid: number } | undefined {
  const match = /^(\d{1,9})-snapshot-([1-9]\d{0,8})$/.exec(moid);
  const vm = parseVmId(match?.[1] ?? "");
  return vm === undefined ? undefined : { vm, uid: Number(match?.[2]) };
}

/** @returns undefined when there is none */
export function snapshotInfo(vm: MoRef<"VirtualMachine">, { current, snapshots }: SnapshotList): VirtualMachineSnapshotInfo | undefined {
  if (snapshots.length === 0) return undefined;
  return {
    ...(current !== undefined && { currentSnapshot: snapshotRef(vm.value as VmId, current) }),
    rootSnapshotList: childrenOf(snapshots, undefined).map((entry) => treeOf(vm, snapshots, entry)),
  };
}

export function childrenOf(snapshots: readonly SnapshotEntry[], parent: number | undefined): readonly SnapshotEntry[] {
  return snapshots.filter((entry) => entry.parent === parent);
}

/** A snapshot and all that come after it. */
export function withDescendants(snapshots: readonly SnapshotEntry[], uid: number): ReadonlySet<number> {
  const found = new Set([uid]);
  for (const one of found) for (const child of childrenOf(snapshots, one)) found.add(child.uid);
  return found;
}

function treeOf(vm: MoRef<"VirtualMachine">, snapshots: readonly SnapshotEntry[], entry: SnapshotEntry): VirtualMachineSnapshotTree {
  return {
    snapshot: snapshotRef(vm.value as VmId, entry.uid),
    vm,
    name: entry.name,
    description: entry.description,
    id: entry.uid,
    createTime: new Date(entry.createdAtMs),
    state: entry.memory ? "poweredOn" : "poweredOff",
    quiesced: entry.quiesced,
    childSnapshotList: childrenOf(snapshots, entry.uid).map((child) => treeOf(vm, snapshots, child)),
    replaySupported: false,
  };
}

/** The list without those: what came after them comes after what they came after. */
export function withoutSnapshots(list: SnapshotList, gone: ReadonlySet<number>): SnapshotList {
  const parents = new Map(list.snapshots.map(({ uid, parent }) => [uid, parent]));
  const stays = (uid: number | undefined): number | undefined => {
    let at = uid;
    while (at !== undefined && gone.has(at)) at = parents.get(at);
    return at;
  };
  const current = stays(list.current);
  return {
    lastUid: list.lastUid,
    ...(current !== undefined && { current }),
    snapshots: list.snapshots
      .filter(({ uid }) => !gone.has(uid))
      .map(({ parent: before, ...entry }) => {
        const parent = stays(before);
        return { ...entry, ...(parent !== undefined && { parent }) };
      }),
  };
}

/** The same list with another name for a disk. */
export function renameDisk(list: SnapshotList, rename: (file: string) => string): SnapshotList {
  return {
    ...list,
    snapshots: list.snapshots.map((entry) => ({ ...entry, disks: entry.disks.map((disk) => ({ ...disk, file: rename(disk.file) })) })),
  };
}

/** The configuration without the disks that a snapshot does not keep. */
export function partOfSnapshot(config: VirtualMachineConfigInfo): VirtualMachineConfigInfo {
  const device = config.hardware.device?.filter(
    ({ $type, backing }) => $type !== "VirtualDisk" || (backing as { readonly diskMode?: string } | undefined)?.diskMode === "persistent",
  );
  return { ...config, hardware: { ...config.hardware, ...(device && { device }) } };
}
