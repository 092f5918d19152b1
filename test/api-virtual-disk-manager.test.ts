import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { hashPassword } from "../src/access/index.ts";
import { Accounts } from "../src/hostd/accounts.ts";
import { openDatabase } from "../src/hostd/index.ts";
import { moRef, type VimClient } from "../src/interfaces/index.ts";
import type { MoRef, TaskInfo, VirtualDisk } from "../src/wire/index.ts";
import { faultOf, SESSION_MANAGER, startAgent, type TestAgent } from "./agent.fixture.ts";
import { createVm, ended, ROOT_POOL, read, succeeded, VM_FOLDER } from "./vm.ts";

/** Virtual disks through the API, on a host agent with real datastores and no guest. */
const DISKS = moRef("VirtualDiskManager", "ha-vdiskmanager");
const READ_ONLY = -2;
const MIB = 1024 * 1024;
let host: TestAgent;
let client: VimClient;
let folder = "";
let number = 0;

beforeAll(async () => {
  host = await startAgent();
  client = await host.login();
});
afterAll(async () => {
  client?.close();
  await host?.stop();
});
beforeEach(() => {
  number += 1;
  folder = `d${number}`;
  mkdirSync(at(""));
});

const at = (name: string): string => join(host.datastore, folder, name);
const path = (name: string): string => `[datastore1] ${folder}/${name}`;
const holds = () => readdirSync(at("")).sort();
/** A call by the name of its method, which the types of a client do not know when a test chooses it. */
const ask = (on: MoRef, method: string, args: object, as = client): Promise<MoRef> =>
  (as.call as (on: MoRef, method: string, args: object) => Promise<MoRef>).call(as, on, method, args);
const call = (method: string, args: object, as = client): Promise<MoRef> => ask(DISKS, method, args, as);
const task = async (method: string, args: object): Promise<unknown> => succeeded(client, await call(method, args));
/** The fault that a call ends in, be it at once or in its task. */
async function refusal(method: string, args: object): Promise<{ readonly fault: string; readonly message: string }> {
  try {
    const info = await ended(client, await call(method, args));
    return { fault: info.error?.fault.$type ?? "none", message: info.error?.localizedMessage ?? "" };
  } catch (error) {
    return faultOf(Promise.reject(error));
  }
}
const spec = (changes: object = {}) => ({
  $type: "FileBackedVirtualDiskSpec",
  diskType: "thin",
  adapterType: "lsiLogic",
  capacityKb: 4096,
  ...changes,
});
const create = (name: string, changes: object = {}) => task("CreateVirtualDisk_Task", { name: path(name), spec: spec(changes) });
const infoOf = async (name: string) =>
  (await task("QueryVirtualDiskInfo_Task", { name: path(name), includeParents: true })) as readonly { diskType: string }[];
const allocated = (name: string): number => statSync(at(name)).blocks * 512;
const fill = (name: string) => writeFileSync(at(name), Buffer.alloc(4 * MIB, 7));

/** A VM with that disk. */
async function vmWith(disk: string, name = `vm${number}`): Promise<MoRef<"VirtualMachine">> {
  const backing = { $type: "VirtualDiskFlatVer2BackingInfo", fileName: disk, diskMode: "persistent" };
  const device = { $type: "VirtualDisk", key: -1, controllerKey: 200, unitNumber: 0, capacityInKB: 0, backing } as never;
  return createVm(client, {
    name,
    guestId: "otherLinux64Guest",
    numCPUs: 1,
    memoryMB: 64,
    files: { vmPathName: "[datastore1]" },
    deviceChange: [{ operation: "add", device }],
  });
}

