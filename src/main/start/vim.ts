/** The few calls of the vSphere API that the demonstration makes, as any client makes them. */
import { SystemError } from "../../base/index.ts";
import { moRef, type VimClient } from "../../interfaces/index.ts";
import type { MoRef, TaskInfo, VirtualMachineConfigSpec } from "../../wire/index.ts";

export type VmRef = MoRef<"VirtualMachine">;

const TASK_MS = 120_000; // a power-on waits for its monitor, on a machine that may be overloaded
const POLL_MS = 50;

export async function findVm(client: VimClient, vmxPath: string): Promise<VmRef | undefined> {
  const datacenter = moRef("Datacenter", "ha-datacenter");
  return client.call(moRef("SearchIndex", "ha-searchindex"), "FindByDatastorePath", { datacenter, path: vmxPath });
}

export async function createVm(client: VimClient, config: VirtualMachineConfigSpec): Promise<VmRef> {
  const pool = moRef("ResourcePool", "ha-root-pool");
  const task = await client.call(moRef("Folder", "ha-folder-vm"), "CreateVM_Task", { config, pool });
  return (await resultOf(client, task)) as VmRef;
}

/** @returns whether it was off until now */
export async function powerOn(client: VimClient, vm: VmRef): Promise<boolean> {
  if ((await readProperty(client, vm, "runtime.powerState")) === "poweredOn") return false;
  await resultOf(client, await client.call(vm, "PowerOnVM_Task", {}));
  return true;
}

async function resultOf(client: VimClient, task: MoRef): Promise<unknown> {
  for (const deadline = Date.now() + TASK_MS; Date.now() < deadline; await new Promise((resolve) => setTimeout(resolve, POLL_MS))) {
    const info = (await readProperty(client, task, "info")) as TaskInfo;
    if (info.state === "success") return info.result?.value;
    if (info.state === "error") throw new SystemError(`${info.name ?? "the task"}: ${info.error?.localizedMessage ?? "no reason given"}`);
  }
  throw new SystemError(`task ${task.value} did not end within ${TASK_MS / 1000} s`);
}

export async function readProperty(client: VimClient, obj: MoRef, path: string): Promise<unknown> {
  const result = await client.call(moRef("PropertyCollector", "ha-property-collector"), "RetrievePropertiesEx", {
    specSet: [{ propSet: [{ type: obj.type, pathSet: [path] }], objectSet: [{ obj }] }],
    options: {},
  });
  const property = result?.objects[0]?.propSet?.[0];
  if (property === undefined) throw new SystemError(`${obj.type} ${obj.value} shows no ${path}`);
  return property.val.value;
}
