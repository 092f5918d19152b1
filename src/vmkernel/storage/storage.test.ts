import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  appendFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { DatastorePath } from "../../base/index.ts";
import type { NewDisk } from "../rpc.ts";
import { encodeResult, RPC_LINE_BYTES_MAX } from "../rpc-wire.ts";
import { createStorage, type Storage } from "./index.ts";

const asRoot = test.skipIf(process.getuid?.() !== 0);
const MIB = 1024 * 1024;
let folder: string;
let volumes: string;
let storage: Storage;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "storage-"));
  volumes = join(folder, "volumes");
  mkdirSync(volumes);
  storage = createStorage(volumes);
  await storage.listDatastores();
  await storage.makeFolder(at("vm"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const at = (path: string): DatastorePath => ({ datastore: "datastore1", path });
const onHost = (path: string) => join(volumes, "datastore1", path);
function linkOrMake(path: string, other: string): void {
  if (existsSync(other)) linkSync(other, path);
  else writeFileSync(path, "");
}
const newDisk = (changes: Partial<NewDisk> = {}): NewDisk => ({
  capacityBytes: 4 * MIB,
  provisioning: "thin",
  adapterType: "lsilogic",
  uuid: "6000c29a1b2c3d4e5f60718293a4b5c6",
  ...changes,
});
const refused = (fault: string, message?: string) =>
  expect.objectContaining({ fault, ...(message !== undefined && { message: expect.stringContaining(message) }) });

test("a host without a datastore gets datastore1, and it keeps its UUID", async () => {
  const [first] = await storage.listDatastores();
  expect(first).toMatchObject({
    name: "datastore1",
    root: onHost(""),
    uuid: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{12}$/),
  });
  expect(first?.freeBytes).toBeGreaterThan(0);
  const [again] = await createStorage(volumes).listDatastores();
  expect(again?.uuid).toBe(first?.uuid);
  expect(await storage.listFolder(at(""))).toMatchObject([{ name: "vm", kind: "folder" }]);
});

test("a symlink, a file and a hidden folder among the volumes are no datastores", async () => {
  symlinkSync("/etc", join(volumes, "etc"));
  writeFileSync(join(volumes, "file"), "");
  mkdirSync(join(volumes, ".hidden"));
  mkdirSync(join(volumes, "second"));
  expect((await storage.listDatastores()).map(({ name }) => name)).toEqual(["datastore1", "second"]);
  await expect(storage.readText({ datastore: "etc", path: "passwd" })).rejects.toEqual(refused("InvalidDatastore", '"etc"'));
});

test.each([
  ["no such datastore", { datastore: "nowhere", path: "a" }, "InvalidDatastore"],
  ["a datastore named ..", { datastore: "..", path: "a" }, "InvalidDatastore"],
  ["a datastore with a slash", { datastore: "datastore1/vm", path: "a" }, "InvalidDatastore"],
  ["a path with ..", { datastore: "datastore1", path: "../../secret" }, "InvalidDatastorePath"],
  ["an absolute path", { datastore: "datastore1", path: "/etc/passwd" }, "InvalidDatastorePath"],
  ["the datastore's own UUID", { datastore: "datastore1", path: ".datastore-uuid" }, "InvalidDatastorePath"],
  ["a file that is not there", { datastore: "datastore1", path: "vm/none" }, "FileNotFound"],
  ["a path through a file", { datastore: "datastore1", path: "vm/file/x" }, "FileNotFound"],
  ["a folder", { datastore: "datastore1", path: "vm" }, "CannotAccessFile"],
  ["a symlink", { datastore: "datastore1", path: "vm/link" }, "CannotAccessFile"],
  ["a fifo", { datastore: "datastore1", path: "vm/fifo" }, "CannotAccessFile"],
  ["too large a file", { datastore: "datastore1", path: "vm/large" }, "CannotAccessFile"],
  ["no UTF-8", { datastore: "datastore1", path: "vm/latin" }, "CannotAccessFile"],
])("reading %s is refused", async (_, path, fault) => {
  writeFileSync(join(folder, "secret"), "secret");
  writeFileSync(onHost("vm/file"), "");
  symlinkSync(join(folder, "secret"), onHost("vm/link"));
  execFileSync("mkfifo", [onHost("vm/fifo")]);
  writeFileSync(onHost("vm/large"), "");
  truncateSync(onHost("vm/large"), 2 * MIB);
  writeFileSync(onHost("vm/latin"), Buffer.from([0x61, 0xe9, 0x62]));
  await expect(storage.readText(path)).rejects.toEqual(refused(fault));
});

test("a text is written, replaced and read; one that must be new is not replaced", async () => {
  const file = at("vm/vm.vmx");
  await storage.writeText(file, "one", { mustBeNew: true });
  await expect(storage.writeText(file, "two", { mustBeNew: true })).rejects.toEqual(refused("FileAlreadyExists", "[datastore1] vm/vm.vmx"));
  expect(await storage.readText(file)).toBe("one");
  await storage.writeText(file, "grüße");
  expect(await storage.readText(file)).toBe("grüße");
  expect(readdirSync(onHost("vm"))).toEqual(["vm.vmx"]);
});

test("texts written to one file at one time end as one of them", async () => {
  await Promise.all(Array.from({ length: 30 }, (_, i) => storage.writeText(at("vm/a"), String(i).repeat(10_000))));
  expect(await storage.readText(at("vm/a"))).toMatch(/^(\d+?)\1{9999}$/);
  expect(readdirSync(onHost("vm"))).toEqual(["a"]);
});

test("a text does not take the place of a symlink, a fifo or a folder", async () => {
  symlinkSync(join(folder, "secret"), onHost("vm/link"));
  execFileSync("mkfifo", [onHost("vm/fifo")]);
  mkdirSync(onHost("vm/sub"));
  for (const name of ["link", "fifo", "sub"])
    await expect(storage.writeText(at(`vm/${name}`), "x")).rejects.toEqual(refused("CannotAccessFile"));
  await expect(storage.writeText(at("none/a"), "x")).rejects.toEqual(refused("FileNotFound"));
  await expect(storage.writeText(at("vm/a"), "x".repeat(2 * MIB))).rejects.toEqual(refused("InvalidArgument"));
  expect(existsSync(join(folder, "secret"))).toBe(false);
});

test("folders are made one level at a time and removed when empty", async () => {
  await expect(storage.makeFolder(at("vm"))).rejects.toEqual(refused("FileAlreadyExists", "[datastore1] vm"));
  await expect(storage.makeFolder(at("a/b"))).rejects.toEqual(refused("FileNotFound"));
  await storage.writeText(at("vm/a"), "x");
  await expect(storage.remove(at("vm"))).rejects.toEqual(refused("DirectoryNotEmpty"));
  await storage.remove(at("vm/a"));
  await storage.remove(at("vm"));
  await expect(storage.remove(at("vm"))).rejects.toEqual(refused("FileNotFound", "File [datastore1] vm was not found"));
  expect(await storage.listFolder(at(""))).toEqual([]);
});

test("a folder of more than a line to hostd can tell is refused, and one just below it is told in one", { timeout: 60_000 }, async () => {
  const name = (index: number) => `${String(index).padStart(6, "0")}${"\u00e9".repeat(120)}`; // 246 bytes
  const most = Math.floor((7 * MIB) / (246 + 2 + 130));
  for (let index = 0; index < most; index++) linkOrMake(onHost(`vm/${name(index)}`), onHost(`vm/${name(0)}`));
  expect(Buffer.byteLength(encodeResult(1, await storage.listFolder(at("vm"))))).toBeLessThan(RPC_LINE_BYTES_MAX);
  linkOrMake(onHost("vm/one more"), onHost(`vm/${name(0)}`));
  await expect(storage.listFolder(at("vm"))).rejects.toEqual(refused("FileFault", "more than can be listed"));
});

test("a thin disk takes no space and a thick one all of it", async () => {
  const thin = await storage.createDisk(at("vm/thin.vmdk"), newDisk({ capacityBytes: 64 * MIB }));
  expect(thin).toEqual({
    capacityBytes: 64 * MIB,
    allocatedBytes: 0,
    provisioning: "thin",
    adapterType: "lsilogic",
    geometry: { cylinders: 64, heads: 64, sectors: 32 },
    uuid: newDisk().uuid,
    contentId: "fffffffe",
    extents: [at("vm/thin-flat.vmdk")],
    parents: [],
    children: [],
  });
  const thick = await storage.createDisk(at("vm/thick.vmdk"), newDisk({ provisioning: "thick" }));
  expect(thick).toMatchObject({ provisioning: "thick", capacityBytes: 4 * MIB });
  expect(thick.allocatedBytes).toBeGreaterThanOrEqual(4 * MIB);
  expect(readFileSync(onHost("vm/thick-flat.vmdk")).equals(Buffer.alloc(4 * MIB))).toBe(true);
  expect(await storage.listFolder(at("vm"))).toMatchObject(
    ["thick-flat.vmdk", "thick.vmdk", "thin-flat.vmdk", "thin.vmdk"].map((name) => ({ name, kind: "file" })),
  );
});

test.each([
  ["without .vmdk", "vm/disk", {}, "InvalidDatastorePath"],
  ["named as an extent", "vm/disk-flat.vmdk", {}, "InvalidDatastorePath"],
  ["of nothing", "vm/disk.vmdk", { capacityBytes: 0 }, "InvalidArgument"],
  ["of half a sector", "vm/disk.vmdk", { capacityBytes: 700 }, "InvalidArgument"],
  ["of a negative size", "vm/disk.vmdk", { capacityBytes: -512 }, "InvalidArgument"],
  ["over 62 TB", "vm/disk.vmdk", { capacityBytes: 63 * 1024 ** 4 }, "InvalidArgument"],
  ["of no number", "vm/disk.vmdk", { capacityBytes: Number.NaN }, "InvalidArgument"],
  ["with a bad UUID", "vm/disk.vmdk", { uuid: 'x"\n' }, "InvalidArgument"],
  ["in no folder", "none/disk.vmdk", {}, "FileNotFound"],
  ["thicker than the datastore", "vm/disk.vmdk", { capacityBytes: 60 * 1024 ** 4, provisioning: "thick" }, "NoDiskSpace"],
] as const)("a disk %s is refused and leaves nothing", async (_, path, changes, fault) => {
  await expect(storage.createDisk(at(path), newDisk(changes))).rejects.toEqual(refused(fault));
  expect(readdirSync(onHost("vm"))).toEqual([]);
});

test("a disk that would take another's descriptor or extent is refused, and neither is touched", async () => {
  writeFileSync(onHost("vm/a.vmdk"), "mine");
  await expect(storage.createDisk(at("vm/a.vmdk"), newDisk())).rejects.toEqual(refused("FileAlreadyExists", "vm/a.vmdk"));
  writeFileSync(onHost("vm/b-flat.vmdk"), "mine");
  await expect(storage.createDisk(at("vm/b.vmdk"), newDisk())).rejects.toEqual(refused("FileAlreadyExists", "vm/b-flat.vmdk"));
  expect(readdirSync(onHost("vm"))).toEqual(["a.vmdk", "b-flat.vmdk"]);
  expect(readFileSync(onHost("vm/b-flat.vmdk"), "utf8")).toBe("mine");
});

asRoot("a full datastore refuses what it cannot hold, and nothing half-made stays", async () => {
  mkdirSync(join(volumes, "small"));
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", join(volumes, "small")]);
  try {
    const small = (path: string): DatastorePath => ({ datastore: "small", path });
    await storage.listDatastores();
    const before = await storage.listFolder(small(""));
    await expect(storage.createDisk(small("a.vmdk"), newDisk({ provisioning: "thick" }))).rejects.toEqual(refused("NoDiskSpace", "small"));
    writeFileSync(join(volumes, "small/ballast"), Buffer.alloc(2 * MIB - 64 * 1024));
    await expect(storage.writeText(small("b.vmx"), "x".repeat(200_000))).rejects.toEqual(refused("NoDiskSpace", "small"));
    rmSync(join(volumes, "small/ballast"));
    expect(await storage.listFolder(small(""))).toEqual(before);
  } finally {
    execFileSync("umount", ["-l", join(volumes, "small")]);
  }
});

test("a writable disk is its holder's alone, read-only holders stand beside each other", async () => {
  const disk = at("vm/a.vmdk");
  await storage.createDisk(disk, newDisk());
  {
    using held = await storage.openDisk(disk, { writable: true });
    expect(held).toMatchObject({
      file: at("vm/a-flat.vmdk"),
      descriptor: disk,
      capacityBytes: 4 * MIB,
      writable: true,
      uuid: newDisk().uuid,
    });
    writeSync(held.fd, "guest", 0);
    for (const writable of [true, false])
      await expect(storage.openDisk(disk, { writable })).rejects.toEqual(refused("FileLocked", "a-flat.vmdk"));
    await expect(storage.deleteDisk(disk)).rejects.toEqual(refused("FileLocked"));
    await expect(storage.remove(at("vm/a-flat.vmdk"))).rejects.toEqual(refused("FileLocked"));
    expect(readdirSync(onHost("vm"))).toEqual(["a-flat.vmdk", "a.vmdk"]);
  }
  using first = await storage.openDisk(disk, { writable: false });
  using second = await storage.openDisk(disk, { writable: false });
  expect(() => writeSync(first.fd, "x", 0)).toThrow("EBADF");
  expect(second.fd).not.toBe(first.fd);
  await expect(storage.openDisk(disk, { writable: true })).rejects.toEqual(refused("FileLocked"));
  expect(readFileSync(onHost("vm/a-flat.vmdk")).subarray(0, 5).toString()).toBe("guest");
});

test("two descriptors that name one extent do not open it twice", async () => {
  await storage.createDisk(at("vm/a.vmdk"), newDisk());
  writeFileSync(onHost("vm/b.vmdk"), readFileSync(onHost("vm/a.vmdk")));
  using _held = await storage.openDisk(at("vm/a.vmdk"), { writable: true });
  await expect(storage.openDisk(at("vm/b.vmdk"), { writable: true })).rejects.toEqual(refused("FileLocked"));
});

test("a disk stays locked while a monitor has it, also when whoever opened it is gone", async () => {
  const disk = at("vm/a.vmdk");
  await storage.createDisk(disk, newDisk());
  const held = await storage.openDisk(disk, { writable: true });
  const monitor = spawn("sleep", ["60"], { stdio: ["ignore", "ignore", "ignore", held.fd] });
  await once(monitor, "spawn");
  held[Symbol.dispose]();
  await expect(storage.openDisk(disk, { writable: true })).rejects.toEqual(refused("FileLocked"));
  await expect(createStorage(volumes).deleteDisk(disk)).rejects.toEqual(refused("FileLocked"));
  const ended = once(monitor, "exit");
  monitor.kill("SIGKILL");
  await ended;
  await storage.deleteDisk(disk);
  expect(readdirSync(onHost("vm"))).toEqual([]);
});

test("a disk whose removal was cut short can be removed again", async () => {
  await storage.createDisk(at("vm/a.vmdk"), newDisk());
  rmSync(onHost("vm/a-flat.vmdk"));
  await expect(storage.describeDisk(at("vm/a.vmdk"))).rejects.toEqual(refused("FileNotFound", "a-flat.vmdk"));
  await storage.deleteDisk(at("vm/a.vmdk"));
  await expect(storage.deleteDisk(at("vm/a.vmdk"))).rejects.toEqual(refused("FileNotFound", "a.vmdk"));
});

const descriptor = (extents: string, changes: { parent?: string; type?: string } = {}) =>
  `# Disk DescriptorFile\nversion=1\nCID=12345678\nparentCID=${changes.parent ?? "ffffffff"}\ncreateType="${changes.type ?? "vmfs"}"\n${extents}\n`;
const flat = 'RW 8 VMFS "a-flat.vmdk"';

test.each([
  ["no VMDK", "hello", "InvalidDiskFormat", "Disk DescriptorFile"],
  ["a hosted sparse disk whose header is none", `KDMV${"\0".repeat(200_000)}`, "InvalidDiskFormat", "version 0"],
  ["a large file of something else", "x".repeat(600_000), "InvalidDiskFormat", "larger than"],
  ["an extent outside", descriptor('RW 8 VMFS "../other/a-flat.vmdk"'), "InvalidDiskFormat", "no plain file name"],
  ["a missing extent", descriptor('RW 8 VMFS "b-flat.vmdk"'), "FileNotFound", "b-flat.vmdk"],
  ["an extent that is a symlink", descriptor('RW 8 VMFS "link-flat.vmdk"'), "CannotAccessFile", "symbolic link"],
  ["an extent that is a fifo", descriptor('RW 8 VMFS "fifo-flat.vmdk"'), "CannotAccessFile", "not a regular file"],
  ["an extent that is too short", descriptor('RW 9 VMFS "a-flat.vmdk"'), "InvalidDiskFormat", "cut short"],
  ["two extents", descriptor(`${flat}\n${flat}`), "InvalidDiskFormat", "has 2 extents"],
  [
    "an extent that begins later",
    descriptor('RW 4 FLAT "a-flat.vmdk" 4', { type: "monolithicFlat" }),
    "InvalidDiskFormat",
    "begins at sector 4",
  ],
  ["a sparse extent", descriptor('RW 8 SPARSE "a-flat.vmdk"'), "InvalidDiskFormat", "type SPARSE"],
  ["a sparse type", descriptor(flat, { type: "vmfsSparse" }), "InvalidDiskFormat", "type vmfsSparse"],
  ["a parent", descriptor(flat, { parent: "0badcafe" }), "InvalidDiskFormat", "child of another disk"],
  ["an extent without access", descriptor('NOACCESS 8 VMFS "a-flat.vmdk"'), "InvalidDiskFormat", "NOACCESS"],
  ["a read-only extent", descriptor('RDONLY 8 VMFS "a-flat.vmdk"'), "InvalidDiskFormat", "RDONLY"],
])("a disk with %s is not attached", async (_, text, fault, message) => {
  writeFileSync(join(folder, "secret"), "x".repeat(4096));
  writeFileSync(onHost("vm/a.vmdk"), text);
  writeFileSync(onHost("vm/a-flat.vmdk"), Buffer.alloc(8 * 512));
  symlinkSync(join(folder, "secret"), onHost("vm/link-flat.vmdk"));
  execFileSync("mkfifo", [onHost("vm/fifo-flat.vmdk")]);
  await expect(storage.openDisk(at("vm/a.vmdk"), { writable: true })).rejects.toEqual(refused(fault, message));
});

asRoot("a disk whose extent is a device node of the host is not attached", async () => {
  writeFileSync(onHost("vm/a.vmdk"), descriptor('RW 8 VMFS "node-flat.vmdk"'));
  execFileSync("mknod", [onHost("vm/node-flat.vmdk"), "b", "254", "0"]);
  await expect(storage.openDisk(at("vm/a.vmdk"), { writable: true })).rejects.toEqual(refused("CannotAccessFile", "not a regular file"));
  await expect(storage.describeDisk(at("vm/a.vmdk"))).rejects.toEqual(refused("CannotAccessFile"));
});

test("a disk of another maker is attached, read-only where its extent is", async () => {
  writeFileSync(onHost("vm/a.vmdk"), descriptor('RDONLY 8 FLAT "a-flat.vmdk" 0', { type: "monolithicFlat" }));
  writeFileSync(onHost("vm/a-flat.vmdk"), Buffer.alloc(16 * 512));
  using held = await storage.openDisk(at("vm/a.vmdk"), { writable: false });
  expect(held).toMatchObject({ capacityBytes: 8 * 512, sizeBytes: 16 * 512, uuid: expect.stringMatching(/^6000c29[0-9a-f]{25}$/) });
});

test("several drives may hold one image, and it is not removed under them", async () => {
  writeFileSync(onHost("cd.iso"), Buffer.alloc(2048));
  {
    using first = await storage.openImage(at("cd.iso"));
    using second = await storage.openImage(at("cd.iso"));
    expect([first.sizeBytes, second.writable]).toEqual([2048, false]);
    expect(() => writeSync(first.fd, "x")).toThrow("EBADF");
    await expect(storage.remove(at("cd.iso"))).rejects.toEqual(refused("FileLocked"));
  }
  await storage.remove(at("cd.iso"));
  await expect(storage.openImage(at("cd.iso"))).rejects.toEqual(refused("FileNotFound", "File [datastore1] cd.iso was not found"));
});

test("a serial log is written at its end, by one VM at a time", async () => {
  {
    using log = await storage.openAppend(at("vm/serial.log"));
    writeSync(log.fd, "one\n");
    await expect(storage.openAppend(at("vm/serial.log"))).rejects.toEqual(refused("FileLocked"));
  }
  appendFileSync(onHost("vm/serial.log"), "two\n");
  using log = await storage.openAppend(at("vm/serial.log"));
  writeSync(log.fd, "three\n", 0); // a position does not matter: the file is open to append
  expect(readFileSync(onHost("vm/serial.log"), "utf8")).toBe("one\ntwo\nthree\n");
});

test("a guest's memory goes to a new file alone, and is not read while it is written", async () => {
  {
    using memory = await storage.createExclusive(at("vm/vm.vmss"));
    writeSync(memory.fd, "memory");
    await expect(storage.createExclusive(at("vm/vm.vmss"))).rejects.toEqual(refused("FileAlreadyExists"));
    await expect(storage.openForRead(at("vm/vm.vmss"))).rejects.toEqual(refused("FileLocked"));
  }
  using memory = await storage.openForRead(at("vm/vm.vmss"));
  expect(memory).toMatchObject({ sizeBytes: 6, writable: false });
});

test("EFI variables begin from the template and are kept; a file of another size is none", async () => {
  const template = Buffer.from("fresh variables");
  {
    using nvram = await storage.openNvram(at("vm/vm.fd"), template);
    writeSync(nvram.fd, "saved", 0);
    await expect(storage.openNvram(at("vm/vm.fd"), template)).rejects.toEqual(refused("FileLocked"));
  }
  using _nvram = await storage.openNvram(at("vm/vm.fd"), template);
  expect(readFileSync(onHost("vm/vm.fd"), "utf8")).toBe("saved variables");
  writeFileSync(onHost("vm/vm.nvram"), "another format");
  await expect(storage.openNvram(at("vm/vm.nvram"), template)).rejects.toEqual(refused("CannotAccessFile", "14 bytes"));
});

test("no descriptor stays open when something is refused", async () => {
  writeFileSync(onHost("vm/a.vmdk"), descriptor('RW 9 VMFS "a-flat.vmdk"'));
  writeFileSync(onHost("vm/a-flat.vmdk"), Buffer.alloc(8 * 512));
  await storage.openDisk(at("vm/a.vmdk"), { writable: true }).catch(() => undefined);
  const before = readdirSync("/proc/self/fd").length;
  for (let round = 0; round < 20; round++) {
    await storage.openDisk(at("vm/a.vmdk"), { writable: true }).catch(() => undefined);
    await storage.createDisk(at("vm/a.vmdk"), newDisk()).catch(() => undefined);
    await storage.openForRead(at("vm/none")).catch(() => undefined);
    await storage.writeText(at("vm"), "x").catch(() => undefined);
  }
  expect(readdirSync("/proc/self/fd").length).toBeLessThanOrEqual(before + 2);
});
