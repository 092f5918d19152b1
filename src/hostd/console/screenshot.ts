/** A picture of a VM's screen, kept in its folder. Source: vim25 CreateScreenshot_Task. */
import { Fault, fileNameOf, formatDatastorePath, inFolder } from "../../base/index.ts";
import type { AnyValue } from "../../wire/index.ts";
import type { Call } from "../agent.ts";
import type { Task } from "../tasks.ts";
import type { Vm } from "../vm.ts";

/** Its result is the datastore path. vmkernel writes the file whole or not at all, so a crash leaves nothing to be undone. */
export function createScreenshot(call: Call, vm: Vm): Task {
  return call.startTask(vm.name, { kind: "none" }, async () => save(call, vm));
}

/** Under the next free name: web-1.png, web-2.png … The name may be taken meanwhile, so it is the writing that decides. */
async function save({ agent }: Call, vm: Vm): Promise<AnyValue> {
  const { vmkernel } = agent.vms;
  const base = fileNameOf(vm.vmxPath).replace(/\.vmx$/i, "");
  const names = new Set((await vmkernel.request({ kind: "listFolder", folder: vm.home })).map(({ name }) => name));
  for (let number = 1; ; number++) {
    const name = `${base}-${number}.png`;
    if (names.has(name)) continue;
    const to = inFolder(vm.home, name);
    try {
      await vmkernel.request({ kind: "saveScreen", vm: vm.id, to });
      return { anyType: "string", value: formatDatastorePath(to) };
    } catch (error) {
      if (!(error instanceof Fault && error.fault === "FileAlreadyExists")) throw error;
    }
  }
}
