/** A disk that grows while its monitor has it, on real files; the monitor is a lock and a descriptor. */
import { ftruncateSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { fault } from "../../wire/index.ts";
import type { DiskAttachment } from "../attachments.ts";
import { UNWATCHED } from "../controls.ts";
import type { NewDisk } from "../rpc.ts";
import { createStorage, type Storage } from "./storage.ts";

const MIB = 2 ** 20;
const descriptor = { datastore: "ds", path: "vm/vm.vmdk" };
let volumes: string;
let storage: Storage;
let monitor: DiskAttachment;

beforeEach(() => {
  volumes = mkdtempSync(join(tmpdir(), "growth-"));
  mkdirSync(join(volumes, "ds", "vm"), { recursive: true });
  storage = createStorage(volumes);
});
afterEach(() => {
  monitor[Symbol.dispose]();
  rmSync(volumes, { recursive: true, force: true });
});

const flat = () => join(volumes, "ds", "vm", "vm-flat.vmdk");
async function begin(provisioning: NewDisk["provisioning"] = "thin"): Promise<void> {
  await storage.createDisk(descriptor, { capacityBytes: 2 * MIB, provisioning, adapterType: "lsilogic", uuid: `6000c29${"a".repeat(25)}` });
  monitor = await storage.openDisk(descriptor, { writable: true });
  writeSync(monitor.fd, "here", 2 * MIB - 4);
}
const grow = (capacityBytes: number, show: () => Promise<void> = async () => {}) =>
  storage.extendWritten(descriptor, { capacityBytes, show }, UNWATCHED);
const stands = async () => [(await storage.describeDisk(descriptor)).capacityBytes, statSync(flat()).size];

test.each(["thin", "thick", "eagerZeroedThick"] as const)(
  "a %s disk that its monitor holds grows, and stays what it is",
  async (provisioning) => {
    await begin(provisioning);
    await expect(storage.changeDisk(descriptor, { kind: "extend", capacityBytes: 4 * MIB }, UNWATCHED)).rejects.toMatchObject({
      fault: "FileLocked",
    });
    const told: unknown[] = [];
    await grow(4 * MIB, async () => void told.push(await stands()));
    expect(told).toEqual([[4 * MIB, 4 * MIB]]); // all is there before the guest hears of it
    expect(await storage.describeDisk(descriptor)).toMatchObject({ capacityBytes: 4 * MIB, provisioning });
    const bytes = readFileSync(flat());
    expect([bytes.subarray(2 * MIB - 4, 2 * MIB).toString(), bytes.subarray(2 * MIB).every((byte) => byte === 0)]).toEqual(["here", true]);
  },
);

test("a disk of which the guest could not be told is what it was, and what was written meanwhile is there", async () => {
  await begin();
  const refused = grow(4 * MIB, async () => {
    writeSync(monitor.fd, "there", 0);
    throw fault("GenericVmConfigFault", "no", { reason: "no" });
  });
  await expect(refused).rejects.toMatchObject({ fault: "GenericVmConfigFault" });
  expect(await stands()).toEqual([2 * MIB, 2 * MIB]);
  expect(readFileSync(flat()).subarray(0, 5).toString()).toBe("there");
});

test("asked for the size that it has, it tells the guest, and takes away what an extension that was cut short has left", async () => {
  await begin();
  truncateSync(flat(), 3 * MIB);
  let told = 0;
  await grow(2 * MIB, async () => void told++);
  expect([told, ...(await stands())]).toEqual([1, 2 * MIB, 2 * MIB]);
});

test("it neither shrinks, nor grows beneath children or above a parent", async () => {
  await begin();
  await expect(grow(MIB)).rejects.toMatchObject({ fault: "InvalidArgument" });
  await expect(grow(2 * MIB + 1)).rejects.toMatchObject({ fault: "InvalidArgument" });
  ftruncateSync(monitor.fd, 2 * MIB);
  const child = { datastore: "ds", path: "vm/child.vmdk" };
  await storage.createChildDisk(child, { parent: descriptor, isWritten: true });
  await expect(grow(4 * MIB)).rejects.toMatchObject({ fault: "FileLocked" });
  const above = storage.extendWritten(child, { capacityBytes: 4 * MIB, show: async () => {} }, UNWATCHED);
  await expect(above).rejects.toMatchObject({ fault: "InvalidDiskFormat" });
  expect(await stands()).toEqual([2 * MIB, 2 * MIB]);
});