describe("making a disk", () => {
  test.each([
    ["thin", "thin"],
    ["preallocated", "preallocated"],
    ["thick", "preallocated"],
    ["eagerZeroedThick", "eagerZeroedThick"],
  ])("of type %s makes one of type %s, with a UUID and a geometry", async (diskType, type) => {
    expect(await create("a.vmdk", { diskType })).toBe(path("a.vmdk"));
    expect(await infoOf("a.vmdk")).toMatchObject([{ unit: { name: path("a.vmdk") }, diskType: type }]);
    expect(allocated("a-flat.vmdk") >= 4 * MIB).toBe(type !== "thin");
    expect(await call("QueryVirtualDiskUuid", { name: path("a.vmdk") })).toMatch(
      /^60 00 C2 9[0-9a-f]( [0-9a-f]{2}){4}-([0-9a-f]{2} ){7}[0-9a-f]{2}$/,
    );
    expect(await call("QueryVirtualDiskGeometry", { name: path("a.vmdk") })).toMatchObject({ cylinder: 4, head: 64, sector: 32 });
  });

  test.each<[string, object, string]>([
    ["a name that is taken", {}, "FileAlreadyExists"],
    ["a folder that is not there", { name: "[datastore1] none/a.vmdk" }, "FileNotFound"],
    ["a place out of the datastore", { name: "[datastore1] ../a.vmdk" }, "InvalidDatastorePath"],
    ["no datastore's name", { name: "[elsewhere] a.vmdk" }, "InvalidDatastore"],
    ["a URL", { name: "https://host/folder/a.vmdk?dsName=datastore1" }, "InvalidDatastorePath"],
    ["another extension", { name: "[datastore1] a.img" }, "InvalidDatastorePath"],
    ["another datacenter", { datacenter: moRef("Datacenter", "datacenter-2") }, "ManagedObjectNotFound"],
    [
      "a raw device",
      { spec: { $type: "DeviceBackedVirtualDiskSpec", diskType: "rdm", adapterType: "ide", device: "/dev/sda" } },
      "NotSupported",
    ],
    ["a type that is not offered", { spec: spec({ diskType: "sparse2Gb" }) }, "NotSupported"],
    ["a type that nobody knows", { spec: spec({ diskType: "x" }) }, "InvalidArgument"],
    ["no size", { spec: spec({ capacityKb: 0 }) }, "InvalidArgument"],
    [
      "more than there is room for",
      { name: "[datastore1] big.vmdk", spec: spec({ capacityKb: 50 * 1024 ** 3, diskType: "thick" }) },
      "NoDiskSpace",
    ],
  ])("is refused with %s", async (_, args, fault) => {
    await create("a.vmdk");
    expect((await refusal("CreateVirtualDisk_Task", { name: path("a.vmdk"), spec: spec(), ...args })).fault).toBe(fault);
    expect(holds()).toEqual(["a-flat.vmdk", "a.vmdk"]);
  });

  test("shows how far it is, can be cancelled, and then leaves nothing", async () => {
    const started = await call("CreateVirtualDisk_Task", {
      name: path("a.vmdk"),
      spec: spec({ diskType: "eagerZeroedThick", capacityKb: 2 * MIB }),
    });
    await waitFor(async () => ((await read(client, started, "info")) as TaskInfo).cancelable === true);
    await client.call(started as MoRef<"Task">, "CancelTask", {});
    const info = await ended(client, started);
    expect(info).toMatchObject({ state: "error", cancelled: true, error: { fault: { $type: "RequestCanceled" } } });
    expect(holds()).toEqual([]);
    expect((await faultOf(client.call(started as MoRef<"Task">, "CancelTask", {}))).fault).toBe("InvalidState");
  });
});

