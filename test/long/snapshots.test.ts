/** Snapshots of a real guest that runs, through the API: with its memory, gone back to, removed while it runs, and amid kills. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { hostPaths } from "../../src/base/index.ts";
import type { VimClient } from "../../src/interfaces/index.ts";
import type { MoRef } from "../../src/wire/index.ts";
import { datastoreText, installGuestImage, loginAgain, sleep, startHost, type TestHost, waitFor } from "../harness.ts";
import { bootableSpec, createVm, ended, lastTick, read, succeeded } from "../vm.ts";

const GUEST_MS = 120_000;
let host: TestHost;
let vm: MoRef<"VirtualMachine">;

beforeAll(async () => {
  host = await startHost();
  await using client = await host.login();
  vm = await createVm(client, bootableSpec("live", await installGuestImage(host, "boot")));
  await succeeded(client, await client.call(vm, "PowerOnVM_Task", {}));
  await waitFor(async () => (await tick()) >= 2, GUEST_MS);
}, 2 * GUEST_MS);
afterAll(() => host?.stop());

const tick = async (): Promise<number> => lastTick(await datastoreText(host, "live/console.log"));
const ticks = async (): Promise<number[]> =>
  [...(await datastoreText(host, "live/console.log")).matchAll(/^tick (\d+)\s*$/gm)].map(([, n]) => Number(n));
const disks = (): string[] => readdirSync(join(hostPaths(host.root).volumes, "datastore1", "images")).sort();
async function goesOn(): Promise<void> {
  const before = (await ticks()).length;
  await waitFor(async () => (await ticks()).length > before + 1, GUEST_MS);
}
const snapshot = async (client: VimClient, name: string, memory: boolean) =>
  (await succeeded(
    client,
    await client.call(vm, "CreateSnapshot_Task", { name, memory, quiesce: false }),
  )) as MoRef<"VirtualMachineSnapshot">;

test("a guest goes back to the moment at which its memory was kept, and counts on from there", { timeout: 2 * GUEST_MS }, async () => {
  await using client = await host.login();
  const kept = await snapshot(client, "with memory", true);
  const at = await tick();
  await waitFor(async () => (await tick()) >= at + 3, GUEST_MS);
  await succeeded(client, await client.call(kept, "RevertToSnapshot_Task", {}));
  expect(await read(client, vm, "runtime.powerState")).toBe("poweredOn");
  await goesOn();
  const all = await ticks();
  const turn = all.findIndex((number, index) => index > 0 && number <= (all[index - 1] ?? 0));
  expect(turn).toBeGreaterThan(0); // it counts from where it was, not from the start
  expect(all[turn]).toBeGreaterThanOrEqual(at);
  expect(readdirSync(join(hostPaths(host.root).volumes, "datastore1", "live"))).toContain("live-Snapshot1.vmem");
});

test("it runs on while snapshots are taken and removed, and evidence holds meanwhile", { timeout: 2 * GUEST_MS }, async () => {
  await using client = await host.login();
  await snapshot(client, "two", false);
  const { stdout } = await host.command("evidence");
  expect(stdout.split("\n").filter((line) => line.startsWith("FAIL"))).toEqual([]);
  expect(stdout).toMatch(/^pass +«Linked Clones»/m);
  await goesOn();
  await succeeded(client, await client.call(vm, "RemoveAllSnapshots_Task", {}));
  expect(disks()).toEqual(["boot-flat.vmdk", "boot.vmdk"]);
  await goesOn();
});

test("hostd and vmkernel die amid all of it: the guest counts on, and its disk is whole and one in the end", {
  timeout: 4 * GUEST_MS,
}, async () => {
  for (const which of ["hostd", "vmkernel", "both"] as const) {
    await using client = await host.login();
    await snapshot(client, `before ${which}`, false);
    const task = await client.call(
      vm,
      which === "hostd" ? "CreateSnapshot_Task" : "RemoveAllSnapshots_Task",
      which === "hostd" ? { name: "amid", memory: false, quiesce: false } : ({} as never),
    );
    await sleep(Math.random() * 300);
    const { hostd, vmkernel } = await host.pids();
    if (which !== "vmkernel") process.kill(hostd, "SIGKILL");
    if (which !== "hostd") process.kill(vmkernel, "SIGKILL");
    await using again = await loginAgain(host, 60_000);
    const { state } = await ended(again, task);
    expect(["success", "error"]).toContain(state);
    await goesOn();
  }
  await using client = await host.login();
  await succeeded(client, await client.call(vm, "RemoveAllSnapshots_Task", {}));
  await succeeded(client, await client.call(vm, "ConsolidateVMDisks_Task", {}));
  expect(await read(client, vm, "runtime.consolidationNeeded")).toBe(false);
  expect(disks()).toEqual(["boot-flat.vmdk", "boot.vmdk"]);
  await goesOn();
  await succeeded(client, await client.call(vm, "PowerOffVM_Task", {}));
  await succeeded(client, await client.call(vm, "PowerOnVM_Task", {}));
  await waitFor(async () => (await ticks()).filter((number) => number === 1).length === 2, GUEST_MS);
});
