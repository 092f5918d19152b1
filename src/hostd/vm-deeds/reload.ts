/** Another .vmx for a VM that is registered: it stays the VM that it is, with its permissions and its place in lists. */
import { type DatastorePath, formatDatastorePath, parseDatastorePath } from "../../base/index.ts";
import { fault, parseVmx } from "../../wire/index.ts";
import type { Call } from "../agent.ts";
import type { Task } from "../tasks.ts";
import type { Vm } from "../vm.ts";
import { aboutVm } from "./context.ts";

/** @throws {Fault} FileNotFound for what is no .vmx, AlreadyExists when another VM has it; in its task InvalidVmConfig. Then nothing has changed */
export function reloadFromPath(call: Call, vm: Vm, path: string): Task {
  const { agent } = call;
  const vmx = parseDatastorePath(path);
  const isThere = vmx !== undefined && agent.inventory.datastoreNamed(vmx.datastore) !== undefined;
  if (!isThere || !/\.vmx$/i.test(vmx.path)) throw fault("FileNotFound", `File ${path} was not found`, { file: path });
  const claim = isSame(vmx, vm.vmxPath) ? undefined : agent.vms.claim(vmx);
  const task = call.startTask(vm.name, { kind: "registerVm", vmx }, async (_, task) => {
    const text = await agent.vms.vmkernel.request({ kind: "readText", file: vmx });
    parseVmx(text, formatDatastorePath(vmx)); // InvalidVmConfig that names the line
    await agent.vms.moveTo(vm, vmx);
    const message = `The configuration of ${vm.name} was read anew from ${formatDatastorePath(vmx)}`;
    agent.events.post("VmReloadFromPathEvent", message, aboutVm(call, vm, task), { template: false, configPath: formatDatastorePath(vmx) });
    return undefined;
  });
  task.onEnd(() => claim?.[Symbol.dispose]());
  return task;
}

const isSame = (a: DatastorePath, b: DatastorePath): boolean => formatDatastorePath(a) === formatDatastorePath(b);
