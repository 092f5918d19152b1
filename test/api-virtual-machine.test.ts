import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import type { Event, MoRef, VirtualMachineFileLayoutEx, VirtualMachineStorageSummary } from "../src/wire/index.ts";
import { useAgent } from "./agent.fixture.ts";
import { createVm, ended, read, succeeded } from "./vm.ts";

/** A VM that is off: its files, and its hardware. */
const MIB = 1024 * 1024;
const { host, client } = await useAgent();
let vm: MoRef<"VirtualMachine">;

beforeAll(async () => {
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

test("a host without images of tools says so, of a VM that runs; one that is off is refused for that", async () => {
  for (const method of ["MountToolsInstaller", "UnmountToolsInstaller", "ExtractOvfEnvironment"] as const)
    await expect(client.call(vm, method, {})).rejects.toMatchObject({ fault: "InvalidPowerState" });
  const upgrade = async () => faultOf(await client.call(vm, "UpgradeTools_Task", { installerOptions: "/S" }));
  expect(await upgrade()).toBe("InvalidPowerState");
  await client.call(vm, "ResetGuestInformation", {});
  await setExtra("guestinfo.ovfEnv", "<Environment/>");
  await succeeded(client, await client.call(vm, "PowerOnVM_Task", {}));
  await expect(client.call(vm, "MountToolsInstaller", {})).rejects.toMatchObject({ fault: "ToolsImageNotAvailable" });
  expect(await upgrade()).toBe("ToolsImageNotAvailable");
  await client.call(vm, "UnmountToolsInstaller", {});
  expect(await client.call(vm, "ExtractOvfEnvironment", {})).toBe("<Environment/>");
  await expect(client.call(vm, "ResetGuestInformation", {})).rejects.toMatchObject({ fault: "InvalidPowerState" });
  await expect(client.call(vm, "DefragmentAllDisks", {})).rejects.toMatchObject({ fault: "InvalidPowerState" });
  const task = await client.call(vm, "reloadVirtualMachineFromPath_Task", { configurationPath: "[datastore1] web/web.vmx" });
  expect(await faultOf(task)).toBe("InvalidPowerState");
  await succeeded(client, await client.call(vm, "PowerOffVM_Task", {}));
  expect(await client.call(vm, "QueryUnownedFiles", {})).toEqual([]);
});

test("a VM without an OVF environment has an empty one, and its disks have nothing to defragment, which is said", async () => {
  await setExtra("guestinfo.ovfEnv", "");
  await client.call(vm, "DefragmentAllDisks", {});
  expect(await messages()).toContain("The disks of web are files that their file system keeps together: there is nothing to defragment");
  await succeeded(client, await client.call(vm, "PowerOnVM_Task", {}));
  expect(await client.call(vm, "ExtractOvfEnvironment", {})).toBe("");
  await succeeded(client, await client.call(vm, "PowerOffVM_Task", {}));
});

test("a VM is reloaded from its own .vmx after somebody changed it, and from another one, and stays the VM that it is", async () => {
  const at = (path: string) => join(host.datastore, path);
  const text = readFileSync(at("web/web.vmx"), "utf8");
  writeFileSync(at("web/web.vmx"), text.replace('displayName = "web"', 'displayName = "web by hand"'));
  await client.call(vm, "Reload", {});
  expect(await read(client, vm, "name")).toBe("web by hand");

  mkdirSync(at("moved"));
  writeFileSync(at("moved/other.vmx"), text.replace('displayName = "web"', 'displayName = "moved"'));
  const reload = (configurationPath: string) => client.call(vm, "reloadVirtualMachineFromPath_Task", { configurationPath });
  await succeeded(client, await reload("[datastore1] moved/other.vmx"));
  expect([await read(client, vm, "name"), await read(client, vm, "config.files.vmPathName")]).toEqual([
    "moved",
    "[datastore1] moved/other.vmx",
  ]);
  expect(await messages()).toContain("The configuration of moved was read anew from [datastore1] moved/other.vmx");
  await succeeded(client, await reload("[datastore1] moved/other.vmx"));

  writeFileSync(at("moved/broken.vmx"), "this is none");
  const failed = async (path: string) => faultOf(await reload(path));
  expect(await failed("[datastore1] moved/none.vmx")).toBe("FileNotFound");
  expect(await failed("[datastore1] moved/broken.vmx")).toBe("InvalidVmConfig");
  for (const none of ["[none] x.vmx", "[datastore1] ../x.vmx", "[datastore1] moved/other.vmdk"])
    await expect(reload(none), none).rejects.toMatchObject({ fault: "FileNotFound" });
  writeFileSync(at("moved/other.vmx"), "not readable any more");
  await client.call(vm, "Reload", {});
  expect(await read(client, vm, "runtime.connectionState")).toBe("inaccessible");
  writeFileSync(at("moved/mended.vmx"), text);
  await succeeded(client, await reload("[datastore1] moved/mended.vmx"));
  expect(await read(client, vm, "name")).toBe("web");
  const other = await createVm(client, { name: "other", guestId: "otherGuest64", memoryMB: 4, files: { vmPathName: "[datastore1]" } });
  await expect(reload("[datastore1] other/other.vmx")).rejects.toMatchObject({ fault: "AlreadyExists" });
  expect(await read(client, vm, "config.files.vmPathName")).toBe("[datastore1] moved/mended.vmx");
  await succeeded(client, await client.call(other, "Destroy_Task", {}));
});

async function faultOf(task: MoRef<"Task">): Promise<string | undefined> {
  return (await ended(client, task)).error?.fault?.$type;
}

async function setExtra(key: string, value: string): Promise<void> {
  const extraConfig = [{ $type: "OptionValue" as const, key, value: { anyType: "string" as const, value } }];
  await succeeded(client, await client.call(vm, "ReconfigVM_Task", { spec: { extraConfig } }));
}

async function messages(): Promise<readonly (string | undefined)[]> {
  const filter = { entity: { entity: vm, recursion: "self" as const } };
  const events: readonly Event[] = (await client.call({ type: "EventManager", value: "ha-eventmgr" }, "QueryEvents", { filter })) ?? [];
  return events.map(({ fullFormattedMessage }) => fullFormattedMessage);
}
