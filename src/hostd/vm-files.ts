/** The files of a VM: reading its folder into what hostd knows, and the .vmx key that names a suspended memory. */
import { createHash } from "node:crypto";
import {
  type Clock,
  type DatastorePath,
  fileNameOf,
  folderOf,
  formatDatastorePath,
  inFolder,
  messageOf,
  systemClock,
} from "../base/index.ts";
import { ConnectionLost, type Controls, type DiskDescription, type FolderEntry } from "../vmkernel/index.ts";
import { formatVmx, parseVmx, readVmx, updateVmx, type Vmx, type VmxChanges } from "../wire/index.ts";
import { gatherChains } from "./snapshots/chain-facts.ts";
import { nextStep } from "./snapshots/plan-cleaning.ts";
import { isMemoryOfSnapshot, readSnapshots } from "./snapshots/snapshot-files.ts";
import type { Vm, VmFiles } from "./vm.ts";
import { type DiskToCreate, diskPathsOf, MEMORY_ADDED_KEY, readConfig } from "./vm-config/index.ts";
import { planLayout } from "./vm-layout.ts";
import type { Vmkernel } from "./vmkernel.ts";
import type { Vms } from "./vms.ts";

/** Names the memory file of a suspended VM, relative to its folder. */
export const SUSPEND_STATE_KEY = "checkpoint.vmState";

/** Reads a VM's folder. A file that can't be read or understood makes the VM unreadable, with the reason, and stops nothing else. */
export async function readVmFiles(vmkernel: Vmkernel, vm: Pick<Vm, "vmxPath">, clock: Clock = systemClock): Promise<VmFiles> {
  try {
    const vmx = parseVmx(await vmkernel.request({ kind: "readText", file: vm.vmxPath }), formatDatastorePath(vm.vmxPath));
    const datastores = await vmkernel.request({ kind: "listDatastores" });
    const disks = new Map<string, DiskDescription>();
    for (const descriptor of diskPathsOf(vmx, vm.vmxPath, datastores)) {
      const disk = await describeDisk(vmkernel, descriptor);
      if (disk !== undefined) disks.set(formatDatastorePath(descriptor), disk);
    }
    const entries = await vmkernel.request({ kind: "listFolder", folder: folderOf(vm.vmxPath) });
    const modifiedAtMs = entries.find(({ name }) => name === fileNameOf(vm.vmxPath))?.modifiedAtMs ?? 0;
    const config = readConfig(vmx, { vmxPath: vm.vmxPath, disks, datastores, modifiedAtMs });
    const devices = config.hardware.device ?? [];
    const { snapshots, texts } = await readSnapshots(vmkernel, vm.vmxPath, entries);
    const snapshotConfigs = new Map(
      [...texts].flatMap(([uid, text]) => {
        const kept = readKept(text, { vmxPath: vm.vmxPath, disks, datastores, modifiedAtMs });
        return kept === undefined ? [] : [[uid, kept] as const];
      }),
    );
    const isChained =
      snapshots.snapshots.length > 0 || [...disks.values()].some(({ parents, aliasOf }) => parents.length > 0 || aliasOf !== undefined);
    const facts = isChained ? await gatherChains(vmkernel, { vmx, vmxPath: vm.vmxPath, snapshots, datastores }) : undefined;
    const layout = planLayout({
      vmxPath: vm.vmxPath,
      entries,
      devices,
      disks,
      snapshots,
      chains: facts?.described ?? disks,
      datastores,
      readAtMs: clock.now(),
    });
    return {
      kind: "readable",
      vmx,
      config,
      layout,
      snapshots,
      snapshotConfigs,
      consolidationNeeded: facts !== undefined && nextStep({ ...facts, wantedByOthers: new Set() }) !== undefined,
      suspendedMemory: suspendedMemoryIn(entries, vmx, vm.vmxPath),
    };
  } catch (error) {
    return { kind: "unreadable", because: messageOf(error) };
  }
}

/** A disk that is missing or broken leaves the VM readable: powering it on is what fails, with the fault that names the disk. */
async function describeDisk(vmkernel: Vmkernel, descriptor: DatastorePath): Promise<DiskDescription | undefined> {
  try {
    return await vmkernel.request({ kind: "describeDisk", descriptor });
  } catch {
    return undefined;
  }
}