describe("copying a disk", () => {
  test.each<[string, () => Promise<MoRef<"Task">>, readonly string[]]>([
    [
      "an inflation",
      async () => {
        await create("a.vmdk", { capacityKb: 2 * MIB });
        return (await call("InflateVirtualDisk_Task", { name: path("a.vmdk") })) as MoRef<"Task">;
      },
      ["a-flat.vmdk", "a.vmdk"],
    ],
    [
      "a VM with an eager disk",
      () =>
        client.call(VM_FOLDER, "CreateVM_Task", {
          config: {
            ...{ name: "eager", files: { vmPathName: "[datastore1]" } },
            deviceChange: [
              { operation: "add", device: { $type: "ParaVirtualSCSIController", key: -1, busNumber: 0, sharedBus: "noSharing" } as never },
              {
                ...{ operation: "add", fileOperation: "create" },
                device: {
                  ...{ $type: "VirtualDisk", key: -2, controllerKey: -1, unitNumber: 0, capacityInKB: 2 * MIB },
                  backing: { $type: "VirtualDiskFlatVer2BackingInfo", fileName: "", diskMode: "persistent", eagerlyScrub: true },
                } as never,
              },
            ],
          },
          pool: ROOT_POOL,
        }),
      [],
    ],
  ])("%s is cancelled while it is made, and leaves what was there", async (_, start, left) => {
    const started = await start();
    await waitFor(async () => (((await read(client, started, "info")) as TaskInfo).progress ?? 0) > 0);
    await client.call(started, "CancelTask", {});
    expect(await ended(client, started)).toMatchObject({ state: "error", cancelled: true, error: { fault: { $type: "RequestCanceled" } } });
    expect(holds()).toEqual(left);
    if (left.length > 0) expect(await infoOf("a.vmdk")).toMatchObject([{ diskType: "thin" }]);
  });

  test("keeps what it holds, thin where it was, and gives it a UUID of its own", async () => {
    await create("a.vmdk");
    writeFileSync(at("a-flat.vmdk"), "what the guest wrote", { flag: "r+" });
    expect(await task("CopyVirtualDisk_Task", { sourceName: path("a.vmdk"), destName: path("b.vmdk"), force: true })).toBe(path("b.vmdk"));
    expect(readFileSync(at("b-flat.vmdk")).equals(readFileSync(at("a-flat.vmdk")))).toBe(true);
    expect(allocated("b-flat.vmdk")).toBeLessThan(MIB);
    const uuids = await Promise.all(["a", "b"].map((name) => call("QueryVirtualDiskUuid", { name: path(`${name}.vmdk`) })));
    expect(uuids[0]).not.toBe(uuids[1]);
  });

  test("makes it another kind of disk when the client says so", async () => {
    await create("a.vmdk");
    const destSpec = { diskType: "eagerZeroedThick", adapterType: "ide" };
    await task("CopyVirtualDisk_Task", { sourceName: path("a.vmdk"), destName: path("b.vmdk"), destSpec });
    expect(await infoOf("b.vmdk")).toMatchObject([{ diskType: "eagerZeroedThick" }]);
    expect(readFileSync(at("b.vmdk"), "utf8")).toContain('ddb.adapterType = "ide"');
    const carried = { diskType: "sparse2Gb", adapterType: "lsiLogic" };
    await task("CopyVirtualDisk_Task", { sourceName: path("a.vmdk"), destName: path("c.vmdk"), destSpec: carried });
    expect(await infoOf("c.vmdk")).toMatchObject([{ diskType: "sparse2Gb" }]);
    await task("DeleteVirtualDisk_Task", { name: path("c.vmdk") });
    expect(holds()).toEqual(["a-flat.vmdk", "a.vmdk", "b-flat.vmdk", "b.vmdk"]);
  });

  test("to where it is does nothing", async () => {
    await create("a.vmdk");
    const before = statSync(at("a.vmdk")).mtimeMs;
    const destSpec = { diskType: "thick", adapterType: "ide" };
    for (const [method, args] of [
      ["CopyVirtualDisk_Task", { destSpec }],
      ["MoveVirtualDisk_Task", { force: true }],
    ] as const)
      expect(await task(method, { sourceName: path("a.vmdk"), destName: path("a.vmdk"), ...args })).toBe(path("a.vmdk"));
    expect(statSync(at("a.vmdk")).mtimeMs).toBe(before);
  });

  test.each<[string, string, string, string]>([
    ["over another, force or not", "a.vmdk", "taken.vmdk", "FileAlreadyExists"],
    ["over another's data", "a.vmdk", "data.vmdk", "FileAlreadyExists"],
    ["that is not there", "none.vmdk", "b.vmdk", "FileNotFound"],
    ["that is no disk", "text.vmdk", "b.vmdk", "InvalidDiskFormat"],
    ["that is cut short", "short.vmdk", "b.vmdk", "InvalidDiskFormat"],
    ["that is a symlink", "link.vmdk", "b.vmdk", "CannotAccessFile"],
    ["whose data is a symlink", "linked.vmdk", "b.vmdk", "CannotAccessFile"],
    ["to a name that is no disk's", "a.vmdk", "b.txt", "InvalidDatastorePath"],
  ])("%s is refused", async (_, from, to, fault) => {
    await create("a.vmdk");
    writeFileSync(at("taken.vmdk"), "mine");
    writeFileSync(at("data-flat.vmdk"), "mine");
    writeFileSync(at("text.vmdk"), "hello");
    symlinkSync("a.vmdk", at("link.vmdk"));
    const descriptor = readFileSync(at("a.vmdk"), "utf8");
    for (const name of ["short", "linked"]) writeFileSync(at(`${name}.vmdk`), descriptor.replace("a-flat", `${name}-flat`));
    truncateSync(at("a-flat.vmdk"), 4 * MIB);
    writeFileSync(at("short-flat.vmdk"), "short");
    symlinkSync("/etc/passwd", at("linked-flat.vmdk"));
    const before = holds();
    expect((await refusal("CopyVirtualDisk_Task", { sourceName: path(from), destName: path(to), force: true })).fault).toBe(fault);
    expect(holds()).toEqual(before);
  });

  test("in a VM's place is a VM's disk: a VM is cloned by copying its disks and creating one with them", async () => {
    await create("a.vmdk");
    await vmWith(path("a.vmdk"));
    await task("CopyVirtualDisk_Task", { sourceName: path("a.vmdk"), destName: path("b.vmdk") });
    const clone = await vmWith(path("b.vmdk"), `clone${number}`);
    const devices = (await read(client, clone, "config.hardware.device")) as readonly VirtualDisk[];
    expect(devices.filter(({ $type }) => $type === "VirtualDisk")).toMatchObject([
      { capacityInKB: 4096, backing: { fileName: path("b.vmdk") } },
    ]);
  });
});

