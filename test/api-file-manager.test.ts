import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { openDatabase } from "../src/hostd/index.ts";
import { moRef, SERVICE_INSTANCE } from "../src/interfaces/index.ts";
import type { MoRef } from "../src/wire/index.ts";
import { faultOf, startAgent, useAgent } from "./agent.fixture.ts";
import { createVm, ended, read, succeeded } from "./vm.ts";

/** Folders made, files copied, moved and deleted through the API. */
const FILES = moRef("FileManager", "ha-nfc-file-manager");
const DISKS = moRef("VirtualDiskManager", "ha-vdiskmanager");
const READ_ONLY = -2;
const { host, client } = await useAgent();

beforeAll(async () => {
  const spec = { name: "web", guestId: "otherLinux64Guest", numCPUs: 1, memoryMB: 64, files: { vmPathName: "[datastore1]" } };
  await createVm(client, spec);
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

describe("copying and moving", () => {
  let number = 0;
  let folder = "";
  const here = (name: string) => at(`${folder}/${name}`);
  const path = (name: string) => `[datastore1] ${folder}/${name}`;
  const holds = (name = "") => readdirSync(here(name)).sort();
  const text = (name: string) => readFileSync(here(name), "utf8");
  const transfer = async (method: "CopyDatastoreFile_Task" | "MoveDatastoreFile_Task", from: string, to: string, force?: boolean) =>
    client.call(FILES, method, { sourceName: path(from), destinationName: path(to), force });
  const copy = async (from: string, to: string, force?: boolean) =>
    succeeded(client, await transfer("CopyDatastoreFile_Task", from, to, force));
  const move = async (from: string, to: string, force?: boolean) =>
    succeeded(client, await transfer("MoveDatastoreFile_Task", from, to, force));
  /** The fault that a transfer ends in, be it at once or in its task. */
  async function refusal(...args: Parameters<typeof transfer>): Promise<string> {
    try {
      return (await ended(client, await transfer(...args))).error?.fault.$type ?? "none";
    } catch (error) {
      return (await faultOf(Promise.reject(error))).fault;
    }
  }
  const both = ["CopyDatastoreFile_Task", "MoveDatastoreFile_Task"] as const;

  beforeEach(() => {
    number += 1;
    folder = `t${number}`;
    mkdirSync(here("tree/deep"), { recursive: true });
    writeFileSync(here("file"), "content");
    writeFileSync(here("tree/1"), "one");
    writeFileSync(here("tree/deep/2"), "two");
  });

  test("a file is copied and moved, and another's place it takes only by force", async () => {
    await copy("file", "copy");
    expect([text("file"), text("copy")]).toEqual(["content", "content"]);
    await move("copy", "moved");
    expect(holds()).toEqual(["file", "moved", "tree"]);
    writeFileSync(here("other"), "other");
    for (const method of both) expect(await refusal(method, "file", "other")).toBe("FileAlreadyExists");
    expect(text("other")).toBe("other");
    await copy("file", "other", true);
    expect(text("other")).toBe("content");
    await move("tree/1", "other", true);
    expect([text("other"), holds("tree")]).toEqual(["one", ["deep"]]);
  });

  test("a folder is copied and moved with all that is in it, and its files stay sparse", async () => {
    truncateSync(here("tree/deep/2"), 64 * 1024 * 1024);
    await copy("tree", "copy");
    expect(text("copy/1")).toBe("one");
    expect(statSync(here("copy/deep/2")).size).toBe(64 * 1024 * 1024);
    expect(statSync(here("copy/deep/2")).blocks * 512).toBeLessThan(1024 * 1024);
    await move("copy", "moved");
    expect(holds()).toEqual(["file", "moved", "tree"]);
    expect(text("moved/1")).toBe("one");
  });

  test("a folder is added to one that is there; what is in both is told, or replaced by force", async () => {
    mkdirSync(here("there/deep"), { recursive: true });
    writeFileSync(here("there/own"), "own");
    await copy("tree", "there");
    expect([text("there/own"), text("there/deep/2")]).toEqual(["own", "two"]);
    writeFileSync(here("tree/1"), "changed");
    writeFileSync(here("tree/3"), "three");
    expect(await refusal("CopyDatastoreFile_Task", "tree", "there")).toBe("FileAlreadyExists");
    expect(holds("there")).toEqual(["1", "deep", "own"]);
    await copy("tree", "there", true);
    expect([text("there/1"), text("there/3")]).toEqual(["changed", "three"]);
    expect(await refusal("MoveDatastoreFile_Task", "tree", "there", true)).toBe("FileAlreadyExists");
  });

  test("a copy of a folder that can't be finished leaves nothing, and of one that is added to what was there", async () => {
    mkdirSync(here("there/1"), { recursive: true }); // a folder where a file should come
    expect(await refusal("CopyDatastoreFile_Task", "tree", "there", true)).toBe("FileAlreadyExists");
    expect(holds("there")).toEqual(["1"]);
    symlinkSync("/tmp", here("there/deep"));
    rmSync(here("there/1"), { recursive: true });
    expect(await refusal("CopyDatastoreFile_Task", "tree", "there", true)).not.toBe("none");
    expect(holds("there")).toEqual(["deep"]);
    expect(existsSync("/tmp/2")).toBe(false);
  });

  test("a disk named by its descriptor goes with its data, and the descriptor names it", async () => {
    const spec = { $type: "FileBackedVirtualDiskSpec", diskType: "thin", adapterType: "lsiLogic", capacityKb: 1024 } as never;
    await succeeded(client, await client.call(DISKS, "CreateVirtualDisk_Task", { name: path("a.vmdk"), spec }));
    await copy("a.vmdk", "b.vmdk");
    await move("b.vmdk", "tree/c.vmdk");
    expect(holds()).toEqual(["a-flat.vmdk", "a.vmdk", "file", "tree"]);
    expect(holds("tree")).toEqual(["1", "c-flat.vmdk", "c.vmdk", "deep"]);
    expect(text("tree/c.vmdk")).toContain('VMFS "c-flat.vmdk"');
    for (const method of both) expect(await refusal(method, "a.vmdk", "tree/c.vmdk")).toBe("FileAlreadyExists");
    await copy("a.vmdk", "tree/c.vmdk", true);
    await move("a.vmdk", "tree/c.vmdk", true);
    expect(holds()).toEqual(["file", "tree"]);
  });

  test("what only has a disk's name, and an extent, is a file", async () => {
    writeFileSync(here("text.vmdk"), "hello");
    writeFileSync(here("x-flat.vmdk"), "data");
    await copy("text.vmdk", "copy.vmdk");
    await move("x-flat.vmdk", "y-flat.vmdk");
    expect(holds()).toEqual(["copy.vmdk", "file", "text.vmdk", "tree", "y-flat.vmdk"]);
  });

  test("to where it is nothing is done", async () => {
    await copy("file", "file", true);
    await move("tree", "tree");
    expect([text("file"), holds("tree")]).toEqual(["content", ["1", "deep"]]);
  });

  test.each<[string, string, string, string]>([
    ["into itself", "tree", "tree/deep/inside", "InvalidArgument"],
    ["to a folder that is not there", "file", "none/file", "FileNotFound"],
    ["beneath a file", "tree/1", "file/x", "FileNotFound"],
    ["that is not there", "none", "x", "FileNotFound"],
    ["out of the datastore", "file", "../../x", "InvalidDatastorePath"],
    ["from out of the datastore", "../../../etc/passwd", "x", "InvalidDatastorePath"],
    ["over a folder", "file", "tree", "FileAlreadyExists"],
    ["that is a folder over a file", "tree", "file", "FileAlreadyExists"],
    ["through a symlink", "file", "link/x", "CannotAccessFile"],
    ["that is a symlink", "link", "x", "CannotAccessFile"],
    ["over a symlink", "file", "link", "FileAlreadyExists"],
  ])("what is to go %s stays as it is", async (_, from, to, fault) => {
    symlinkSync("/tmp", here("link"));
    for (const method of both) expect([method, await refusal(method, from, to, true)]).toEqual([method, fault]);
    expect([holds(), holds("tree"), holds("tree/deep")]).toEqual([["file", "link", "tree"], ["1", "deep"], ["2"]]);
  });

  test("a registered VM's files are neither moved nor replaced; copied they are", async () => {
    const to = { destinationName: path("x") };
    for (const sourceName of ["[datastore1] web", "[datastore1] web/web.vmx"])
      expect((await faultOf(client.call(FILES, "MoveDatastoreFile_Task", { sourceName, ...to }))).fault).toBe("FileLocked");
    const over = { sourceName: path("file"), destinationName: "[datastore1] web/web.vmx", force: true };
    for (const method of both) expect((await faultOf(client.call(FILES, method, over))).fault).toBe("FileLocked");
    writeFileSync(here("tree/web.vmx"), "other");
    const into = { sourceName: path("tree"), destinationName: "[datastore1] web", force: true };
    const { error } = await ended(client, await client.call(FILES, "CopyDatastoreFile_Task", into));
    expect(error?.fault.$type).toBe("FileLocked");
    await succeeded(client, await client.call(FILES, "CopyDatastoreFile_Task", { sourceName: "[datastore1] web", ...to }));
    expect(holds("x")).toEqual(["kept-flat.vmdk", "kept.vmdk", "web.vmx"]);
    expect(readdirSync(at("web"))).toEqual(holds("x"));
  });

  test("a whole datastore, another's name and another datacenter are refused", async () => {
    const source = { sourceName: path("file") };
    for (const [args, fault] of [
      [{ ...source, destinationName: "[datastore1]" }, "InvalidArgument"],
      [{ sourceName: "[datastore1]", destinationName: path("x") }, "InvalidArgument"],
      [{ ...source, destinationName: "[elsewhere] x" }, "InvalidDatastore"],
      [{ ...source, destinationName: path("x"), destinationDatacenter: moRef("Datacenter", "datacenter-2") }, "ManagedObjectNotFound"],
      [{ ...source, destinationName: path("x"), sourceDatacenter: moRef("Datacenter", "datacenter-2") }, "ManagedObjectNotFound"],
    ] as const)
      for (const method of both) expect((await faultOf(client.call(FILES, method, args))).fault).toBe(fault);
    await succeeded(
      client,
      await client.call(FILES, "CopyDatastoreFile_Task", {
        ...source,
        destinationName: path("x"),
        sourceDatacenter: moRef("Datacenter", "ha-datacenter"),
      }),
    );
  });
});

test.skipIf(process.getuid?.() !== 0)("what moves to another file system is whole there before it is gone here", async () => {
  const folder = mkdtempSync(join(tmpdir(), "bulkhead-agent-"));
  const other = join(folder, "volumes/second");
  mkdirSync(other, { recursive: true });
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=16m", "tmpfs", other]);
  const second = await startAgent(folder);
  try {
    await using root = await second.login();
    const move = async (sourceName: string, destinationName: string) =>
      ended(root, await root.call(FILES, "MoveDatastoreFile_Task", { sourceName, destinationName }));
    mkdirSync(join(second.datastore, "tree/deep"), { recursive: true });
    writeFileSync(join(second.datastore, "tree/deep/x"), "x");
    writeFileSync(join(second.datastore, "file"), "content");
    const spec = { $type: "FileBackedVirtualDiskSpec", diskType: "thin", adapterType: "lsiLogic", capacityKb: 1024 } as never;
    await succeeded(root, await root.call(DISKS, "CreateVirtualDisk_Task", { name: "[datastore1] a.vmdk", spec }));
    for (const name of ["tree", "file", "a.vmdk"]) expect((await move(`[datastore1] ${name}`, `[second] ${name}`)).error).toBeUndefined();
    expect(
      readdirSync(other)
        .filter((name) => !name.startsWith(".datastore"))
        .sort(),
    ).toEqual(["a-flat.vmdk", "a.vmdk", "file", "tree"]);
    expect(readFileSync(join(other, "tree/deep/x"), "utf8")).toBe("x");
    expect(readdirSync(second.datastore)).toEqual([".datastore-uuid"]);
    // One that does not fit is where it was, and nothing of it is where it should have gone.
    mkdirSync(join(second.datastore, "big"));
    writeFileSync(join(second.datastore, "big/file"), Buffer.alloc(32 * 1024 * 1024, 1));
    expect((await move("[datastore1] big", "[second] big")).error?.fault.$type).toBe("NoDiskSpace");
    expect(statSync(join(second.datastore, "big/file")).size).toBe(32 * 1024 * 1024);
    expect(readdirSync(other).filter((name) => name.includes("big") || name.includes("transfer"))).toEqual([]);
  } finally {
    await second.stop({ keepFolder: true });
    execFileSync("umount", [other]);
    rmSync(folder, { recursive: true, force: true });
  }
});

test("who may only read neither copies nor moves", async () => {
  await using reader = await host.login(READ_ONLY);
  const names = { sourceName: "[datastore1] web/web.vmx", destinationName: "[datastore1] x" };
  for (const method of ["CopyDatastoreFile_Task", "MoveDatastoreFile_Task"] as const)
    expect(await faultOf(reader.call(FILES, method, names))).toMatchObject({
      fault: "NoPermission",
      fields: { privilegeId: "Datastore.FileManagement" },
    });
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
