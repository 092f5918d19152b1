import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openDatabase } from "../src/hostd/index.ts";
import { moRef, SERVICE_INSTANCE, type VimClient } from "../src/interfaces/index.ts";
import type { MoRef } from "../src/wire/index.ts";
import { faultOf, startAgent, type TestAgent } from "./agent.fixture.ts";
import { createVm, ended, read, succeeded } from "./vm.ts";

/** Folders made and files deleted through the API. */
const FILES = moRef("FileManager", "ha-nfc-file-manager");
const DISKS = moRef("VirtualDiskManager", "ha-vdiskmanager");
const READ_ONLY = -2;
let host: TestAgent;
let client: VimClient;

beforeAll(async () => {
  host = await startAgent();
  client = await host.login();
  const spec = { name: "web", guestId: "otherLinux64Guest", numCPUs: 1, memoryMB: 64, files: { vmPathName: "[datastore1]" } };
  await createVm(client, spec);
});
afterAll(async () => {
  client?.close();
  await host?.stop();
});

const at = (path: string): string => join(host.datastore, path);
const make = (name: string, createParentDirectories?: boolean): Promise<unknown> =>
  client.call(FILES, "MakeDirectory", { name, createParentDirectories });
const remove = (name: string) => client.call(FILES, "DeleteDatastoreFile_Task", { name });

test("the service content names the file manager as ESXi does", async () => {
  expect((await client.call(SERVICE_INSTANCE, "RetrieveServiceContent", {})).fileManager).toEqual(FILES);
});

test("a folder is made, with those above it only when the client says so", async () => {
  await make("[datastore1] a");
  expect(existsSync(at("a"))).toBe(true);
  expect((await faultOf(make("[datastore1] b/c/d"))).fault).toBe("FileNotFound");
  expect(existsSync(at("b"))).toBe(false);
  await make("[datastore1] b/c/d", true);
  await make("[datastore1] b/c/e", true);
  expect(readdirSync(at("b/c"))).toEqual(["d", "e"]);
});

test.each([
  ["that is there", "[datastore1] web", "FileAlreadyExists"],
  ["that is there, with its parents", "[datastore1] web", "FileAlreadyExists", true],
  ["that is the datastore", "[datastore1]", "FileAlreadyExists"],
  ["beneath a file", "[datastore1] web/web.vmx/x", "FileNotFound"],
  ["beneath a file, with its parents", "[datastore1] web/web.vmx/x", "FileNotFound", true],
  ["out of the datastore", "[datastore1] ../x", "InvalidDatastorePath"],
  ["on no datastore", "[elsewhere] x", "InvalidDatastore"],
])("a folder %s is not made", async (_, name, fault, parents = false) => {
  expect((await faultOf(make(name, parents))).fault).toBe(fault);
});

test("a file goes, and a folder with all that is in it", async () => {
  mkdirSync(at("old/deep/er"), { recursive: true });
  for (const file of ["old/1", "old/deep/2", "old/deep/er/3", "old/keep"]) writeFileSync(at(file), "x");
  await succeeded(client, await remove("[datastore1] old/keep"));
  expect(readdirSync(at("old"))).toEqual(["1", "deep"]);
  await succeeded(client, await remove("[datastore1] old"));
  expect(existsSync(at("old"))).toBe(false);
});

test("what is not there ends in FileNotFound", async () => {
  const { error } = await ended(client, await remove("[datastore1] nowhere"));
  expect(error?.fault).toMatchObject({ $type: "FileNotFound", file: "[datastore1] nowhere" });
});

test.each(["[datastore1] web", "[datastore1] web/web.vmx"])("%s stays while its VM is registered", async (name) => {
  expect(await faultOf(remove(name))).toMatchObject({ fault: "FileLocked", fields: { file: "[datastore1] web/web.vmx" } });
  expect(existsSync(at("web/web.vmx"))).toBe(true);
});

test("a datastore is not deleted", async () => {
  expect((await faultOf(remove("[datastore1]"))).fault).toBe("InvalidArgument");
});

const removeDisk = (name: string) => client.call(DISKS, "DeleteVirtualDisk_Task", { name });

test("a disk goes with its data, unless a VM has it", async () => {
  const spare = { key: -1, capacityInKB: 1024, backing: { $type: "VirtualDiskFlatVer2BackingInfo", diskMode: "persistent" } };
  const deviceChange = ["[datastore1] web/kept.vmdk", "[datastore1] web/spare.vmdk"].map((fileName, unitNumber) => ({
    operation: "add" as const,
    fileOperation: "create" as const,
    device: {
      ...spare,
      $type: "VirtualDisk",
      key: -1 - unitNumber,
      controllerKey: 200,
      unitNumber,
      backing: { ...spare.backing, fileName },
    },
  }));
  const vm = (await read(client, moRef("Folder", "ha-folder-vm"), "childEntity")) as readonly MoRef<"VirtualMachine">[];
  const target = moRef("VirtualMachine", vm[0]?.value ?? "");
  await succeeded(client, await client.call(target, "ReconfigVM_Task", { spec: { deviceChange: deviceChange as never } }));
  const detach = { operation: "remove" as const, device: { $type: "VirtualDisk", key: 3001, capacityInKB: 0 } as never };
  await succeeded(client, await client.call(target, "ReconfigVM_Task", { spec: { deviceChange: [detach] } }));
  await succeeded(client, await removeDisk("[datastore1] web/spare.vmdk"));
  expect((await faultOf(removeDisk("[datastore1] web/kept.vmdk"))).fault).toBe("FileLocked");
  expect((await faultOf(remove("[datastore1] web/kept-flat.vmdk"))).fault).toBe("FileLocked");
  expect(readdirSync(at("web"))).toEqual(["kept-flat.vmdk", "kept.vmdk", "web.vmx"]);
});

test("who may only read neither makes nor deletes", async () => {
  await using reader = await host.login(READ_ONLY);
  const made = await faultOf(reader.call(FILES, "MakeDirectory", { name: "[datastore1] x" }));
  const deleted = await faultOf(reader.call(FILES, "DeleteDatastoreFile_Task", { name: "[datastore1] a" }));
  const disk = await faultOf(reader.call(DISKS, "DeleteVirtualDisk_Task", { name: "[datastore1] a.vmdk" }));
  expect([made, deleted, disk].map(({ fault, fields }) => [fault, fields.privilegeId])).toEqual([
    ["NoPermission", "Datastore.FileManagement"],
    ["NoPermission", "Datastore.DeleteFile"],
    ["NoPermission", "Datastore.FileManagement"],
  ]);
});

test("a deletion that a crash cut short is finished by the next host agent", async () => {
  const first = await startAgent();
  mkdirSync(join(first.datastore, "half/rest"), { recursive: true });
  await first.stop({ keepFolder: true });
  const database = openDatabase(join(first.folder, "hostd.db"));
  const info = { key: "t", task: { type: "Task", value: "t" }, state: "running", entity: { type: "Folder", value: "ha-folder-root" } };
  const journal = { kind: "deleteFiles", path: { datastore: "datastore1", path: "half" } };
  database.prepare("INSERT INTO task (moid, info, journal) VALUES ('t', ?, ?)").run(JSON.stringify(info), JSON.stringify(journal));
  database.close();
  const second = await startAgent(first.folder);
  expect(existsSync(join(second.datastore, "half"))).toBe(false);
  await second.stop();
});