describe("moving and deleting a disk", () => {
  test("takes descriptor and data along", async () => {
    await create("a.vmdk");
    const uuid = await call("QueryVirtualDiskUuid", { name: path("a.vmdk") });
    expect(await task("MoveVirtualDisk_Task", { sourceName: path("a.vmdk"), destName: path("b.vmdk") })).toBe(path("b.vmdk"));
    expect(await call("QueryVirtualDiskUuid", { name: path("b.vmdk") })).toBe(uuid);
    expect(holds()).toEqual(["b-flat.vmdk", "b.vmdk"]);
    await task("DeleteVirtualDisk_Task", { name: path("b.vmdk") });
    expect(holds()).toEqual([]);
  });

  test("replaces another disk only by force, and never a VM's", async () => {
    await create("a.vmdk", { capacityKb: 2048 });
    await create("b.vmdk");
    const args = { sourceName: path("a.vmdk"), destName: path("b.vmdk") };
    expect((await refusal("MoveVirtualDisk_Task", args)).fault).toBe("FileAlreadyExists");
    const vm = await vmWith(path("b.vmdk"));
    expect((await refusal("MoveVirtualDisk_Task", { ...args, force: true })).fault).toBe("FileLocked");
    await client.call(vm, "UnregisterVM", {});
    await task("MoveVirtualDisk_Task", { ...args, force: true });
    expect(statSync(at("b-flat.vmdk")).size).toBe(2 * MIB);
    expect(holds()).toEqual(["b-flat.vmdk", "b.vmdk"]);
  });

  test("leaves a VM's disk where it is", async () => {
    await create("a.vmdk");
    await vmWith(path("a.vmdk"));
    for (const [method, args] of [
      ["MoveVirtualDisk_Task", { sourceName: path("a.vmdk"), destName: path("b.vmdk") }],
      ["DeleteVirtualDisk_Task", { name: path("a.vmdk") }],
    ] as const)
      expect(await refusal(method, args)).toMatchObject({ fault: "FileLocked", message: expect.stringContaining(`vm${number}`) });
    expect(holds()).toEqual(["a-flat.vmdk", "a.vmdk"]);
  });
});

