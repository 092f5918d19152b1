/** A VM that an ESXi host has left, with its snapshots, on a real guest; and its disk that forgets what is written to it. One guest serves both. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildGuest } from "../guest/build.mjs";
import { hostPaths } from "../src/base/index.ts";
import type { Evidence } from "../src/evidence/index.ts";
import { moRef, type VimClient } from "../src/interfaces/index.ts";
import type { MoRef, VirtualMachineSnapshotInfo, VirtualMachineSnapshotTree } from "../src/wire/index.ts";
import { layEsxiFolder, SCRATCH_BYTES } from "./esxi-folder.fixture.ts";
import { datastoreText, startHost, type TestHost, waitFor } from "./harness.ts";
import { lastTick, ROOT_POOL, read, succeeded, VM_FOLDER } from "./vm.ts";

const BOOT_MS = 120_000;
const PROCESSES = moRef("GuestProcessManager", "ha-guest-operations-process-manager");
/** Which of its disks a guest calls by which name is not the same each time. */
const SCRATCH = `disk=/dev/$(grep -lx ${SCRATCH_BYTES / 512} /sys/block/sd*/size | cut -d/ -f4)`;
const auth = { $type: "NamePasswordAuthentication", interactiveSession: false, username: "root", password: "Guest-Root-1" } as const;
let host: TestHost;
let client: VimClient;
let vm: MoRef<"VirtualMachine">;

beforeAll(async () => {
  host = await startHost();
  client = await host.login();
  layEsxiFolder(datastore(), { name: "left", image: buildGuest().image });
});
afterAll(async () => {
  client?.close();
  await host?.stop();
});

const datastore = () => join(hostPaths(host.root).volumes, "datastore1");
const files = () => readdirSync(join(datastore(), "left")).toSorted();
const console = () => datastoreText(host, "left/console.log");
const inGuest = (commandLine: string) =>
  client.call(PROCESSES, "StartProgramInGuest", { vm, auth, spec: { programPath: "/bin/sh", arguments: `-c '${commandLine}'` } });
async function monitorPids(): Promise<readonly number[]> {
  const vmkernel = await host.vmkernel();
  const { pids } = await vmkernel.request({ kind: "inspectMonitor", vm: vm.value as never });
  vmkernel.close();
  return pids;
}
const answers = () => waitFor(async () => (await read(client, vm, "guest.guestOperationsReady")) === true, BOOT_MS, 500);

/** What the evidence says, of which nothing fails. */
async function evidenceOf(): Promise<string> {
  const evidence = JSON.parse((await host.command("evidence", "--json")).stdout) as readonly Evidence[];
  expect(evidence.filter(({ verdict }) => verdict === "fail")).toEqual([]);
  return evidence.flatMap(({ facts }) => facts).join("\n");
}

test("it registers as it is, with its chain and its snapshots", async () => {
  const before = files();
  const register = { path: "[datastore1] left/left.vmx", asTemplate: false, pool: ROOT_POOL };
  vm = (await succeeded(client, await client.call(VM_FOLDER, "RegisterVM_Task", register))) as MoRef<"VirtualMachine">;
  const devices = (await read(client, vm, "config.hardware.device")) as readonly { $type: string; backing: object }[];
  expect(devices.filter(({ $type }) => $type === "VirtualDisk").map(({ backing }) => backing)).toMatchObject([
    {
      fileName: "[datastore1] left/left-000002.vmdk",
      parent: { fileName: "[datastore1] left/left-000001.vmdk", parent: { fileName: "[datastore1] left/left.vmdk" } },
    },
    { fileName: "[datastore1] left/scratch.vmdk", diskMode: "independent_nonpersistent" },
  ]);
  const { rootSnapshotList: [root] = [] } = (await read(client, vm, "snapshot")) as VirtualMachineSnapshotInfo;
  const names = (one: VirtualMachineSnapshotTree): readonly string[] => [one.name, ...(one.childSnapshotList ?? []).flatMap(names)];
  expect(root === undefined ? [] : names(root)).toEqual(["step 1", "step 2"]);
  expect(files()).toEqual(before);
});

