import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { makeCowd } from "../../wire/index.ts";
import { UNWATCHED } from "../controls.ts";
import { createStorage, type Storage } from "./storage.ts";

/** A VM's disks as ESXi lays them out, base, snapshot and another one on it, on real files; QEMU's own reader says what they hold. */
const SECTORS = 300; // ends within a cluster of 64 KiB
const CONVERT = { kind: "convert" } as const;
let volumes: string;
let storage: Storage;

const path = (name: string) => ({ datastore: "ds", path: `vm/${name}` });
const host = (name: string): string => join(volumes, "ds", "vm", name);
const text = (name: string): string => readFileSync(host(name), "utf8");
const rewrite = (name: string, from: string, to: string): void => {
  expect(text(name)).toContain(from);
  writeFileSync(host(name), text(name).replace(from, to));
};
const names = () => readdirSync(join(volumes, "ds", "vm")).toSorted();
const sector = (byte: number) => Buffer.alloc(512, byte);

function descriptor(content: string, { parent, extent }: { readonly parent?: readonly [string, string]; readonly extent: string }): string {
  const [parentContent = "ffffffff", hint] = parent ?? [];
  return [
    ...["# Disk DescriptorFile", "version=1", 'encoding="UTF-8"', `CID=${content}`, `parentCID=${parentContent}`],
    ...['isNativeSnapshot="no"', `createType="${parent === undefined ? "vmfs" : "vmfsSparse"}"`],
    ...(hint === undefined ? [] : [`parentFileNameHint="${hint}"`]),
    ...["# Extent description", `RW ${SECTORS} ${extent}`, "", "# The Disk Data Base", "#DDB", ""],
    ...['ddb.adapterType = "lsilogic"', 'ddb.uuid = "60 00 C2 91 22 33 44 55-66 77 88 99 aa bb cc dd"', ""],
  ].join("\n");
}

/** Sectors of the first snapshot: in two clusters, next to one another and apart. */
const first = new Map([1, 2, 3, 127, 128, 299].map((at) => [at, sector(1)]));
/** Of the second, over both. */
const second = new Map([0, 2, 5, 128].map((at) => [at, sector(2)]));

beforeEach(() => {
  volumes = mkdtempSync(join(tmpdir(), "bulkhead-cowd-"));
  mkdirSync(join(volumes, "ds", "vm"), { recursive: true });
  storage = createStorage(volumes);
  writeFileSync(host("vm-flat.vmdk"), Buffer.alloc(SECTORS * 512, 9));
  writeFileSync(host("vm.vmdk"), descriptor("aaaaaaaa", { extent: 'VMFS "vm-flat.vmdk"' }));
  for (const [name, content, parent, grains] of [
    ["vm-000001", "bbbbbbbb", ["aaaaaaaa", "vm.vmdk"], first],
    ["vm-000002", "cccccccc", ["bbbbbbbb", "vm-000001.vmdk"], second],
  ] as const) {
    writeFileSync(host(`${name}-delta.vmdk`), makeCowd(SECTORS, grains));
    writeFileSync(host(`${name}.vmdk`), descriptor(content, { parent, extent: `VMFSSPARSE "${name}-delta.vmdk"` }));
  }
});
afterEach(() => {
  spawnSync("chattr", ["-R", "-f", "-i", volumes]);
  rmSync(volumes, { recursive: true, force: true });
});

/** Of all but the base's descriptor, which may say more of its children by then. */
const digests = () => {
  const others = names().filter((name) => name !== "vm.vmdk");
  return others.map((name) => [
    name,
    createHash("sha256")
      .update(readFileSync(host(name)))
      .digest("hex"),
  ]);
};

/** What QEMU's own driver for VMDK reads of the untouched chain. */
function asQemuReads(name: string): Buffer {
  execFileSync("qemu-img", ["convert", "-f", "vmdk", "-O", "raw", host(name), join(volumes, "out")]);
  return readFileSync(join(volumes, "out"));
}

async function flattened(name: string): Promise<Buffer> {
  await storage.copyDisk({ from: path(name), to: path("copy.vmdk"), replace: true, copy: {} }, UNWATCHED);
  const bytes = readFileSync(host("copy-flat.vmdk"));
  await storage.deleteDisk(path("copy.vmdk"));
  return bytes;
}