describe("changing a disk", () => {
  test("of a VM that is off: its new size is the VM's at once", async () => {
    await create("a.vmdk");
    const vm = await vmWith(path("a.vmdk"));
    await task("ExtendVirtualDisk_Task", { name: path("a.vmdk"), newCapacityKb: 8192 });
    const devices = (await read(client, vm, "config.hardware.device")) as readonly VirtualDisk[];
    expect(devices.find(({ $type }) => $type === "VirtualDisk")?.capacityInKB).toBe(8192);
    expect(statSync(at("a-flat.vmdk")).size).toBe(8 * MIB);
    expect(allocated("a-flat.vmdk")).toBeLessThan(MIB);
  });

  test("fills, gives back and wipes its blocks", async () => {
    await create("a.vmdk");
    fill("a-flat.vmdk");
    await task("ShrinkVirtualDisk_Task", { name: path("a.vmdk"), copy: false });
    expect(allocated("a-flat.vmdk")).toBeGreaterThanOrEqual(4 * MIB); // nothing in it is zero
    await task("ZeroFillVirtualDisk_Task", { name: path("a.vmdk") });
    expect(readFileSync(at("a-flat.vmdk")).every((byte) => byte === 0)).toBe(true);
    await task("ShrinkVirtualDisk_Task", { name: path("a.vmdk") });
    expect(allocated("a-flat.vmdk")).toBeLessThan(MIB);
    await task("InflateVirtualDisk_Task", { name: path("a.vmdk") });
    expect(await infoOf("a.vmdk")).toMatchObject([{ diskType: "eagerZeroedThick" }]);
    await create("lazy.vmdk", { diskType: "preallocated" });
    await task("EagerZeroVirtualDisk_Task", { name: path("lazy.vmdk") });
    expect(await infoOf("lazy.vmdk")).toMatchObject([{ diskType: "eagerZeroedThick" }]);
  });

  test("gives it another UUID", async () => {
    await create("a.vmdk");
    const uuid = "60 00 C2 90 11 22 33 44-55 66 77 88 99 aa bb cc";
    await call("SetVirtualDiskUuid", { name: path("a.vmdk"), uuid });
    expect(await call("QueryVirtualDiskUuid", { name: path("a.vmdk") })).toBe(uuid);
    expect((await refusal("SetVirtualDiskUuid", { name: path("a.vmdk"), uuid: "nonsense" })).fault).toBe("InvalidArgument");
  });

  test.each<[string, string, object, string]>([
    ["a smaller size", "ExtendVirtualDisk_Task", { newCapacityKb: 1024 }, "InvalidArgument"],
    ["the same size", "ExtendVirtualDisk_Task", { newCapacityKb: 4096 }, "InvalidArgument"],
    ["a negative size", "ExtendVirtualDisk_Task", { newCapacityKb: -1 }, "InvalidArgument"],
    ["a size past every disk's", "ExtendVirtualDisk_Task", { newCapacityKb: 2 ** 52 }, "InvalidArgument"],
    ["eager zeroing while thin", "EagerZeroVirtualDisk_Task", {}, "InvalidDiskFormat"],
    ["a disk that is not there", "InflateVirtualDisk_Task", { name: "[datastore1] none.vmdk" }, "FileNotFound"],
    ["a place out of the datastore", "ZeroFillVirtualDisk_Task", { name: "[datastore1] ../../etc/passwd" }, "InvalidDatastorePath"],
    ["a folder", "ZeroFillVirtualDisk_Task", { name: "[datastore1] d1" }, "CannotAccessFile"],
  ])("with %s is refused", async (_, method, args, fault) => {
    await create("a.vmdk");
    expect((await refusal(method, { name: path("a.vmdk"), ...args })).fault).toBe(fault);
    expect(statSync(at("a-flat.vmdk")).size).toBe(4 * MIB);
  });
});