test("its guest boots from what is in no file but its deltas, which are this host's from then on", { timeout: BOOT_MS }, async () => {
  await succeeded(client, await client.call(vm, "PowerOnVM_Task", {}));
  await waitFor(async () => lastTick(await console()) >= 1, BOOT_MS, 500);
  for (const child of ["left-000001", "left-000002"]) expect(await datastoreText(host, `left/${child}.vmdk`)).toMatch(/QCOW2 "left-00000/);
  expect(files().filter((name) => /00000\d-delta/.test(name))).toEqual([]);
});

/** A log comes with each start of a monitor. */
const withoutLogs = () => files().filter((name) => !/^vmware/.test(name));

test("what its guest writes to the disk that forgets is there after a suspension and a reset, and with nobody else", {
  timeout: 2 * BOOT_MS,
}, async () => {
  await answers();
  const before = withoutLogs();
  await inGuest(`${SCRATCH}; echo changed | dd of=$disk conv=notrunc && sync && echo "then $(head -c 7 $disk)" > /dev/ttyS0`);
  await waitFor(async () => /then changed/.test(await console()), BOOT_MS, 200);
  expect(await evidenceOf()).toContain("1 files without a name, 1 disks that forget");
  const withMemory = { name: "memory", memory: true, quiesce: false };
  await expect(client.call(vm, "CreateSnapshot_Task", withMemory)).rejects.toMatchObject({ fault: "MemorySnapshotOnIndependentDisk" });
  await succeeded(client, await client.call(vm, "SuspendVM_Task", {}));
  expect(withoutLogs().filter((name) => !before.includes(name))).toEqual([expect.stringMatching(/^left-\w+\.vmss$/)]);
  const ticks = lastTick(await console());
  await succeeded(client, await client.call(vm, "PowerOnVM_Task", {}));
  await waitFor(async () => lastTick(await console()) > ticks, BOOT_MS, 200);
  await answers();
  const readAgain = `${SCRATCH}; echo 3 > /proc/sys/vm/drop_caches; echo "again $(head -c 7 $disk)" > /dev/ttyS0`;
  await inGuest(readAgain);
  await waitFor(async () => /again changed/.test(await console()), BOOT_MS, 200);
  expect([withoutLogs(), await evidenceOf()]).toEqual([before, expect.stringContaining("1 files without a name, 1 disks that forget")]);
  await succeeded(client, await client.call(vm, "ResetVM_Task", {}));
  await waitFor(async () => lastTick((await console()).split("GUEST-UP").at(-1) ?? "") < ticks, BOOT_MS, 200);
  await answers();
  await inGuest(`${SCRATCH}; echo "after $(head -c 7 $disk)" > /dev/ttyS0`);
  await waitFor(async () => /after changed/.test(await console()), BOOT_MS, 200);
  expect(withoutLogs()).toEqual(before);
});

test("when its monitor is killed, all of that is gone and no file is left of it", { timeout: BOOT_MS }, async () => {
  const before = files();
  for (const pid of await monitorPids()) process.kill(pid, "SIGKILL");
  await waitFor(async () => (await read(client, vm, "runtime.powerState")) === "poweredOff", BOOT_MS, 200);
  expect(files()).toEqual(before);
  expect(readFileSync(join(datastore(), "left/scratch-flat.vmdk")).equals(Buffer.alloc(SCRATCH_BYTES, "kept "))).toBe(true);
});

test("its snapshots, made there, are removed here: one flat disk is left that holds all", { timeout: BOOT_MS }, async () => {
  await succeeded(client, await client.call(vm, "RemoveAllSnapshots_Task", { consolidate: true }));
  expect(files().filter((name) => /vm(dk|sn)$/.test(name))).toEqual(["left-flat.vmdk", "left.vmdk", "scratch-flat.vmdk", "scratch.vmdk"]);
  // The guest only reads what it boots from.
  expect(readFileSync(join(datastore(), "left/left-flat.vmdk")).equals(readFileSync(buildGuest().image))).toBe(true);
});
