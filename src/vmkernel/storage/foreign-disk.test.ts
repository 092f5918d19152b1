import { execFileSync } from "node:child_process";
import {
  closeSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { makeCowd } from "../../wire/index.ts";
import { UNWATCHED } from "../controls.ts";
import { createStorage, type Storage } from "./storage.ts";

/** Disks of other formats, as qemu-img writes them, on real files. */
const MIB = 2 ** 20;
const NO_CHANGE = { kind: "convert" } as const;
let root: string;
let folder: string;
let storage: Storage;
let raw: Buffer;
let round = 0;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "bulkhead-foreign-"));
  mkdirSync(join(root, "volumes/d"), { recursive: true });
  storage = createStorage(join(root, "volumes"));
  raw = Buffer.alloc(12 * MIB);
  for (let at = 0; at < raw.length; at += 2 * MIB) raw.fill(`at ${at} `, at, at + 70_000);
  writeFileSync(join(root, "raw"), raw);
  for (const subformat of SUBFORMATS) {
    mkdirSync(join(root, subformat));
    const target = join(root, subformat, "a.vmdk");
    execFileSync("qemu-img", ["convert", "-f", "raw", "-O", "vmdk", "-o", `subformat=${subformat}`, join(root, "raw"), target]);
  }
});
afterAll(() => rmSync(root, { recursive: true, force: true }));
beforeEach(() => {
  folder = join(root, "volumes/d", `r${++round}`);
  mkdirSync(folder);
});

const SUBFORMATS = ["monolithicSparse", "twoGbMaxExtentSparse", "twoGbMaxExtentFlat", "monolithicFlat", "streamOptimized"];
const at = (name: string) => ({ datastore: "d", path: `r${round}/${name}` });
const names = () => readdirSync(folder).toSorted();
const lay = (subformat: string): void => {
  for (const name of readdirSync(join(root, subformat))) copyFileSync(join(root, subformat, name), join(folder, name));
};

test.each(SUBFORMATS)("a %s disk is copied to a flat one that holds the same", async (subformat) => {
  lay(subformat);
  const reported: number[] = [];
  const controls = { ...UNWATCHED, report: (percent: number) => void reported.push(percent) };
  const copy = { provisioning: "thin", uuid: `6000c29${"1".repeat(25)}` } as const;
  const made = await storage.copyDisk({ from: at("a.vmdk"), to: at("b.vmdk"), replace: false, copy }, controls);
  expect(made).toMatchObject({ capacityBytes: raw.length, provisioning: "thin", uuid: copy.uuid });
  expect(made.foreign).toBeUndefined();
  expect(readFileSync(join(folder, "b-flat.vmdk")).equals(raw)).toBe(true);
  // what the source has as a hole is one in the copy; whether a flat file that was laid there has holes is its file system's to say
  const ofSource = readdirSync(join(root, subformat)).reduce((sum, name) => sum + statSync(join(folder, name)).blocks * 512, 0);
  expect(statSync(join(folder, "b-flat.vmdk")).blocks * 512).toBeLessThan(Math.max(2 * MIB, ofSource + MIB));
  expect(reported.at(-1)).toBe(100);
  const compared = execFileSync("qemu-img", ["compare", "-F", "vmdk", "-f", "raw", join(root, "raw"), join(folder, "b.vmdk")], {
    encoding: "utf8",
  });
  expect(compared).toContain("identical");
});

test.each(["monolithicSparse", "twoGbMaxExtentSparse", "streamOptimized"])(
  "a %s disk becomes a flat one where it lies, and can be given to a monitor then",
  async (subformat) => {
    lay(subformat);
    expect((await storage.describeDisk(at("a.vmdk"))).foreign).toBe(subformat);
    await expect(storage.openDisk(at("a.vmdk"), { writable: true })).rejects.toMatchObject({ fault: "InvalidDiskFormat" });
    expect(await storage.changeDisk(at("a.vmdk"), NO_CHANGE, UNWATCHED)).toMatchObject({ capacityBytes: raw.length, provisioning: "thin" });
    expect(names()).toEqual(["a-flat.vmdk", "a.vmdk"]);
    expect(readFileSync(join(folder, "a-flat.vmdk")).equals(raw)).toBe(true);
    (await storage.openDisk(at("a.vmdk"), { writable: true }))[Symbol.dispose]();
    await storage.changeDisk(at("a.vmdk"), NO_CHANGE, UNWATCHED); // it is flat already
    expect(names()).toEqual(["a-flat.vmdk", "a.vmdk"]);
  },
);