test.each<[string, object]>([
  ["ImportUnmanagedSnapshot", { vdisk: "[datastore1] a.vmdk", vvolId: "x" }],
  ["ReleaseManagedSnapshot", { vdisk: "[datastore1] a.vmdk" }],
])("%s is not supported, by its name", async (method, args) => {
  expect(await faultOf(call(method, args))).toMatchObject({ fault: "NotSupported", message: expect.stringContaining(method) });
});

test.each<[string, object]>([
  ["InstantClone_Task", { spec: { name: "x", location: {} } }],
  ["RelocateVM_Task", { spec: {} }],
  ["PromoteDisks_Task", { unlink: true }],
  ["QueryChangedDiskAreas", { deviceKey: 2000, startOffset: 0, changeId: "*" }],
])("%s is not supported, by its name, until there is a need", async (method, args) => {
  await create("a.vmdk");
  const vm = await vmWith(path("a.vmdk"), `n${number}`);
  const answer = await faultOf(ask(vm, method, args));
  expect(answer).toMatchObject({ fault: "NotSupported", message: expect.stringContaining(method) });
  await client.call(vm, "UnregisterVM", {});
});

test("who may only read does nothing to a disk, and does not learn of it", async () => {
  await create("a.vmdk");
  await using reader = await host.login(READ_ONLY);
  const two = { sourceName: path("a.vmdk"), destName: path("b.vmdk") };
  const one = { name: path("a.vmdk") };
  for (const [method, args] of [
    ["CreateVirtualDisk_Task", { name: path("b.vmdk"), spec: spec() }],
    ["CopyVirtualDisk_Task", two],
    ["MoveVirtualDisk_Task", two],
    ["ExtendVirtualDisk_Task", { ...one, newCapacityKb: 8192 }],
    ["InflateVirtualDisk_Task", one],
    ["EagerZeroVirtualDisk_Task", one],
    ["ShrinkVirtualDisk_Task", one],
    ["ZeroFillVirtualDisk_Task", one],
    ["QueryVirtualDiskInfo_Task", { ...one, includeParents: false }],
    ["QueryVirtualDiskUuid", one],
    ["SetVirtualDiskUuid", { ...one, uuid: "6000c29a1b2c3d4e5f60718293a4b5c6" }],
    ["QueryVirtualDiskGeometry", one],
  ] as const) {
    const { fault, fields } = await faultOf(call(method, args, reader));
    expect([method, fault, fields.privilegeId]).toEqual([method, "NoPermission", "Datastore.FileManagement"]);
  }
  expect(holds()).toEqual(["a-flat.vmdk", "a.vmdk"]);
});

describe("a host that was interrupted", () => {
  /** Starts from a folder in which an agent left a task with that journal. */
  async function restartedAmid(
    journal: object,
    prepare: (datastore: string) => void,
  ): Promise<{ readonly second: TestAgent; readonly info: TaskInfo }> {
    const first = await startAgent();
    prepare(first.datastore);
    await first.stop({ keepFolder: true });
    const database = openDatabase(join(first.folder, "hostd.db"));
    const left = {
      key: "t",
      task: { type: "Task", value: "t" },
      name: "x",
      state: "running",
      cancelled: false,
      cancelable: false,
      descriptionId: "x",
      queueTime: { $date: 0 },
      eventChainId: 1,
      reason: { $type: "TaskReasonUser", userName: "root" },
    };
    database.prepare("INSERT INTO task (moid, info, journal) VALUES ('t', ?, ?)").run(JSON.stringify(left), JSON.stringify(journal));
    database.close();
    const second = await startAgent(first.folder);
    await using reader = await second.login();
    return { second, info: await ended(reader, moRef("Task", "t")) };
  }
  const inDatastore = (name: string) => ({ datastore: "datastore1", path: name });

  test("keeps no data of a disk that has no descriptor", async () => {
    const journal = { kind: "makeDisk", descriptor: inDatastore("half.vmdk") };
    const { second, info } = await restartedAmid(journal, (datastore) => writeFileSync(join(datastore, "half-flat.vmdk"), "half"));
    expect(info).toMatchObject({ state: "error", error: { fault: { $type: "SystemError" } } });
    expect(readdirSync(second.datastore).filter((name) => name.startsWith("half"))).toEqual([]);
    await second.stop();
  });

  test("puts an original that was on its way out back when its copy has no name yet", async () => {
    const [copyAside, originalAside] = [inDatastore(".transfer-1~"), inDatastore(".transfer-2~")];
    const journal = { kind: "moveFiles", from: inDatastore("a"), to: inDatastore("b"), copyAside, originalAside };
    const { second, info } = await restartedAmid(journal, (datastore) => {
      for (const { path: name } of [copyAside, originalAside]) mkdirSync(join(datastore, name, "in"), { recursive: true });
      writeFileSync(join(datastore, originalAside.path, "in/kept"), "kept");
    });
    expect(info.state).toBe("error");
    expect(readFileSync(join(second.datastore, "a/in/kept"), "utf8")).toBe("kept");
    expect(readdirSync(second.datastore).filter((name) => name.startsWith(".transfer"))).toEqual([]);
    await second.stop();
  });
});

