/**
 * Linked clones through the API beside `qemu-img create -b`, which makes a child disk of the same parent and nothing of a VM: in turns,
 * on the same file system. `npm run bench`; nothing is asserted.
 */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { test } from "vitest";
import { hostPaths } from "../src/base/index.ts";
import type { VimClient } from "../src/interfaces/index.ts";
import type { MoRef } from "../src/wire/index.ts";
import { startHost } from "../test/harness.ts";
import { createVm, succeeded, VM_FOLDER } from "../test/vm.ts";
import { median, print, timed } from "./figures.ts";

const run = promisify(execFile);
const CLONES = 100;
const GIB_IN_KIB = 1024 * 1024;

test("a hundred linked clones, beside qemu-img create", { timeout: 300_000 }, async () => {
  const host = await startHost();
  const client = await host.login();
  try {
    const folder = join(hostPaths(host.root).volumes, "datastore1");
    const parent = await makeParent(client);
    const [ours, theirs]: [number[], number[]] = [[], []];
    for (let n = 0; n < CLONES; n++) {
      ours.push(await timed(async () => await succeeded(client, await clone(client, parent, `one-${n}`))));
      const args = ["create", "-q", "-f", "qcow2", "-F", "raw", "-b", "../golden/golden-flat.vmdk", join(folder, `one-${n}`, "peer.qcow2")];
      theirs.push(await timed(() => run("qemu-img", args)));
    }
    const allAtOnce = await timed(async () => {
      const tasks = await Promise.all(Array.from({ length: CLONES }, (_, n) => clone(client, parent, `all-${n}`)));
      for (const task of tasks) await succeeded(client, task);
    });
    const [a, b] = [median(ours), median(theirs)];
    const beside = `${(a * 1000).toFixed(0)} : ${(b * 1000).toFixed(0)} ms, median of ${CLONES}; slowest ${(Math.max(...ours) * 1000).toFixed(0)} ms`;
    print("a linked clone : qemu-img create -b (limit 50 ms)", `${(a / b).toFixed(2)}  (${beside})`);
    print(`${CLONES} linked clones, asked for at one time (limit 5 s)`, `${allAtOnce.toFixed(2)} s`);
  } finally {
    client.close();
    await host.stop();
  }
});

/** A VM with a thin disk of a GiB. */
function makeParent(client: VimClient): Promise<MoRef<"VirtualMachine">> {
  const add = (device: object, more: object = {}) => ({ operation: "add" as const, ...more, device: device as never });
  const backing = { $type: "VirtualDiskFlatVer2BackingInfo", fileName: "", diskMode: "persistent", thinProvisioned: true };
  return createVm(client, {
    name: "golden",
    guestId: "otherLinux64Guest",
    memoryMB: 64,
    files: { vmPathName: "[datastore1]" },
    deviceChange: [
      add({ $type: "ParaVirtualSCSIController", key: -1, busNumber: 0, sharedBus: "noSharing" }),
      add(
        { $type: "VirtualDisk", key: -2, controllerKey: -1, unitNumber: 0, capacityInKB: GIB_IN_KIB, backing },
        { fileOperation: "create" },
      ),
    ],
  });
}

const clone = (client: VimClient, parent: MoRef<"VirtualMachine">, name: string) =>
  client.call(parent, "CloneVM_Task", {
    folder: VM_FOLDER,
    name,
    spec: { location: { diskMoveType: "createNewChildDiskBacking" }, powerOn: false, template: false },
  });
