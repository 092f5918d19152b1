/** What a suspended VM's guest had written to a disk that forgets, out of a file that anybody may have written; on real files. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, readSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createStorage, type Storage } from "./storage.ts";

const MIB = 2 ** 20;
const descriptor = { datastore: "ds", path: "vm/scratch.vmdk" };
const home = { datastore: "ds", path: "vm" };
let volumes: string;
let storage: Storage;

beforeEach(async () => {
  volumes = mkdtempSync(join(tmpdir(), "overlays-"));
  mkdirSync(join(volumes, "ds", "vm"), { recursive: true });
  storage = createStorage(volumes);
  const disk = { capacityBytes: 4 * MIB, provisioning: "thin", adapterType: "lsilogic", uuid: `6000c29${"a".repeat(25)}` } as const;
  await storage.createDisk(descriptor, disk);
});
afterEach(() => rmSync(volumes, { recursive: true, force: true }));

/** Behind a piece of memory, a qcow2 file as those options make it, with one MiB written. */
async function open(sizeMib: number, ...options: readonly string[]) {
  const [file, path] = ["qcow2", "ds/vm.vmss"].map((name) => join(volumes, name)) as [string, string];
  execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", ...options, file, `${sizeMib}M`]);
  execFileSync("qemu-io", ["-f", "qcow2", "-c", "write -q -P 7 1M 1M", file]);
  execFileSync("sh", ["-c", `truncate -s 64K "$1" && cat "$0" >> "$1"`, file, path]);
  const place = { offset: 64 * 1024, length: statSync(file).size };
  return storage.openNonpersistent(descriptor, { home, kept: { file: { datastore: "ds", path: "vm.vmss" }, ...place } });
}

test("what was kept is there again, in a file without a name", async () => {
  using disk = await open(4);
  const kept = readFileSync(join(volumes, "qcow2"));
  const bytes = Buffer.alloc(disk.sizeBytes);
  readSync(disk.fd, bytes, 0, bytes.length, 0);
  expect(bytes.equals(kept)).toBe(true);
  expect([disk.format, disk.writable, disk.capacityBytes, disk.parents.length]).toEqual(["qcow2", true, 4 * MIB, 1]);
  expect(execFileSync("ls", [join(volumes, "ds", "vm")], { encoding: "utf8" })).toBe("scratch-flat.vmdk\nscratch.vmdk\n");
});

test.each<[string, number, readonly string[]]>([
  ["of a disk of another size", 8, []],
  ["that names a file of the host", 4, ["-b", "/etc/passwd", "-F", "raw", "-u"]],
  ["with a data file elsewhere", 4, ["-o", "data_file=/tmp/elsewhere-of-bulkhead,data_file_raw=off"]],
])("one %s is refused, and leaves nothing open", async (_, sizeMib, options) => {
  try {
    await expect(open(sizeMib, ...options)).rejects.toMatchObject({
      fault: "InvalidDiskFormat",
      message: expect.stringContaining("vm.vmss"),
    });
  } finally {
    rmSync("/tmp/elsewhere-of-bulkhead", { force: true });
  }
  using disk = await storage.openDisk(descriptor, { writable: true }); // its lock is free
  expect(disk.capacityBytes).toBe(4 * MIB);
});