test("a copy from one datastore to another needs the privilege on both", async () => {
  const first = await startAgent();
  mkdirSync(join(first.folder, "volumes/second"));
  await first.stop({ keepFolder: true });
  const second = await startAgent(first.folder);
  await using root = await second.login();
  const refs = (await read(root, moRef("Datacenter", "ha-datacenter"), "datastore")) as readonly MoRef[];
  const names = await Promise.all(refs.map((ref) => read(root, ref, "name")));
  const allowed = refs[names.indexOf("datastore1")]?.value ?? "";
  await succeeded(root, await call("CreateVirtualDisk_Task", { name: "[datastore1] a.vmdk", spec: spec() }, root));
  await second.stop({ keepFolder: true });

  const database = openDatabase(join(first.folder, "hostd.db"));
  const accounts = new Accounts(database);
  accounts.set({ name: "half", fullName: "", passwordHash: await hashPassword("Correct-Horse-9") });
  accounts.grant({ entity: allowed, principal: "half", roleId: -1, propagate: true });
  database.close();
  const third = await startAgent(first.folder);
  await using half = await third.connect();
  await half.call(SESSION_MANAGER, "Login", { userName: "half", password: "Correct-Horse-9" });
  const to = (destName: string) => call("CopyVirtualDisk_Task", { sourceName: "[datastore1] a.vmdk", destName }, half);
  expect(await faultOf(to("[second] a.vmdk"))).toMatchObject({
    fault: "NoPermission",
    fields: { privilegeId: "Datastore.FileManagement" },
  });
  await succeeded(half, await to("[datastore1] b.vmdk"));
  expect(existsSync(join(first.folder, "volumes/second/a.vmdk"))).toBe(false);
  expect(existsSync(join(first.folder, "volumes/datastore1/b-flat.vmdk"))).toBe(true);
  half.close();
  await third.stop();
});

test("Debian's pyVmomi clones a VM as its users do on a host without vCenter", async () => {
  await create("a.vmdk", { capacityKb: 2048 });
  await vmWith(path("a.vmdk"));
  const script = join(import.meta.dirname, "clients/clone.py");
  const args = [script, "127.0.0.1", String(host.port), "root", "Correct-Horse-9", `vm${number}`, `cloned${number}`];
  const { stdout } = await promisify(execFile)("/usr/bin/python3", args, { timeout: 60_000 });
  expect(JSON.parse(stdout)).toEqual({
    cloneVM: `cloned${number}-1`,
    linked: [path("a.vmdk")],
    tree: [["for clones", "poweredOff"]],
    result: `[datastore1] cloned${number}/cloned${number}.vmdk`,
    disks: [[`[datastore1] cloned${number}/cloned${number}.vmdk`, 2048]],
    sameUuid: false,
    forced: "FileAlreadyExists",
    afterDestroy: [],
  });
});

async function waitFor(isTrue: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 60_000; !(await isTrue()); ) if (Date.now() > deadline) throw new Error("it never came true");
}
