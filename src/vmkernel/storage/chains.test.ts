import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { DatastorePath } from "../../base/index.ts";
import { OpenFile, setImmutable } from "../../system/index.ts";
import { UNWATCHED } from "../controls.ts";
import { createStorage, type Storage } from "./storage.ts";

/** Child disks and their parents, on real files; what the deltas hold is written and read by QEMU's own tools. */
const MIB = 2 ** 20;
const CAPACITY = 8 * MIB;
let volumes: string;
let storage: Storage;

const path = (name: string): DatastorePath => ({ datastore: "ds", path: `vm/${name}` });
const host = (name: string): string => join(volumes, "ds", "vm", name);
const text = (name: string): string => readFileSync(host(name), "utf8");
const rewrite = (name: string, change: (text: string) => string): void => writeFileSync(host(name), change(text(name)));
const newDisk = { capacityBytes: CAPACITY, provisioning: "thin", adapterType: "lsilogic", uuid: `6000c29${"a".repeat(25)}` } as const;

beforeEach(async () => {
  volumes = mkdtempSync(join(tmpdir(), "chains-"));
  mkdirSync(join(volumes, "ds", "vm"), { recursive: true });
  storage = createStorage(volumes);
  await storage.createDisk(path("vm.vmdk"), newDisk);
});
afterEach(() => {
  spawnSync("chattr", ["-R", "-f", "-i", volumes]); // it fails at symlinks, and goes on
  rmSync(volumes, { recursive: true, force: true });
});

const child = (name: string, parent: string) => storage.createChildDisk(path(name), { parent: path(parent) });
/** Writes into the disk's own file as a monitor would, at so many MiB of the disk. */
function write(name: string, atMib: number, byte: number): void {
  const format = name.includes("delta") ? "qcow2" : "raw";
  execFileSync("qemu-io", ["-f", format, "-c", `write -P ${byte} ${atMib}M 1M`, host(name)]);
}
/** What each MiB of a disk that stands alone holds. */
function bytesOf(name: string): number[] {
  const bytes = readFileSync(host(name));
  return Array.from({ length: CAPACITY / MIB }, (_, index) => bytes[index * MIB] ?? 0);
}
async function flat(name: string): Promise<number[]> {
  await storage.copyDisk({ from: path(name), to: path("copy.vmdk"), replace: true, copy: {} }, UNWATCHED);
  return bytesOf("copy-flat.vmdk");
}

test("a child that had a child, and is marked still because a kill came between, is removed like any other", async () => {
  await child("vm-000001.vmdk", "vm.vmdk");
  await child("vm-000002.vmdk", "vm-000001.vmdk");
  await storage.deleteDisk(path("vm-000002.vmdk"));
  using delta = new OpenFile(openSync(host("vm-000001-delta.vmdk"), "r"));
  setImmutable(delta, true);
  await storage.deleteDisk(path("vm-000001.vmdk"));
  expect(existsSync(host("vm-000001-delta.vmdk"))).toBe(false);
});

test("a child is a descriptor that names its parent, and a delta that names no file at all", async () => {
  const made = await child("vm-000001.vmdk", "vm.vmdk");
  expect(made).toMatchObject({ capacityBytes: CAPACITY, uuid: newDisk.uuid, parents: [path("vm.vmdk")], provisioning: "thin" });
  expect(text("vm-000001.vmdk")).toContain('parentFileNameHint="vm.vmdk"');
  expect(text("vm-000001.vmdk")).toContain('RW 16384 QCOW2 "vm-000001-delta.vmdk"');
  const info = JSON.parse(
    execFileSync("qemu-img", ["info", "--output=json", "-f", "qcow2", host("vm-000001-delta.vmdk")], { encoding: "utf8" }),
  );
  expect([info["virtual-size"], info["backing-filename"]]).toEqual([CAPACITY, undefined]);
  execFileSync("qemu-img", ["check", "-q", "-f", "qcow2", host("vm-000001-delta.vmdk")]);
  expect((await storage.describeDisk(path("vm.vmdk"))).children).toEqual([path("vm-000001.vmdk")]);
});