function readKept(text: string, reading: Parameters<typeof readConfig>[1]): ReturnType<typeof readConfig> | undefined {
  try {
    return readConfig(parseVmx(text, "a snapshot"), reading);
  } catch {
    return undefined; // reverting to it is what fails, with the reason
  }
}

function suspendedMemoryIn(entries: readonly FolderEntry[], vmx: Vmx, vmxPath: DatastorePath): DatastorePath | undefined {
  const name = readVmx(vmx, SUSPEND_STATE_KEY) ?? "";
  const isThere = name !== "" && entries.some((entry) => entry.kind === "file" && entry.name === name);
  return isThere ? inFolder(folderOf(vmxPath), name) : undefined;
}

/** "demo-1a2b3c4d.vmss": as ESXi forms it, the VM's name and a hash of its path. */
export function suspendFileName(vm: Vm): string {
  const hash = createHash("sha256").update(formatDatastorePath(vm.vmxPath)).digest("hex").slice(0, 8);
  return `${fileNameOf(vm.vmxPath).replace(/\.vmx$/i, "")}-${hash}.vmss`;
}

/** Names the memory file in the .vmx, before it is written, and the memory that its guest was given while it ran. */
export async function rememberSuspension(vms: Vms, vm: Vm, name: string, memoryAddedMiB: readonly number[] = []): Promise<void> {
  await changeVmx(vms, vm, { [SUSPEND_STATE_KEY]: name, [MEMORY_ADDED_KEY]: memoryAddedMiB.join(",") });
}

/** Removes the memory file and its name in the .vmx, in this order: without the file the name means nothing. A snapshot's stays. */
export async function forgetSuspension(vms: Vms, vm: Vm, memory: DatastorePath): Promise<void> {
  if (!isMemoryOfSnapshot(vm, memory)) await removeIfThere(vms.vmkernel, memory);
  await changeVmx(vms, vm, { [SUSPEND_STATE_KEY]: "", [MEMORY_ADDED_KEY]: "" });
}

/** Writes some keys of the VM's .vmx, and reads the VM anew. */
export async function changeVmx(vms: Vms, vm: Vm, change: VmxChanges): Promise<void> {
  if (vm.files.kind !== "readable") return;
  await vms.vmkernel.request({ kind: "writeText", file: vm.vmxPath, text: formatVmx(updateVmx(vm.files.vmx, change)) });
  await vms.refresh(vm);
}

/** Removes a file or an empty folder; it is no failure when it is gone already. */
export async function removeIfThere(vmkernel: Vmkernel, path: DatastorePath): Promise<void> {
  try {
    await evenIfLost(() => vmkernel.request({ kind: "remove", path }));
  } catch (error) {
    if (!isFileNotFound(error)) throw error;
  }
}

/** A removal can be asked for again when vmkernel dies over it: what is gone by then is not there. */
export async function evenIfLost<T>(remove: () => Promise<T>): Promise<T> {
  try {
    return await remove();
  } catch (error) {
    if (!(error instanceof ConnectionLost)) throw error;
    return remove();
  }
}

/** Removes a disk, also one of which a crash left only some files; it is no failure when it is gone already. */
export async function removeDiskIfThere(vmkernel: Vmkernel, descriptor: DatastorePath): Promise<void> {
  try {
    await evenIfLost(() => vmkernel.request({ kind: "deleteDisk", descriptor }));
  } catch (error) {
    if (!isFileNotFound(error)) throw error;
    for (const suffix of ["-flat.vmdk", "-delta.vmdk"]) {
      const extent = { ...descriptor, path: descriptor.path.replace(/\.vmdk$/i, suffix) };
      if (extent.path !== descriptor.path) await removeIfThere(vmkernel, extent);
    }
  }
}

function isFileNotFound(error: unknown): boolean {
  return typeof error === "object" && error !== null && "fault" in error && error.fault === "FileNotFound";
}

/** Makes a disk that a plan has: one of its own, or a child. */
export async function makeDisk(
  vmkernel: Vmkernel,
  { descriptor, disk, parent }: Pick<DiskToCreate, "descriptor" | "disk" | "parent">,
  controls: Partial<Controls> = {},
): Promise<void> {
  if (parent === undefined) await vmkernel.request({ kind: "createDisk", descriptor, disk }, controls);
  else await vmkernel.request({ kind: "createChildDisk", descriptor, parent, uuid: disk.uuid });
}