test.each(["monolithicSparse", "monolithicFlat", "twoGbMaxExtentSparse", "twoGbMaxExtentFlat"] as const)(
  "a copy in the format %s is read by qemu-img as what was copied, and here as well",
  async (format) => {
    lay("streamOptimized");
    const made = await storage.copyDisk({ from: at("a.vmdk"), to: at("b.vmdk"), replace: false, copy: { format } }, UNWATCHED);
    expect(made).toMatchObject({
      capacityBytes: raw.length,
      ...(format.endsWith("Flat") ? {} : { foreign: format }) /* of one flat file a monitor can have it */,
    });
    const info = JSON.parse(execFileSync("qemu-img", ["info", "--output=json", join(folder, "b.vmdk")], { encoding: "utf8" }));
    expect(info["format-specific"].data["create-type"]).toBe(format);
    execFileSync("qemu-img", ["compare", "-q", "-f", "raw", "-F", "vmdk", join(root, "raw"), join(folder, "b.vmdk")]);
    await storage.copyDisk({ from: at("b.vmdk"), to: at("c.vmdk"), replace: false, copy: {} }, UNWATCHED);
    expect(readFileSync(join(folder, "c-flat.vmdk")).equals(raw)).toBe(true);
  },
);

test("a large disk is split into extents of 2047 MiB, which are sparse, and read in their order", async () => {
  const capacityBytes = 5000 * MIB;
  const uuid = `6000c29${"3".repeat(25)}`;
  await storage.createDisk(at("big.vmdk"), { capacityBytes, provisioning: "thin", adapterType: "lsilogic", uuid });
  const image = openSync(join(folder, "big-flat.vmdk"), "r+");
  for (const atMib of [0, 2046, 2047, 4999]) writeSync(image, Buffer.alloc(MIB, atMib % 251), 0, MIB, atMib * MIB);
  closeSync(image);
  await storage.copyDisk({ from: at("big.vmdk"), to: at("b.vmdk"), replace: false, copy: { format: "twoGbMaxExtentSparse" } }, UNWATCHED);
  expect(names().filter((name) => name.startsWith("b-"))).toEqual(["b-s001.vmdk", "b-s002.vmdk", "b-s003.vmdk"]);
  expect(names().reduce((sum, name) => sum + (name.startsWith("b-") ? statSync(join(folder, name)).size : 0), 0)).toBeLessThan(8 * MIB);
  execFileSync("qemu-img", ["compare", "-q", "-f", "raw", "-F", "vmdk", join(folder, "big-flat.vmdk"), join(folder, "b.vmdk")]);
});

test("a copy in another product's format takes no name that is taken, and leaves nothing when it is cancelled", async () => {
  lay("streamOptimized");
  writeFileSync(join(folder, "b-s001.vmdk"), "mine");
  const transfer = { from: at("a.vmdk"), to: at("b.vmdk"), replace: false, copy: { format: "twoGbMaxExtentSparse" } } as const;
  await expect(storage.copyDisk(transfer, UNWATCHED)).rejects.toMatchObject({ fault: "FileAlreadyExists" });
  const stop = new AbortController();
  const controls = { signal: stop.signal, report: (percent: number) => void (percent > 60 && stop.abort()) };
  await expect(storage.copyDisk({ ...transfer, to: at("c.vmdk") }, controls)).rejects.toMatchObject({ fault: "RequestCanceled" });
  expect(names()).toEqual(["a.vmdk", "b-s001.vmdk"]);
  expect(readFileSync(join(folder, "b-s001.vmdk"), "utf8")).toBe("mine");
});

test("what an attempt that was cut short has left is not in the way, and is not taken for anybody's disk", async () => {
  lay("monolithicSparse");
  writeFileSync(join(folder, "a-flat.vmdk"), "half");
  await storage.changeDisk(at("a.vmdk"), NO_CHANGE, UNWATCHED);
  expect(names()).toEqual(["a-flat.vmdk", "a.vmdk", "a_1-flat.vmdk"]);
  expect(readFileSync(join(folder, "a_1-flat.vmdk")).equals(raw)).toBe(true);
});

test("a disk of several extents, flat ones, sparse ones and one of zeros, is read in their order", async () => {
  const cowd = makeCowd(4096, new Map([[7, Buffer.alloc(512, 7)]]));
  writeFileSync(join(folder, "c-1.vmdk"), Buffer.concat([Buffer.alloc(1024), Buffer.alloc(MIB, 1)]));
  writeFileSync(join(folder, "c-2.vmdk"), cowd);
  const extents = ['RW 2048 FLAT "c-1.vmdk" 2', "RW 1000 ZERO", 'RW 4096 VMFSSPARSE "c-2.vmdk"'];
  writeFileSync(join(folder, "c.vmdk"), descriptor(extents));
  await storage.copyDisk({ from: at("c.vmdk"), to: at("b.vmdk"), replace: false, copy: {} }, UNWATCHED);
  const disk = readFileSync(join(folder, "b-flat.vmdk"));
  expect(disk.length).toBe((2048 + 1000 + 4096) * 512);
  expect(disk.subarray(0, MIB).equals(Buffer.alloc(MIB, 1))).toBe(true);
  expect(disk.subarray(MIB, (3048 + 7) * 512).every((byte) => byte === 0)).toBe(true);
  expect(disk.subarray((3048 + 7) * 512, (3048 + 8) * 512).equals(Buffer.alloc(512, 7))).toBe(true);
});

