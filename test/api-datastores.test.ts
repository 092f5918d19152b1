import { existsSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { moRef, type VimClient } from "../src/interfaces/index.ts";
import type { DatastoreSummary, Event, HostDatastoreSystemDatastoreResult, MoRef, VirtualMachineConfigInfo } from "../src/wire/index.ts";
import { faultOf, startAgent, type TestAgent } from "./agent.fixture.ts";
import { createVm, ended, read, succeeded } from "./vm.ts";

/** Datastores that clients make, rename and remove: no VM loses its files by it, and none of the machine's folders is given away. */
const SYSTEM = moRef("HostDatastoreSystem", "ha-datastoresystem");
const EVENTS = moRef("EventManager", "ha-eventmgr");
const ACCOUNTS = moRef("HostLocalAccountManager", "ha-localacctmgr");
const AUTHORIZATION = moRef("AuthorizationManager", "ha-authmgr");
const SESSION_MANAGER = moRef("SessionManager", "ha-sessionmgr");
const READ_ONLY = -2;
let host: TestAgent;
let client: VimClient;

beforeAll(async () => {
  host = await startAgent();
  client = await host.login();
});
afterAll(async () => {
  client?.close();
  await host?.stop();
});

const create = (name: string, path = `/vmfs/volumes/${name}`, by = client) => by.call(SYSTEM, "CreateLocalDatastore", { name, path });
const names = async () => {
  const refs = (await read(client, SYSTEM, "datastore")) as readonly MoRef[];
  return (await Promise.all(refs.map((ref) => read(client, ref, "name")))) as string[];
};
const pathOf = async (vm: MoRef) => ((await read(client, vm, "config")) as VirtualMachineConfigInfo).files.vmPathName;
const volume = (name: string) => join(host.folder, "volumes", name);

test("a client makes a datastore beneath the others, under a name of its own, and nowhere else on the machine", async () => {
  const [only] = (await read(client, SYSTEM, "datastore")) as readonly [MoRef<"Datastore">];
  expect((await faultOf(client.call(only, "DestroyDatastore", {}))).fault, "a host has one").toBe("ResourceInUse");
  const ref = await create("fast");
  expect(await read(client, ref, "summary")).toMatchObject({ name: "fast", accessible: true } satisfies Partial<DatastoreSummary>);
  expect(existsSync(volume("fast"))).toBe(true);
  expect(await names()).toEqual(["datastore1", "fast"]);
  const events = (await client.call(EVENTS, "QueryEvents", {
    filter: { eventTypeId: ["LocalDatastoreCreatedEvent"] },
  })) as readonly Event[];
  expect(events.map(({ fullFormattedMessage }) => fullFormattedMessage)).toEqual(["Created the datastore fast"]);
  expect((await faultOf(create("fast"))).fault).toBe("DuplicateName");
  for (const bad of ["", "..", ".hidden", "a/b", "a[b]", "x".repeat(43), "a\tb"])
    expect((await faultOf(create(bad))).fault, bad).toBe("InvalidName");
  for (const path of ["/etc", "/vmfs/volumes/../etc", "/vmfs/volumes/other", "", "fast2"]) {
    expect((await faultOf(create("fast2", path))).fault, path).toBe("HostConfigFault");
  }
  await using reader = await host.login(READ_ONLY);
  expect((await faultOf(create("fast2", undefined, reader))).fault).toBe("NoPermission");
  expect(await names()).toEqual(["datastore1", "fast"]);
});

test("a renamed datastore keeps its VMs, also those that have but a disk there, and no VM that runs is renamed under", async () => {
  const [fast] = ((await read(client, SYSTEM, "datastore")) as readonly MoRef<"Datastore">[]).slice(1);
  if (fast === undefined) throw new Error("there is no second datastore");
  const vm = await createVm(client, { name: "mover", files: { vmPathName: "[fast]" } });
  const disk = { $type: "VirtualDisk", key: -2, controllerKey: -1, unitNumber: 0, capacityInKB: 1024 };
  const backing = { $type: "VirtualDiskFlatVer2BackingInfo", fileName: "[fast] far.vmdk", diskMode: "persistent", thinProvisioned: true };
  const other = await createVm(client, {
    name: "other",
    files: { vmPathName: "[datastore1]" },
    deviceChange: [
      { operation: "add", device: { $type: "ParaVirtualSCSIController", key: -1, busNumber: 0, sharedBus: "noSharing" } as never },
      { operation: "add", fileOperation: "create", device: { ...disk, backing } as never },
    ],
  });
  const rename = (newName: string) => client.call(fast, "RenameDatastore", { newName });
  await succeeded(client, await client.call(vm, "PowerOnVM_Task", {}));
  expect((await faultOf(rename("slow"))).message).toContain("the virtual machine mover");
  expect(await names()).toEqual(["datastore1", "fast"]);
  await succeeded(client, await client.call(vm, "PowerOffVM_Task", {}));
  expect((await faultOf(rename("datastore1"))).fault).toBe("DuplicateName");
  expect((await faultOf(rename("a/b"))).fault).toBe("InvalidName");

  await rename("slow");
  expect(await names()).toEqual(["datastore1", "slow"]);
  expect(await pathOf(vm)).toBe("[slow] mover/mover.vmx");
  const files = (of: MoRef) =>
    read(client, of, "layoutEx").then((layout) => (layout as { file: { name: string }[] }).file.map(({ name }) => name));
  expect(await files(other)).toContain("[slow] far.vmdk");
  await succeeded(client, await client.call(vm, "PowerOnVM_Task", {}));
  await succeeded(client, await client.call(vm, "PowerOffVM_Task", {}));
  await succeeded(client, await client.call(fast, "Rename_Task", { newName: "slow" })); // it is that already

  client.close();
  await host.stop({ keepFolder: true });
  renameSync(volume("slow"), volume("by hand"));
  host = await startAgent(host.folder);
  client = await host.login();
  expect(await pathOf(vm), "while no host agent ran").toBe("[by hand] mover/mover.vmx");
  expect(await read(client, fast, "name")).toBe("by hand");
});

test("to rename a datastore takes the privilege for datastores, by whatever type it is called", async () => {
  const [datastore] = (await read(client, SYSTEM, "datastore")) as readonly MoRef<"Datastore">[];
  await client.call(ACCOUNTS, "CreateUser", { user: { id: "vmadmin", password: "xQaTEhb!" } });
  const roleId = await client.call(AUTHORIZATION, "AddAuthorizationRole", {
    name: "VM renamer",
    privIds: ["VirtualMachine.Config.Rename"],
  });
  const permission = [{ principal: "vmadmin", group: false, roleId, propagate: true }];
  await client.call(AUTHORIZATION, "SetEntityPermissions", { entity: moRef("Folder", "ha-folder-root"), permission });
  await using user = await host.connect();
  await user.call(SESSION_MANAGER, "Login", { userName: "vmadmin", password: "xQaTEhb!" });
  for (const type of ["Datastore", "ManagedEntity", "VirtualMachine"] as const) {
    const ref = { type, value: datastore?.value ?? "" } as MoRef<"Datastore">;
    const refusal = (await faultOf(user.call(ref, "Rename_Task", { newName: "taken" }))).fault;
    expect(refusal, type).toBe(type === "VirtualMachine" ? "ManagedObjectNotFound" : "NoPermission");
  }
});

test("a datastore in use, or with files in it, stays, and an empty one goes", async () => {
  const [first, second] = (await read(client, SYSTEM, "datastore")) as readonly MoRef<"Datastore">[];
  if (first === undefined || second === undefined) throw new Error("there are not two datastores");
  const used = [(await read(client, first, "name")) === "by hand" ? first : second];
  const remove = (datastore: MoRef<"Datastore">) => client.call(SYSTEM, "RemoveDatastore", { datastore });
  for (const datastore of used) expect((await faultOf(remove(datastore))).fault).toBe("ResourceInUse");
  const empty = await create("empty");
  const holder = await create("holder");
  writeFileSync(join(volume("holder"), "left.txt"), "somebody's");
  expect((await faultOf(client.call(holder, "DestroyDatastore", {}))).fault).toBe("ResourceInUse");
  expect(existsSync(join(volume("holder"), ".datastore-uuid"))).toBe(true);
  const task = await client.call(SYSTEM, "RemoveDatastoreEx_Task", { datastore: [empty, holder, moRef("Datastore", "none")] });
  const results = (await succeeded(client, task)) as readonly HostDatastoreSystemDatastoreResult[];
  expect(results.map(({ fault }) => fault?.fault.$type)).toEqual([undefined, "ResourceInUse", "NotFound"]);
  expect(existsSync(volume("empty"))).toBe(false);
  expect((await ended(client, await client.call(holder, "Destroy_Task", {}))).error?.fault.$type).toBe("ResourceInUse");
  expect(await names()).toEqual(["by hand", "datastore1", "holder"]);
  await client.call(holder, "RefreshDatastoreStorageInfo", {});
  expect(await client.call(holder, "IsClusteredVmdkEnabled", {})).toBe(false);
});

test("no disk of the machine is offered for a file system that this host does not have", async () => {
  const [datastore] = (await read(client, SYSTEM, "datastore")) as readonly [MoRef<"Datastore">];
  expect(await client.call(SYSTEM, "QueryAvailableDisksForVmfs", {})).toEqual([]);
  const none = { datastore: moRef("Datastore", "none") };
  expect((await faultOf(client.call(SYSTEM, "QueryAvailableDisksForVmfs", none))).fault).toBe("NotFound");
  expect(await client.call(SYSTEM, "QueryVmfsDatastoreExtendOptions", { datastore, devicePath: "/dev/sda" })).toEqual([]);
  expect(await client.call(SYSTEM, "QueryVmfsDatastoreExpandOptions", { datastore })).toEqual([]);
  expect(await client.call(SYSTEM, "QueryUnresolvedVmfsVolumes", {})).toEqual([]);
  const nas = { spec: { remoteHost: "nas", remotePath: "/x", localPath: "nas", accessMode: "readWrite" } };
  expect((await faultOf(client.call(SYSTEM, "CreateNasDatastore", nas))).fault).toBe("NotSupported");
});
