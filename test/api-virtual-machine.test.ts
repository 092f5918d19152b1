import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { VimClient } from "../src/interfaces/index.ts";
import type { Event, MoRef, VirtualMachineFileLayoutEx, VirtualMachineStorageSummary } from "../src/wire/index.ts";
import { startAgent, type TestAgent } from "./agent.fixture.ts";
import { createVm, read, succeeded } from "./vm.ts";

/** A VM that is off: its files, and its hardware. */
const MIB = 1024 * 1024;
let host: TestAgent;
let client: VimClient;
let vm: MoRef<"VirtualMachine">;

beforeAll(async () => {
  host = await startAgent();
  client = await host.login();
  vm = await createVm(client, {
    name: "web",
    version: "vmx-13",
    guestId: "otherLinux64Guest",
    numCPUs: 1,
    memoryMB: 64,
    files: { vmPathName: "[datastore1]" },
    deviceChange: [
      {
        operation: "add",
        fileOperation: "create",
        device: {
          $type: "VirtualDisk",
          key: -1,
          controllerKey: 200,
          unitNumber: 0,
          capacityInKB: 8 * 1024,
          backing: { $type: "VirtualDiskFlatVer2BackingInfo", fileName: "", diskMode: "persistent", thinProvisioned: true },
        } as never,
      },
    ],
  });
});
afterAll(async () => {
  client?.close();
  await host?.stop();
});

const storage = async () => (await read(client, vm, "summary.storage")) as VirtualMachineStorageSummary;
const layout = async () => (await read(client, vm, "layoutEx")) as VirtualMachineFileLayoutEx;

test("a client sees the files of a VM, and after a refresh what they have grown to", async () => {
  const before = await storage();
  expect(before.uncommitted).toBe(8 * MIB);
  writeFileSync(join(host.datastore, "web/web-flat.vmdk"), Buffer.alloc(MIB, 1), { flag: "r+" });
  expect(await storage()).toEqual(before);
  await client.call(vm, "RefreshStorageInfo", {});
  const after = await storage();
  expect([after.committed - before.committed, before.uncommitted - after.uncommitted]).toEqual([MIB, MIB]);
  const { file = [], disk } = await layout();
  expect(file.map(({ name, type }) => [name, type])).toEqual([
    ["[datastore1] web/web.vmx", "config"],
    ["[datastore1] web/web.vmdk", "diskDescriptor"],
    ["[datastore1] web/web-flat.vmdk", "diskExtent"],
  ]);
  expect(disk).toMatchObject([{ key: 3000, chain: [{ fileKey: [1, 2] }] }]);
  expect(await read(client, vm, "storage.perDatastoreUsage")).toMatchObject([{ committed: after.committed, uncommitted: 7 * MIB }]);
});

test("a client sees what a VM may use", async () => {
  expect(await read(client, vm, "resourceConfig")).toMatchObject({ entity: vm, cpuAllocation: { shares: { level: "normal" } } });
});

test("the hardware of a VM is raised, and no further than there is", async () => {
  await succeeded(client, await client.call(vm, "UpgradeVM_Task", { version: "vmx-19" }));
  expect(await read(client, vm, "config.version")).toBe("vmx-19");
  await succeeded(client, await client.call(vm, "UpgradeVM_Task", {}));
  expect(await read(client, vm, "config.version")).toBe("vmx-21");
  await expect(client.call(vm, "UpgradeVM_Task", {})).rejects.toMatchObject({ fault: "AlreadyUpgraded" });
  const manager = { type: "EventManager", value: "ha-eventmgr" } as const;
  const events: readonly Event[] | undefined = await client.call(manager, "QueryEvents", {
    filter: { eventTypeId: ["VmUpgradeCompleteEvent"] },
  });
  expect(events).toMatchObject([{ version: "vmx-19" }, { version: "vmx-21" }]);
});
