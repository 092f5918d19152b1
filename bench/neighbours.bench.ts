/**
 * Noisy neighbours, with real guests that want all processors: what a victim keeps beside a hog, whether shares hold, and what guests
 * that flood the host with processes, memory, timers or disk writes leave it. `npm run bench -- neighbours`.
 * Paper «Resource Provisioning, Shares, and Limits».
 */
import { test } from "vitest";
import type { VimClient } from "../src/interfaces/index.ts";
import { readProcessLoad } from "../src/system/index.ts";
import type { VmkernelClient } from "../src/vmkernel/index.ts";
import { divide } from "../src/vmkernel/resources/divide.ts";
import type { MoRef } from "../src/wire/index.ts";
import { installGuestImage, sleep, startHost, type TestHost, waitFor } from "../test/harness.ts";
import { bootableSpec, createVm, succeeded } from "../test/vm.ts";
import { median, print } from "./figures.ts";

const WINDOW_MS = 20_000;
/** The scheduler looks once a second, and leads each to its part in some ten looks. */
const SETTLE_MS = 12_000;
const VCPUS = 2; // as many as the machine of these figures has processors: two guests want twice what there is
const login = { user: "root", password: "Guest-Root-1" };
const SPIN = "while :; do :; done";
const SPIN_ALL = Array.from({ length: VCPUS }, () => `( ${SPIN} ) &`).join(" ");

/** What a neighbour does; each also keeps its processors busy. */
const NEIGHBOURS = {
  "processor hog": "",
  "fork bomb": "bomb() { while :; do ( : ) & done; }; bomb",
  "memory eater": "x=a; n=0; while :; do x=$x$x; n=$((n + 1)); [ $n -gt 24 ] && { x=a; n=0; }; done",
  "interrupt flood": "while :; do usleep 1; done",
  "disk flood": "while :; do dd if=/dev/zero of=/dev/sda bs=64k seek=2000 count=200 conv=notrunc; done",
} as const;

interface Guest {
  readonly name: string;
  readonly vm: MoRef<"VirtualMachine">;
}

test("figures of neighbours", { timeout: 1_800_000 }, async () => {
  printDivision();
  const host = await startHost();
  const client = await host.login();
  const vmkernel = await host.vmkernel();
  try {
    const guests = await Promise.all(["victim", "second", "third"].map((name) => start(host, client, name)));
    for (const { vm } of guests) await isUp(vmkernel, vm);
    const [victim, second, third] = guests as [Guest, Guest, Guest];
    for (const guest of guests) await begin(vmkernel, guest, SPIN_ALL);
    await powerOff(client, third);
    const [kept] = await partsOf(vmkernel, [victim, second]);
    print("victim beside a hog of equal shares (at least 0.48)", (kept ?? 0).toFixed(3));
    await powerOn(client, third);
    await isUp(vmkernel, third.vm);
    await begin(vmkernel, third, SPIN_ALL);
    for (const [index, guest] of guests.entries()) await setShares(client, guest, 1000 * 2 ** index);
    const parts = await partsOf(vmkernel, guests);
    print("shares 1 : 2 : 4 (0.143 : 0.286 : 0.571, within 5 %)", parts.map((part) => part.toFixed(3)).join(" : "));
    await powerOff(client, third);
    for (const guest of [victim, second]) await setShares(client, guest, 1000);
    for (const [what, script] of Object.entries(NEIGHBOURS)) {
      await begin(vmkernel, second, `${SPIN_ALL} ${script}`);
      const [part] = await partsOf(vmkernel, [victim, second]);
      print(`victim beside a ${what}, of its entitlement (at least 0.90)`, ((part ?? 0) / 0.5).toFixed(3));
      await powerOff(client, second);
      await powerOn(client, second);
      await isUp(vmkernel, second.vm);
    }
  } finally {
    client.close();
    vmkernel.close();
    await host.stop();
  }
});

/** One host among a thousand VMs in fifty pools. */
function printDivision(): void {
  const vm = (id: string) => ({ id, shares: 1000, reservation: 10, limit: 4000, capacity: 4000, demand: 1000 });
  const pool = (number: number) => ({
    ...{ id: `pool ${number}`, shares: 4000, reservation: 0, limit: 50_000 },
    members: Array.from({ length: 20 }, (_, index) => vm(`${number}.${index}`)),
  });
  const tree = Array.from({ length: 50 }, (_, number) => pool(number));
  const times = Array.from({ length: 51 }, () => {
    const began = performance.now();
    divide(200_000, tree);
    return performance.now() - began;
  });
  print("division of a tree of 1,000 VMs (limit 5 ms)", `${median(times).toFixed(2)} ms`);
}

async function start(host: TestHost, client: VimClient, name: string): Promise<Guest> {
  const spec = bootableSpec(name, await installGuestImage(host, `${name}-boot`));
  const vm = await createVm(client, { ...spec, numCPUs: VCPUS });
  await powerOn(client, { name, vm });
  return { name, vm };
}

const powerOn = async (client: VimClient, { vm }: Guest) => succeeded(client, await client.call(vm, "PowerOnVM_Task", {}));
const powerOff = async (client: VimClient, { vm }: Guest) => succeeded(client, await client.call(vm, "PowerOffVM_Task", {}));

async function isUp(vmkernel: VmkernelClient, vm: MoRef): Promise<void> {
  const runs = async () => {
    const monitors = await vmkernel.request({ kind: "listMonitors" });
    return monitors.some(({ vm: id, guest }) => id === vm.value && guest.tools === "running");
  };
  await waitFor(runs, 280_000, 300);
}

/** Does not wait for it: it never ends. */
async function begin(vmkernel: VmkernelClient, { vm }: Guest, script: string): Promise<void> {
  const detached = `( ${script} ) > /dev/null 2>&1 < /dev/null &`;
  await vmkernel.request({ kind: "runInGuest", vm: vm.value as never, login, script: detached });
}

async function setShares(client: VimClient, { vm }: Guest, shares: number): Promise<void> {
  const spec = { cpuAllocation: { shares: { level: "custom" as const, shares } } };
  await succeeded(client, await client.call(vm, "ReconfigVM_Task", { spec }));
}

/** What part of what all of them used each did. */
async function partsOf(vmkernel: VmkernelClient, guests: readonly Guest[]): Promise<readonly number[]> {
  await sleep(SETTLE_MS);
  const monitors = await vmkernel.request({ kind: "listMonitors" });
  const pids = guests.map(({ vm }) => monitors.find(({ vm: id }) => id === vm.value)?.pid ?? 0);
  const read = () => Promise.all(pids.map(async (pid) => (await readProcessLoad(pid))?.processorMs ?? 0));
  const before = await read();
  await sleep(WINDOW_MS);
  const used = (await read()).map((ms, index) => ms - (before[index] ?? 0));
  const all = used.reduce((sum, ms) => sum + ms, 0);
  return used.map((ms) => ms / all);
}