describe("a disk with a child", () => {
  beforeEach(() => child("vm-000001.vmdk", "vm.vmdk"));

  test("is opened for writing, grown, moved and removed by nobody, and read by all", async () => {
    const refused = expect.objectContaining({ fault: "FileLocked" });
    await expect(storage.openDisk(path("vm.vmdk"), { writable: true })).rejects.toEqual(refused);
    await expect(storage.changeDisk(path("vm.vmdk"), { kind: "extend", capacityBytes: 16 * MIB }, UNWATCHED)).rejects.toEqual(refused);
    await expect(storage.changeDisk(path("vm.vmdk"), { kind: "shrink" }, UNWATCHED)).rejects.toEqual(refused);
    await expect(storage.moveDisk({ from: path("vm.vmdk"), to: path("x.vmdk"), replace: false })).rejects.toEqual(refused);
    await expect(storage.deleteDisk(path("vm.vmdk"))).rejects.toEqual(refused);
    (await storage.openDisk(path("vm.vmdk"), { writable: false }))[Symbol.dispose]();
    expect(() => openSync(host("vm-flat.vmdk"), "r+")).toThrow(); // by no process, root's neither: the mark of the kernel
    expect(() => rmSync(host("vm-flat.vmdk"))).toThrow();
  });

  test("is free again when the last child has gone, and has another content ID: a child out of sight is told from one of what it is now", async () => {
    await child("other.vmdk", "vm.vmdk");
    const hidden = { descriptor: text("other.vmdk"), delta: readFileSync(host("other-delta.vmdk")) };
    await storage.deleteDisk(path("vm-000001.vmdk"));
    await expect(storage.openDisk(path("vm.vmdk"), { writable: true })).rejects.toMatchObject({ fault: "FileLocked" });
    for (const name of ["other.vmdk", "other-delta.vmdk"]) rmSync(host(name)); // by hand: its parent still lists it
    (await storage.openDisk(path("vm.vmdk"), { writable: true }))[Symbol.dispose]();
    writeFileSync(host("other.vmdk"), hidden.descriptor);
    writeFileSync(host("other-delta.vmdk"), hidden.delta);
    await expect(storage.openDisk(path("other.vmdk"), { writable: true })).rejects.toMatchObject({
      fault: "InvalidDiskFormat",
      message: expect.stringMatching(/other\.vmdk, line \d+ has .* its parent \[ds\] vm\/vm\.vmdk has been changed since/),
    });
  });

  test("is not the parent of more while somebody writes it", async () => {
    const open = await storage.openDisk(path("vm-000001.vmdk"), { writable: true });
    await expect(child("vm-000002.vmdk", "vm-000001.vmdk")).rejects.toMatchObject({ fault: "FileLocked" });
    await storage.createChildDisk(path("vm-000002.vmdk"), { parent: path("vm-000001.vmdk"), isWritten: true });
    open[Symbol.dispose]();
  });
});

test.each<[string, () => void, string, string]>([
  [
    "another content ID in its parent",
    () => rewrite("vm.vmdk", (old) => old.replace(/^CID=.*$/m, "CID=12345678")),
    "InvalidDiskFormat",
    "12345678",
  ],
  ["a parent that is not there", () => rmSync(host("vm.vmdk")), "FileNotFound", "vm.vmdk was not found: it is the parent of"],
  [
    "a parent that is itself",
    () => rewrite("vm-000001.vmdk", (old) => old.replace(/parentFileNameHint=.*/, 'parentFileNameHint="vm-000001.vmdk"')),
    "InvalidDiskFormat",
    "descends from itself",
  ],
  [
    "a parent out of the datastores",
    () => rewrite("vm-000001.vmdk", (old) => old.replace(/parentFileNameHint=.*/, 'parentFileNameHint="/etc/shadow"')),
    "InvalidDiskFormat",
    "/etc/shadow",
  ],
  [
    "a parent above its folder",
    () => rewrite("vm-000001.vmdk", (old) => old.replace(/parentFileNameHint=.*/, 'parentFileNameHint="../vm.vmdk"')),
    "InvalidDiskFormat",
    "../vm.vmdk",
  ],
  [
    "a parent in a datastore that is not there",
    () => rewrite("vm-000001.vmdk", (old) => old.replace(/parentFileNameHint=.*/, 'parentFileNameHint="/vmfs/volumes/no/a.vmdk"')),
    "InvalidDiskFormat",
    "names no file",
  ],
  [
    "a symlink for a parent",
    () => {
      rmSync(host("vm.vmdk"));
      symlinkSync("/etc/passwd", host("vm.vmdk"));
    },
    "CannotAccessFile",
    "symbolic link",
  ],
  [
    "a delta of another size",
    () => rewrite("vm-000001.vmdk", (old) => old.replace("RW 16384", "RW 16382")),
    "InvalidDiskFormat",
    "bytes, its parent",
  ],
  [
    "no delta in its delta",
    () => writeFileSync(host("vm-000001-delta.vmdk"), Buffer.alloc(CAPACITY)),
    "InvalidDiskFormat",
    "is no qcow2 file",
  ],
  [
    "a delta that names a file",
    () =>
      execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", "-b", "/etc/shadow", "-u", "-F", "raw", host("vm-000001-delta.vmdk"), "8M"]),
    "InvalidDiskFormat",
    "names a file that it depends on",
  ],
  [
    "a delta whose data is elsewhere",
    () =>
      execFileSync("qemu-img", [
        "create",
        "-q",
        "-f",
        "qcow2",
        "-o",
        `data_file=${join(volumes, "data")}`,
        host("vm-000001-delta.vmdk"),
        "8M",
      ]),
    "InvalidDiskFormat",
    "keeps its data in another file",
  ],
  [
    "the type of VMware's deltas",
    () => rewrite("vm-000001.vmdk", (old) => old.replace("QCOW2", "VMFSSPARSE").replace("custom", "vmfsSparse")),
    "InvalidDiskFormat",
    "vmfsSparse",
  ],
])("a child with %s is opened by nobody", async (_, spoil, fault, message) => {
  await child("vm-000001.vmdk", "vm.vmdk");
  spoil();
  await expect(storage.openDisk(path("vm-000001.vmdk"), { writable: true })).rejects.toMatchObject({
    fault,
    message: expect.stringContaining(message),
  });
});