test("a chain of ESXi's is described with its parents, and copied to one flat disk, without a change to it", async () => {
  const before = digests();
  const wanted = asQemuReads("vm-000002.vmdk");
  expect([wanted[0], wanted[512], wanted[1024], wanted[4 * 512], wanted[128 * 512], wanted[299 * 512]]).toEqual([2, 1, 2, 9, 2, 1]);
  expect(await storage.describeDisk(path("vm-000002.vmdk"))).toMatchObject({
    foreign: "vmfsSparse",
    parents: [path("vm-000001.vmdk"), path("vm.vmdk")],
  });
  expect((await flattened("vm-000002.vmdk")).equals(wanted)).toBe(true);
  expect((await flattened("vm-000001.vmdk")).equals(asQemuReads("vm-000001.vmdk"))).toBe(true);
  expect(digests()).toEqual(before);
});

test("a chain of ESXi's becomes one of this host's that holds the same at each of its disks, which nobody writes any more", async () => {
  const wanted = ["vm-000001.vmdk", "vm-000002.vmdk"].map(asQemuReads);
  const reported: number[] = [];
  const controls = { ...UNWATCHED, report: (percent: number) => void reported.push(percent) };
  await storage.changeDisk(path("vm-000002.vmdk"), CONVERT, controls);
  expect(reported).toEqual(reported.toSorted((a, b) => a - b));
  expect(reported.at(-1)).toBe(100);
  expect(names()).toEqual([
    ...["vm-000001.vmdk", "vm-000001_1-delta.vmdk", "vm-000002.vmdk", "vm-000002_1-delta.vmdk"],
    ...["vm-flat.vmdk", "vm.vmdk"],
  ]);
  for (const delta of ["vm-000001_1-delta.vmdk", "vm-000002_1-delta.vmdk"])
    execFileSync("qemu-img", ["check", "-q", "-f", "qcow2", host(delta)]);
  for (const [index, name] of ["vm-000001.vmdk", "vm-000002.vmdk"].entries())
    expect((await flattened(name)).equals(wanted[index] ?? Buffer.alloc(0))).toBe(true);
  expect(text("vm-000001.vmdk")).toContain("CID=bbbbbbbb"); // what it holds is what it held
  (await storage.openDisk(path("vm-000002.vmdk"), { writable: true }))[Symbol.dispose]();
  for (const name of ["vm.vmdk", "vm-000001.vmdk"])
    await expect(storage.openDisk(path(name), { writable: true })).rejects.toMatchObject({ fault: "FileLocked" });
});

test("a converted chain can be put into its base again, and leaves no file", async () => {
  const wanted = asQemuReads("vm-000002.vmdk");
  await storage.changeDisk(path("vm-000002.vmdk"), CONVERT, UNWATCHED);
  for (const name of ["vm-000002.vmdk", "vm-000001.vmdk"]) {
    await storage.commitDisk(path(name), UNWATCHED);
    if (name === "vm-000002.vmdk") await storage.deleteDisk(path(name));
  }
  await storage.deleteDisk(path("vm-000001.vmdk"));
  expect(names()).toEqual(["vm-flat.vmdk", "vm.vmdk"]);
  expect(readFileSync(host("vm-flat.vmdk")).equals(wanted)).toBe(true);
});

test("a child of zeros where its parent has data reads as zeros, copied and converted", async () => {
  writeFileSync(host("vm-000001.vmdk"), descriptor("bbbbbbbb", { parent: ["aaaaaaaa", "vm.vmdk"], extent: "ZERO" }));
  expect((await flattened("vm-000001.vmdk")).every((byte) => byte === 0)).toBe(true);
  await storage.changeDisk(path("vm-000001.vmdk"), CONVERT, UNWATCHED);
  expect((await flattened("vm-000001.vmdk")).every((byte) => byte === 0)).toBe(true);
});

const lineOf = (name: string, key: string) =>
  text(name)
    .split("\n")
    .findIndex((line) => line.startsWith(key)) + 1;

