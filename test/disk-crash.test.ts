import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { hostPaths } from "../src/base/index.ts";
import { moRef, randomOf, type VimClient } from "../src/interfaces/index.ts";
import type { MoRef } from "../src/wire/index.ts";
import { installGuestImage, killSome, loginAgain, sleep, startHost, type TestHost } from "./harness.ts";
import { bootableSpec, createVm, ended, succeeded } from "./vm.ts";

/**
 * Disks and files that are copied and moved while hostd, vmkernel or both are killed: whatever the moment, there is no half disk, no
 * half folder, and nothing is lost. And a running VM's disk, which nobody gets.
 */
const DISKS = moRef("VirtualDiskManager", "ha-vdiskmanager");
const FILES = moRef("FileManager", "ha-nfc-file-manager");
const ROUNDS = 6;
const SEED = Number(process.env.BULKHEAD_TEST_SEED ?? Date.now() % 1_000_000);
const DISK_KB = 64 * 1024;
const MARK = "what the guest wrote";

let host: TestHost;
beforeAll(async () => {
  host = await startHost();
});
afterAll(() => host?.stop());

const at = (name: string): string => join(hostPaths(host.root).volumes, "datastore1", name);
const path = (name: string): string => `[datastore1] ${name}`;
const markOf = (name: string): string => readFileSync(at(name)).subarray(0, MARK.length).toString();

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
  await succeeded(client, await client.call(DISKS, "CopyVirtualDisk_Task", { sourceName: boot, destName: path("copy.vmdk") }));
});

test(`${ROUNDS} kills amid copies and moves leave whole disks only (seed ${SEED})`, { timeout: 300_000 }, async () => {
  const random = randomOf(SEED);
  mkdirSync(at("w"));
  await makeSource();
  for (let round = 0; round < ROUNDS; round++) {
    const task = await startSomething(round);
    await sleep(random() * 150);
    await killSome(host, ["hostd", "vmkernel", "both"][Math.floor(random() * 3)] as "hostd" | "vmkernel" | "both");
    await using client = await loginAgain(host, 60_000);
    const { state, name } = await ended(client, task);
    await checkWhole(client, `round ${round}, ${name}: ${state}`);
  }
});

/** A disk full of data, and a folder with a copy of its files. */
async function makeSource(): Promise<void> {
  await using client = await host.login();
  const spec = { $type: "FileBackedVirtualDiskSpec", diskType: "thin", adapterType: "lsiLogic", capacityKb: DISK_KB } as never;
  await succeeded(client, await client.call(DISKS, "CreateVirtualDisk_Task", { name: path("w/a.vmdk"), spec }));
  const bytes = Buffer.alloc(DISK_KB * 1024, 7);
  bytes.write(MARK);
  writeFileSync(at("w/a-flat.vmdk"), bytes);
  mkdirSync(at("tree"));
  for (const name of ["1", "2"]) writeFileSync(at(`tree/${name}`), bytes);
}

/** A copy of the disk, a copy of the folder, or a move of the disk to where it was not. */
async function startSomething(round: number): Promise<MoRef> {
  await using client = await loginAgain(host, 60_000);
  const here = readdirSync(at("w")).includes("a.vmdk") ? "w/a.vmdk" : "w/b.vmdk";
  switch (round % 3) {
    case 0:
      return await client.call(DISKS, "CopyVirtualDisk_Task", { sourceName: path(here), destName: path(`w/copy${round}.vmdk`) });
    case 1:
      return await client.call(FILES, "CopyDatastoreFile_Task", { sourceName: path("tree"), destinationName: path(`w/tree${round}`) });
    default: {
      const there = here === "w/a.vmdk" ? "w/b.vmdk" : "w/a.vmdk";
      return await client.call(DISKS, "MoveVirtualDisk_Task", { sourceName: path(here), destName: path(there) });
    }
  }
}

async function checkWhole(client: VimClient, when: string): Promise<void> {
  const names = readdirSync(at("w"));
  const disks = names
    .filter((name) => name.endsWith(".vmdk") && !name.endsWith("-flat.vmdk"))
    .map((name) => name.slice(0, -".vmdk".length));
  const extents = names.filter((name) => name.endsWith("-flat.vmdk")).map((name) => name.slice(0, -"-flat.vmdk".length));
  expect(extents, when).toEqual(disks);
  expect(disks.filter((name) => name === "a" || name === "b").length, when).toBe(1);
  for (const name of disks) {
    expect(markOf(`w/${name}-flat.vmdk`), when).toBe(MARK);
    await client.call(DISKS, "QueryVirtualDiskUuid", { name: path(`w/${name}.vmdk`) });
  }
  for (const folder of names.filter((name) => name.startsWith("tree"))) expect(readdirSync(at(`w/${folder}`)), when).toEqual(["1", "2"]);
  expect(
    names.filter((name) => name.endsWith("~")),
    when,
  ).toEqual([]);
}