test("a chain has 32 children one on another, and no more", async () => {
  for (let depth = 1; depth <= 32; depth++) await child(`vm-${depth}.vmdk`, depth === 1 ? "vm.vmdk" : `vm-${depth - 1}.vmdk`);
  await expect(child("vm-33.vmdk", "vm-32.vmdk")).rejects.toMatchObject({ fault: "InvalidDiskFormat" });
  expect((await storage.describeDisk(path("vm-32.vmdk"))).parents.length).toBe(32);
  using open = await storage.openDisk(path("vm-32.vmdk"), { writable: true });
  expect(open.parents.map(({ format, writable }) => `${format} ${writable}`)).toEqual([...Array(31).fill("qcow2 false"), "raw false"]);
});

describe("three disks one on another", () => {
  beforeEach(async () => {
    for (const at of [0, 1, 2]) write("vm-flat.vmdk", at, 1);
    await child("vm-000001.vmdk", "vm.vmdk");
    for (const at of [1, 2, 3]) write("vm-000001-delta.vmdk", at, 2);
    await child("vm-000002.vmdk", "vm-000001.vmdk");
    using file = new OpenFile(openSync(host("vm-000002-delta.vmdk"), "r"));
    setImmutable(file, false);
    for (const at of [2, 4]) write("vm-000002-delta.vmdk", at, 3);
    execFileSync("qemu-io", ["-f", "qcow2", "-c", "write -z 0 1M", host("vm-000002-delta.vmdk")]);
  });
  const all = [0, 2, 3, 2, 3, 0, 0, 0];

  test("are copied as the one disk that they are", async () => {
    expect(await flat("vm-000002.vmdk")).toEqual(all);
    expect(await flat("vm-000001.vmdk")).toEqual([1, 2, 2, 2, 0, 0, 0, 0]);
    expect((await storage.describeDisk(path("copy.vmdk"))).parents).toEqual([]);
  });

  test("become two when the last is put into the one before it, and nothing is lost", async () => {
    await storage.commitDisk(path("vm-000002.vmdk"), UNWATCHED);
    expect(await flat("vm-000002.vmdk")).toEqual(all); // by its other name
    expect(await flat("vm-000001.vmdk")).toEqual(all);
    await storage.deleteDisk(path("vm-000002.vmdk"));
    expect(await flat("vm-000001.vmdk")).toEqual(all);
    execFileSync("qemu-img", ["check", "-q", "-f", "qcow2", host("vm-000001-delta.vmdk")]);
    for (const name of ["vm-000002.vmdk", "vm-000002-delta.vmdk"]) expect(existsSync(host(name))).toBe(false);
    (await storage.openDisk(path("vm-000001.vmdk"), { writable: true }))[Symbol.dispose]();
  });

  test("become two when the middle one is put into the base: its child is the base's from then on", async () => {
    await storage.commitDisk(path("vm-000001.vmdk"), UNWATCHED);
    expect(await flat("vm-000002.vmdk")).toEqual(all);
    await storage.deleteDisk(path("vm-000001.vmdk"));
    expect(await flat("vm-000002.vmdk")).toEqual(all);
    expect((await storage.describeDisk(path("vm-000002.vmdk"))).parents).toEqual([path("vm.vmdk")]);
    await expect(storage.openDisk(path("vm.vmdk"), { writable: true })).rejects.toMatchObject({ fault: "FileLocked" });
    await storage.commitDisk(path("vm-000002.vmdk"), UNWATCHED);
    await storage.deleteDisk(path("vm-000002.vmdk"));
    expect(bytesOf("vm-flat.vmdk")).toEqual(all);
    (await storage.openDisk(path("vm.vmdk"), { writable: true }))[Symbol.dispose]();
  });

  test("none is put into one that has another child", async () => {
    await child("clone.vmdk", "vm.vmdk");
    await expect(storage.commitDisk(path("vm-000001.vmdk"), UNWATCHED)).rejects.toMatchObject({
      fault: "FileLocked",
      message: expect.stringContaining("clone.vmdk"),
    });
    expect(await flat("vm-000002.vmdk")).toEqual(all);
  });
});