const descriptor = (extents: readonly string[], parent = "ffffffff") =>
  `# Disk DescriptorFile\nversion=1\nCID=12345678\nparentCID=${parent}\ncreateType="custom"\n\n${extents.join("\n")}\n\nddb.adapterType = "lsilogic"\n`;

const changed = (offset: number, value: number) => {
  lay("monolithicSparse");
  const bytes = readFileSync(join(folder, "a.vmdk"));
  bytes.writeUInt32LE(value, offset);
  writeFileSync(join(folder, "a.vmdk"), bytes);
};
const lines = (extents: readonly string[], parent?: string) => writeFileSync(join(folder, "a.vmdk"), descriptor(extents, parent));

test.each<[string, () => void, string, RegExp]>([
  ["an extent that is not there", () => lines(['RW 4096 SPARSE "no.vmdk"']), "FileNotFound", /no\.vmdk/],
  ["an extent above its folder", () => lines(['RW 4096 SPARSE "../x.vmdk"']), "InvalidDiskFormat", /a\.vmdk, line 7/],
  ["an extent of the machine", () => lines(['RW 4096 FLAT "/etc/shadow" 0', "RW 1 ZERO"]), "InvalidDiskFormat", /a\.vmdk, line 7/],
  [
    "a symlink for an extent",
    () => {
      lines(['RW 1 FLAT "link.vmdk" 0', "RW 1 ZERO"]);
      symlinkSync("/etc/passwd", join(folder, "link.vmdk"));
    },
    "CannotAccessFile",
    /symbolic link/,
  ],
  [
    "an extent that is cut short",
    () => {
      lines(['RW 4096 FLAT "short.vmdk" 0', "RW 1 ZERO"]);
      writeFileSync(join(folder, "short.vmdk"), "x");
    },
    "InvalidDiskFormat",
    /short\.vmdk has 1 bytes/,
  ],
  [
    "a descriptor of another size than its extent",
    () => {
      lay("twoGbMaxExtentSparse");
      writeFileSync(join(folder, "a.vmdk"), descriptor(['RW 4096 SPARSE "a-s001.vmdk"']));
    },
    "InvalidDiskFormat",
    /a-s001\.vmdk is of/,
  ],
  ["an extent that is itself, and says so again", () => lines(['RW 4096 SPARSE "a.vmdk"']), "InvalidDiskFormat", /no sparse extent/],
  ["a parent of no name", () => lines(["RW 4096 ZERO"], "deadbeef"), "InvalidDiskFormat", /a\.vmdk, line 4 says that it is a child/],
  ["a raw device", () => lines(['RW 4096 VMFSRAW "a-flat.vmdk"']), "InvalidDiskFormat", /VMFSRAW/],
  ["a grain directory behind its end", () => changed(56, 2 ** 30), "InvalidDiskFormat", /a\.vmdk ends at byte/],
])("a disk with %s is neither copied nor converted, and nothing is left of the attempt", async (_, spoil, fault, message) => {
  spoil();
  const before = names();
  const refused = { fault, message: expect.stringMatching(message) };
  await expect(storage.copyDisk({ from: at("a.vmdk"), to: at("b.vmdk"), replace: false, copy: {} }, UNWATCHED)).rejects.toMatchObject(
    refused,
  );
  await expect(storage.changeDisk(at("a.vmdk"), NO_CHANGE, UNWATCHED)).rejects.toMatchObject(refused);
  expect(names()).toEqual(before);
});

test("a conversion that is cancelled leaves the disk that it was", async () => {
  lay("monolithicSparse");
  const stop = new AbortController();
  const controls = { signal: stop.signal, report: () => stop.abort() };
  await expect(storage.changeDisk(at("a.vmdk"), NO_CHANGE, controls)).rejects.toMatchObject({ fault: "RequestCanceled" });
  expect(names()).toEqual(["a.vmdk"]);
});

test("a sparse disk, with its descriptor inside, is removed whole", async () => {
  lay("monolithicSparse");
  await storage.deleteDisk(at("a.vmdk"));
  expect(names()).toEqual([]);
});
