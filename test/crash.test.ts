import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { hostPaths } from "../src/base/index.ts";
import { randomOf, type VimClient } from "../src/interfaces/index.ts";
import { listCgroups, processesOfCgroup } from "../src/system/index.ts";
import type { MoRef } from "../src/wire/index.ts";
import { datastoreText, installGuestImage, killSome, loginAgain, sleep, startHost, type TestHost, waitFor } from "./harness.ts";
import { bootableSpec, createVm, ended, lastTick, read, succeeded, VM_FOLDER } from "./vm.ts";

/**
 * `kill -9` of hostd, of vmkernel and of both, at random moments of power-ons and reconfigures. The guest that runs all the while
 * must not notice; no VM may be lost or doubled; no task may stay open; no monitor may be left without its VM.
 */
const ROUNDS = 50;
const SEED = Number(process.env.BULKHEAD_TEST_SEED ?? Date.now() % 1_000_000);
const WITNESS = "witness";
const SUBJECT = "subject";

let host: TestHost;
let witness: MoRef;
let subject: MoRef;

beforeAll(async () => {
  host = await startHost();
  const client = await host.login();
  witness = await createVm(client, bootableSpec(WITNESS, await installGuestImage(host, "witness-boot")));
  subject = await createVm(client, bootableSpec(SUBJECT, await installGuestImage(host, "subject-boot")));
  await succeeded(client, await client.call(witness, "PowerOnVM_Task", {}));
  await waitFor(async () => (await ticks()) > 0, 120_000);
  client.close();
});
afterAll(() => host?.stop());

const ticks = async (): Promise<number> => lastTick(await datastoreText(host, `${WITNESS}/console.log`));

test(`${ROUNDS} kills at random moments lose nothing (seed ${SEED})`, { timeout: 600_000 }, async () => {
  const random = randomOf(SEED);
  const monitor = await monitorPid(WITNESS);
  let last = await ticks();
  let client = await host.login();
  for (let round = 0; round < ROUNDS; round++) {
    const started = await startSomething(client, round);
    client.close();
    await sleep(random() * 400);
    await killSome(host, ["hostd", "vmkernel", "both"][Math.floor(random() * 3)] as "hostd" | "vmkernel" | "both");
    client = await loginAgain(host, 30_000);
    await checkTask(client, started, round);
    await checkInventory(client, round);
    expect(await monitorPid(WITNESS), `round ${round}: the witness has another monitor`).toBe(monitor);
  }
  client.close();
  await waitFor(async () => (await ticks()) > last, 30_000);
  last = await ticks();
  await sleep(3000);
  expect(await ticks(), "the witness's counter stands still").toBeGreaterThan(last);
  // it has counted on without a gap: the guest was never stopped and never started anew
  const seen = [...(await datastoreText(host, `${WITNESS}/console.log`)).matchAll(/^tick (\d+)\s*$/gm)].map(([, n]) => Number(n));
  expect(seen).toEqual(seen.map((_, index) => index + 1));
});

/** A power-on, a power-off or a reconfigure that makes a disk: whatever the subject can do now. @returns the task, when it got one */
async function startSomething(client: VimClient, round: number): Promise<MoRef | undefined> {
  if ((await read(client, subject, "runtime.powerState")) === "poweredOn") return await client.call(subject, "PowerOffVM_Task", {});
  if (round % 2 === 0) return await client.call(subject, "PowerOnVM_Task", {});
  const disk = {
    $type: "VirtualDisk",
    key: -1,
    controllerKey: 1000,
    capacityInKB: 1024,
    backing: { $type: "VirtualDiskFlatVer2BackingInfo", fileName: "", diskMode: "persistent", thinProvisioned: true },
  };
  const device = { operation: "add" as const, fileOperation: "create" as const, device: disk as never };
  const deviceChange = (await diskCount(client)) < 10 ? [device] : [];
  return await client.call(subject, "ReconfigVM_Task", { spec: { annotation: `round ${round}`, deviceChange } });
}

async function checkTask(client: VimClient, task: MoRef | undefined, round: number): Promise<void> {
  if (task === undefined) return;
  const info = await ended(client, task);
  expect(["success", "error"], `round ${round}: ${info.name}`).toContain(info.state);
}

async function checkInventory(client: VimClient, round: number): Promise<void> {
  const vms = (await read(client, VM_FOLDER, "childEntity")) as readonly MoRef[];
  const names = await Promise.all(vms.map((vm) => read(client, vm, "name")));
  expect(names.sort(), `round ${round}`).toEqual([SUBJECT, WITNESS]);
  expect(vms.map(({ value }) => value).sort()).toEqual([witness.value, subject.value].sort());
  const running = await Promise.all(vms.map((vm) => read(client, vm, "runtime.powerState")));
  const monitors = await runningMonitors();
  expect(monitors, `round ${round}: monitors without a VM, or VMs without a monitor`).toBe(
    running.filter((state) => state === "poweredOn").length,
  );
  expect(await diskFiles(), `round ${round}: disks on the datastore and in the configuration`).toBe(await diskCount(client));
}

/** Cgroups of VMs that have a process in them: what the kernel says runs, whatever the host believes. */
async function runningMonitors(): Promise<number> {
  const groups = await listCgroups(`bulkhead-${hostPaths(host.root).hostId}`);
  const alive = await Promise.all(groups.map(async (group) => (await processesOfCgroup(group)).length > 0));
  return alive.filter(Boolean).length;
}

async function monitorPid(name: string): Promise<number> {
  const client = await host.vmkernel();
  try {
    const monitors = await client.request({ kind: "listMonitors" });
    return monitors.find((monitor) => monitor.name === name)?.pid ?? 0;
  } finally {
    client.close();
  }
}

async function diskCount(client: VimClient): Promise<number> {
  const devices = (await read(client, subject, "config.hardware.device")) as readonly { $type: string; backing?: { fileName: string } }[];
  return devices.filter(({ $type, backing }) => $type === "VirtualDisk" && backing?.fileName.startsWith(`[datastore1] ${SUBJECT}/`)).length;
}

/** Extents in the subject's folder: one that no .vmx names would be left over from a reconfigure that was cut short. */
async function diskFiles(): Promise<number> {
  const names = readdirSync(join(hostPaths(host.root).volumes, "datastore1", SUBJECT));
  return names.filter((name) => name.endsWith("-flat.vmdk")).length;
}
