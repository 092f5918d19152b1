/** Copies on a datastore whose file system lets files share blocks: they take no room, and are disks of their own. */
import { execFileSync } from "node:child_process";
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, statfsSync, truncateSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createStorage, type Storage } from "../src/vmkernel/storage/index.ts";

const MIB = 1024 * 1024;
const IMAGE_MIB = 320; // XFS is made no smaller
const CONTROLS = { report: () => {}, signal: new AbortController().signal };
const isRoot = process.getuid?.() === 0;
const at = (path: string) => ({ datastore: "datastore1", path });
let folder: string;
let storage: Storage;

beforeAll(() => {
  if (!isRoot) return;
  folder = mkdtempSync(join(tmpdir(), "bulkhead-shared-"));
  mkdirSync(join(folder, "volumes/datastore1"), { recursive: true });
  const image = join(folder, "xfs.img");
  closeSync(openSync(image, "w"));
  truncateSync(image, IMAGE_MIB * MIB);
  execFileSync("mkfs.xfs", ["-q", image]);
  execFileSync("mount", ["-o", "loop", image, host("")]);
  mkdirSync(host("vm"));
  storage = createStorage(join(folder, "volumes"));
});
afterAll(() => {
  if (!isRoot) return;
  execFileSync("umount", ["-l", host("")]);
  rmSync(folder, { recursive: true, force: true });
});

const host = (path: string) => join(folder, "volumes/datastore1", path);
/** Of the datastore, in MiB. */
const taken = () => {
  execFileSync("sync", ["-f", host("")]);
  const { bsize, blocks, bfree } = statfsSync(host(""));
  return ((blocks - bfree) * bsize) / MIB;
};
async function makeDisk(name: string, provisioning: "thin" | "thick"): Promise<void> {
  const disk = { capacityBytes: 64 * MIB, provisioning, adapterType: "lsilogic", uuid: `6000c29${"a".repeat(25)}` } as const;
  await storage.createDisk(at(`vm/${name}.vmdk`), disk);
  const fd = openSync(host(`vm/${name}-flat.vmdk`), "r+");
  writeSync(fd, Buffer.alloc(48 * MIB, name), 0, 48 * MIB, MIB);
  closeSync(fd);
}
const copy = (from: string, to: string) =>
  storage.copyDisk({ from: at(`vm/${from}.vmdk`), to: at(`vm/${to}.vmdk`), replace: false, copy: {} }, CONTROLS);

test.runIf(isRoot)("a copy of a thin disk takes no room until one of the two is written, and neither sees the other's writes", async () => {
  await makeDisk("thin", "thin");
  const before = taken();
  expect(await copy("thin", "copy")).toMatchObject({ capacityBytes: 64 * MIB, provisioning: "thin" });
  expect(taken() - before).toBeLessThan(1);
  const original = readFileSync(host("vm/thin-flat.vmdk"));
  expect(readFileSync(host("vm/copy-flat.vmdk")).equals(original)).toBe(true);
  const fd = openSync(host("vm/copy-flat.vmdk"), "r+");
  writeSync(fd, Buffer.alloc(8 * MIB, "new"), 0, 8 * MIB, 2 * MIB);
  closeSync(fd);
  expect(readFileSync(host("vm/thin-flat.vmdk")).equals(original)).toBe(true);
  expect(taken() - before).toBeGreaterThan(7);
});

test.runIf(isRoot)("what lies behind a disk's end is not copied with it", async () => {
  truncateSync(host("vm/thin-flat.vmdk"), 70 * MIB);
  await copy("thin", "again");
  expect(readFileSync(host("vm/again-flat.vmdk"))).toHaveLength(64 * MIB);
});

test.runIf(isRoot)("a copy of a thick disk has blocks of its own, so that a full datastore does not stop its guest", async () => {
  await makeDisk("thick", "thick");
  const before = taken();
  expect(await copy("thick", "other")).toMatchObject({ provisioning: "thick" });
  expect(taken() - before).toBeGreaterThan(63);
});

test.runIf(isRoot)("a copied file takes no room either", async () => {
  const before = taken();
  await storage.copyFile({ from: at("vm/thick-flat.vmdk"), to: at("vm/file"), replace: false }, CONTROLS);
  expect(taken() - before).toBeLessThan(1);
  expect(readFileSync(host("vm/file")).equals(readFileSync(host("vm/thick-flat.vmdk")))).toBe(true);
});
