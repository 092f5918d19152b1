import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { hostPaths } from "../src/base/index.ts";
import { moRef, randomOf } from "../src/interfaces/index.ts";
import type { MoRef } from "../src/wire/index.ts";
import { DISK_DEEDS } from "./disk-deeds.fixture.ts";
import { killAmidDeeds } from "./disk-kills.fixture.ts";
import { installGuestImage, startHost, type TestHost } from "./harness.ts";
import { bootableSpec, createVm, ended, succeeded } from "./vm.ts";

/**
 * Deeds on disks while hostd, vmkernel or both are killed: some, other ones each time; test/long/disk-kills.test.ts has all of them, and
 * more kills. And a running VM's disk, which nobody gets.
 */
const DISKS = moRef("VirtualDiskManager", "ha-vdiskmanager");
const FILES = moRef("FileManager", "ha-nfc-file-manager");
const ROUNDS = 5;
const SEED = Number(process.env.BULKHEAD_TEST_SEED ?? Date.now() % 1_000_000);

let host: TestHost;
beforeAll(async () => {
  host = await startHost();
});
afterAll(() => host?.stop());

const at = (name: string): string => join(hostPaths(host.root).volumes, "datastore1", name);
const path = (name: string): string => `[datastore1] ${name}`;

test("a running VM's disk is neither copied, moved, changed nor replaced, and neither is its folder", { timeout: 180_000 }, async () => {
  await using client = await host.login();
  const boot = await installGuestImage(host, "boot");
  const vm = await createVm(client, bootableSpec("running", boot));
  await succeeded(client, await client.call(vm, "PowerOnVM_Task", {}));
  const spec = { $type: "FileBackedVirtualDiskSpec", diskType: "thin", adapterType: "lsiLogic", capacityKb: 1024 } as never;
  await succeeded(client, await client.call(DISKS, "CreateVirtualDisk_Task", { name: path("spare.vmdk"), spec }));
  const before = readdirSync(at("images"));
  const attempts: readonly (() => Promise<MoRef>)[] = [
    () => client.call(DISKS, "CopyVirtualDisk_Task", { sourceName: boot, destName: path("copy.vmdk") }),
    () => client.call(DISKS, "MoveVirtualDisk_Task", { sourceName: boot, destName: path("moved.vmdk") }),
    () => client.call(DISKS, "MoveVirtualDisk_Task", { sourceName: path("spare.vmdk"), destName: boot, force: true }),
    () => client.call(DISKS, "ExtendVirtualDisk_Task", { name: boot, newCapacityKb: 10 * 1024 * 1024 }),
    () => client.call(DISKS, "ZeroFillVirtualDisk_Task", { name: boot }),
    () => client.call(DISKS, "DeleteVirtualDisk_Task", { name: boot }),
    () => client.call(FILES, "CopyDatastoreFile_Task", { sourceName: path("images/boot-flat.vmdk"), destinationName: path("x") }),
    () => client.call(FILES, "CopyDatastoreFile_Task", { sourceName: path("images"), destinationName: path("x") }),
    () => client.call(FILES, "MoveDatastoreFile_Task", { sourceName: path("images"), destinationName: path("x") }),
    () => client.call(FILES, "MoveDatastoreFile_Task", { sourceName: path("running"), destinationName: path("x") }),
  ];
  for (const [index, attempt] of attempts.entries()) {
    const refusal = await attempt().then(
      async (task) => (await ended(client, task)).error?.fault.$type,
      (error: { readonly fault: string }) => error.fault,
    );
    expect([index, refusal]).toEqual([index, "FileLocked"]);
  }
  // What vmkernel itself says of it, to a host agent in a stranger's hands.
  const vmkernel = await host.vmkernel();
  const [from, to] = ["images/boot.vmdk", "stolen.vmdk"].map((name) => ({ datastore: "datastore1", path: name })) as [never, never];
  for (const request of [
    { kind: "moveDisk", from, to },
    { kind: "copyDisk", from, to, copy: {} },
    { kind: "changeDisk", descriptor: from, change: { kind: "zeroFill" } },
  ] as const)
    await expect(vmkernel.request(request)).rejects.toMatchObject({ fault: "FileLocked" });
  vmkernel.close();
  expect(readdirSync(at("images"))).toEqual(before);
  expect(readdirSync(at("")).filter((name) => /^(x|copy|moved|stolen)/.test(name))).toEqual([]);
  await succeeded(client, await client.call(vm, "PowerOffVM_Task", {}));
  await succeeded(client, await client.call(DISKS, "CopyVirtualDisk_Task", { sourceName: boot, destName: path("images/copy.vmdk") }));
  await succeeded(client, await client.call(DISKS, "DeleteVirtualDisk_Task", { name: path("spare.vmdk") }));
});

test(`${ROUNDS} kills amid deeds on disks leave each as it was or as it was to be (seed ${SEED})`, { timeout: 300_000 }, async () => {
  const random = randomOf(SEED);
  const shuffled = DISK_DEEDS.filter(({ runs }) => runs !== true)
    .map((deed) => ({ deed, order: random() }))
    .sort((a, b) => a.order - b.order);
  const deeds = shuffled.slice(0, ROUNDS).map(({ deed }) => deed);
  expect((await killAmidDeeds({ host, deeds, rounds: ROUNDS, random })).broken).toEqual([]);
});
