/**
 * ResourcePool.ImportVApp: makes the VM with empty disks, and a lease by which the client fills them. Until the client says that it is
 * done the VM is being worked on, and when it does not, the VM and its files are gone. Source: vim25 ResourcePool.
 */
import { type DatastorePath, folderOf, formatDatastorePath, inFolder, Undo } from "../../base/index.ts";
import {
  fault,
  type ImportSpec,
  isSubtype,
  type MoRef,
  type VirtualMachineConfigSpec,
  type VirtualMachineImportSpec,
} from "../../wire/index.ts";
import type { Call } from "../agent.ts";
import { faultOf } from "../faults.ts";
import type { DoomedFiles } from "../recovery.ts";
import type { Task } from "../tasks.ts";
import type { Vm } from "../vm.ts";
import { readableFiles } from "../vm-deeds/context.ts";
import { makeVm, type PreparedVm, postCreated, prepareVm, requireAbsent } from "../vm-deeds/create.ts";
import { removeIfThere } from "../vm-files.ts";
import type { Lease } from "./lease.ts";
import { diskFilesOf, imageFilesOf, type VmFilesQuestion } from "./lease-files.ts";
import { addressOf, openLease } from "./leases.ts";

/** @param pool the resource pool that the VM comes to lie in */
export async function importVApp(call: Call, spec: ImportSpec, pool: number): Promise<MoRef<"HttpNfcLease">> {
  if (spec.$type === undefined || !isSubtype(spec.$type, "VirtualMachineImportSpec"))
    throw fault("NotSupported", "Only virtual machines are imported (VirtualMachineImportSpec): a host alone has no vApps.", {});
  const { configSpec } = spec as VirtualMachineImportSpec;
  const prepared = await prepareVm(call.agent, configSpec);
  let opened: Lease | undefined;
  try {
    const images = imagesIn(configSpec, folderOf(prepared.vmxPath));
    if (prepared.created.folder === undefined) await requireAbsent(call.agent, images);
    const lease = openLease(call, "import");
    opened = lease;
    const journal = { kind: "importVm", vmx: prepared.vmxPath, doomed: doomedFilesOf(prepared, images) } as const;
    const task = call.startTask(prepared.name, journal, async (progress, task) => {
      const signal = progress.allowCancel();
      signal.addEventListener("abort", () => lease.fail(fault("RequestCanceled", "The task was canceled by a user.", {})));
      try {
        const vm = await fill(call, { prepared, images, lease, pool, task, report: progress.report, signal });
        return { anyType: "VirtualMachine", value: vm.ref };
      } catch (error) {
        lease.fail(faultOf(error));
        throw error;
      }
    });
    task.onEnd(() => {
      prepared.claim[Symbol.dispose]();
      lease.settle();
    });
    return lease.parts.ref;
  } catch (error) {
    opened?.fail(faultOf(error)); // too many tasks are under way
    prepared.claim[Symbol.dispose]();
    throw error;
  }
}

interface Filling {
  readonly prepared: PreparedVm;
  readonly images: readonly DatastorePath[];
  readonly lease: Lease;
  readonly pool: number;
  readonly task: Task;
  readonly report: (percent: number) => void;
  readonly signal: AbortSignal;
}

async function fill(call: Call, { prepared, images, lease, pool, task, report, signal }: Filling): Promise<Vm> {
  const { agent } = call;
  await using undo = new Undo();
  const vm = await makeVm(agent, prepared, { pool, undo, report: (percent) => report(percent / 10), signal });
  vm.occupy(task);
  for (const image of images) undo.add(() => removeIfThere(agent.vms.vmkernel, image));
  const question = questionAbout(vm, prepared);
  lease.ready({ entity: vm.ref, files: [...diskFilesOf(question), ...imageFilesOf(question, images)], ...addressOf(agent, lease) });
  vm.changed();
  await lease.completed;
  undo.release();
  await agent.vms.refresh(vm);
  postCreated(call, vm, task);
  return vm;
}

/** Images of CDs that the spec names without a datastore: they are to lie beside the VM, and come with the package. */
function imagesIn({ deviceChange = [] }: VirtualMachineConfigSpec, home: DatastorePath): readonly DatastorePath[] {
  return deviceChange.flatMap(({ device }) => {
    const { $type, fileName = "" } = (device.backing ?? {}) as { readonly $type?: string; readonly fileName?: string };
    return $type === "VirtualCdromIsoBackingInfo" && /^[^[/]+$/.test(fileName) ? [inFolder(home, fileName)] : [];
  });
}

function doomedFilesOf({ vmxPath, created }: PreparedVm, images: readonly DatastorePath[]): DoomedFiles {
  const nowhere = { datastore: vmxPath.datastore, path: "" };
  return { disks: created.disks, files: [...images, vmxPath], folder: created.folder ?? nowhere };
}

/** What is new of the VM. A disk that was there before is nobody's to fill. */
function questionAbout(vm: Vm, { plan, name }: PreparedVm): VmFilesQuestion {
  const fresh = new Map(plan.disksToCreate.map(({ descriptor, disk }) => [formatDatastorePath(descriptor), disk]));
  return {
    id: vm.id,
    name,
    config: readableFiles(vm).config,
    diskOf: (descriptor) => {
      const disk = fresh.get(formatDatastorePath(descriptor));
      return disk && { capacityBytes: disk.capacityBytes, eager: disk.provisioning === "eagerZeroedThick" };
    },
  };
}