test.each<[string, () => void, string, () => string]>([
  [
    "another content ID in its parent",
    () => rewrite("vm.vmdk", "CID=aaaaaaaa", "CID=dddddddd"),
    "InvalidDiskFormat",
    () => `[ds] vm/vm-000001.vmdk, line ${lineOf("vm-000001.vmdk", "parentCID")} `,
  ],
  [
    "a parent that is not there",
    () => rmSync(host("vm.vmdk")),
    "FileNotFound",
    () => `vm/vm.vmdk was not found: it is the parent of [ds] vm/vm-000001.vmdk, line ${lineOf("vm-000001.vmdk", "parentFileNameHint")}`,
  ],
  [
    "itself for an ancestor",
    () => {
      rewrite("vm-000001.vmdk", 'Hint="vm.vmdk"', 'Hint="vm-000002.vmdk"');
      rewrite("vm-000001.vmdk", "parentCID=aaaaaaaa", "parentCID=cccccccc");
    },
    "InvalidDiskFormat",
    () => `[ds] vm/vm-000001.vmdk, line ${lineOf("vm-000001.vmdk", "parentFileNameHint")} has the parent [ds] vm/vm-000002.vmdk`,
  ],
  [
    "a parent outside of the datastores",
    () => rewrite("vm-000001.vmdk", 'Hint="vm.vmdk"', 'Hint="../../../etc/passwd"'),
    "InvalidDiskFormat",
    () => `[ds] vm/vm-000001.vmdk, line ${lineOf("vm-000001.vmdk", "parentFileNameHint")} `,
  ],
  [
    "no name of its parent",
    () => rewrite("vm-000001.vmdk", 'parentFileNameHint="vm.vmdk"\n', ""),
    "InvalidDiskFormat",
    () => `[ds] vm/vm-000001.vmdk, line ${lineOf("vm-000001.vmdk", "parentCID")} `,
  ],
  [
    "a parent of another size",
    () => rewrite("vm.vmdk", `RW ${SECTORS}`, "RW 299"),
    "InvalidDiskFormat",
    () => `[ds] vm/vm-000001.vmdk, line ${lineOf("vm-000001.vmdk", "parentFileNameHint")} has ${SECTORS * 512} bytes`,
  ],
  [
    "a SESPARSE parent",
    () => {
      rewrite("vm-000001.vmdk", "VMFSSPARSE", "SESPARSE");
      rewrite("vm-000001.vmdk", 'createType="vmfsSparse"', 'createType="seSparse"');
    },
    "InvalidDiskFormat",
    () => "[ds] vm/vm-000001.vmdk has an extent of type SESPARSE, which is not offered",
  ],
  [
    "a parent whose delta is cut short",
    () => writeFileSync(host("vm-000001-delta.vmdk"), makeCowd(SECTORS, first).subarray(0, 4000)),
    "InvalidDiskFormat",
    () => "[ds] vm/vm-000001-delta.vmdk ends at byte 4000",
  ],
])(
  "a chain with %s is neither copied nor converted, by a fault that names the place, and stays as it was",
  async (_, spoil, fault, told) => {
    spoil();
    const before = digests();
    const refused = { fault, message: expect.stringContaining(told()) };
    const copy = { from: path("vm-000002.vmdk"), to: path("copy.vmdk"), replace: false, copy: {} };
    await expect(storage.copyDisk(copy, UNWATCHED)).rejects.toMatchObject(refused);
    await expect(storage.changeDisk(path("vm-000002.vmdk"), CONVERT, UNWATCHED)).rejects.toMatchObject(refused);
    expect(names().filter((name) => name.includes("_1") || name.includes("copy"))).toEqual([]);
    expect(digests()).toEqual(before);
  },
);

test("a conversion that is cancelled at the second disk leaves each as a whole one, and can be done again", async () => {
  const wanted = asQemuReads("vm-000002.vmdk");
  const stop = new AbortController();
  const controls = { signal: stop.signal, report: (percent: number) => void (percent > 50 && stop.abort()) };
  await expect(storage.changeDisk(path("vm-000002.vmdk"), CONVERT, controls)).rejects.toMatchObject({ fault: "RequestCanceled" });
  expect(names()).toEqual([
    ...["vm-000001.vmdk", "vm-000001_1-delta.vmdk", "vm-000002-delta.vmdk", "vm-000002.vmdk"],
    ...["vm-flat.vmdk", "vm.vmdk"],
  ]);
  expect((await flattened("vm-000002.vmdk")).equals(wanted)).toBe(true);
  await storage.changeDisk(path("vm-000002.vmdk"), CONVERT, UNWATCHED);
  expect((await flattened("vm-000002.vmdk")).equals(wanted)).toBe(true);
});
