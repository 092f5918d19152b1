import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Evidence } from "../src/evidence/index.ts";
import { moRef, type VimClient } from "../src/interfaces/index.ts";
import { affinityOf, cgroupHierarchies, onlineProcessors, readProcessLoad, threadsOf } from "../src/system/index.ts";
import type { MoRef, ResourceConfigSpec, VirtualMachineQuickStats } from "../src/wire/index.ts";
import { faultOf } from "./agent.fixture.ts";
import { esxcli } from "./esxcli.ts";
import { COMMAND, installGuestImage, PASSWORD, sleep, startHost, type TestHost, waitFor } from "./harness.ts";
import { bootableSpec, createVm, ROOT_POOL, read, succeeded } from "./vm.ts";

/** What a VM gets of the processors, as the kernel has it. Paper «Resource Provisioning, Shares, and Limits». */
const tree = cgroupHierarchies().find(({ controllers }) => controllers.includes("cpu"));
const OPTIONS = moRef("OptionManager", "ha-adv-options");
const MITIGATION = "VMkernel.Boot.hyperthreadingMitigation";
const mitigation = (value: boolean) => ({ $type: "OptionValue" as const, key: MITIGATION, value: { anyType: "boolean" as const, value } });
let host: TestHost;
let client: VimClient;
let trader: MoRef<"VirtualMachine">;
let worker: MoRef<"VirtualMachine">;
let mhz: number;

beforeAll(async () => {
  host = await startHost();
  client = await host.login();
  mhz = (await read(client, moRef("HostSystem", "ha-host"), "summary.hardware.cpuMhz")) as number;
  const config = { guestId: "otherGuest", memoryMB: 64, files: { vmPathName: "[datastore1]" } };
  trader = await createVm(client, { ...config, name: "trader", numCPUs: 1, latencySensitivity: { level: "high" } });
  const limit = Math.round(mhz / 4);
  worker = await createVm(client, { ...bootableSpec("worker", await installGuestImage(host, "worker-boot")), cpuAllocation: { limit } });
  for (const vm of [trader, worker]) await succeeded(client, await client.call(vm, "PowerOnVM_Task", {}));
});
afterAll(async () => {
  for (const vm of [trader, worker]) await client.call(vm, "TerminateVM", {}); // nothing in them hears that it is to shut down
  client?.close();
  await host?.stop();
});

async function monitorPid(vm: MoRef): Promise<number> {
  const vmkernel = await host.vmkernel();
  const { pids } = await vmkernel.request({ kind: "inspectMonitor", vm: vm.value as never });
  vmkernel.close();
  return pids.at(-1) ?? 0;
}

async function setting(vm: MoRef, names: { readonly v1: string; readonly v2: string }): Promise<string> {
  const memberships = readFileSync(`/proc/${await monitorPid(vm)}/cgroup`, "utf8").split("\n");
  const isTree = tree?.kind === "v2" ? /^0::(.*)$/ : /^\d+:(?:.*,)?cpu(?:,.*)?:(.*)$/;
  const cgroup = memberships.flatMap((line) => isTree.exec(line)?.[1] ?? [])[0] ?? "";
  return readFileSync(join(tree?.root ?? "", cgroup.slice(cgroup.indexOf("/bulkhead-")), names[tree?.kind ?? "v2"]), "utf8").trim();
}

const weight = async (vm: MoRef): Promise<number> => Number(await setting(vm, { v1: "cpu.shares", v2: "cpu.weight" }));
const quota = (vm: MoRef): Promise<string> => setting(vm, { v1: "cpu.cfs_quota_us", v2: "cpu.max" });

/** Processors' worth of time that a monitor uses, over three seconds of a guest that boots, which under translation takes all it can get. */
async function used(vm: MoRef): Promise<number> {
  const pid = await monitorPid(vm);
  const [before, beganAt] = [(await readProcessLoad(pid))?.processorMs ?? 0, performance.now()];
  await sleep(3000);
  return (((await readProcessLoad(pid))?.processorMs ?? 0) - before) / (performance.now() - beganAt);
}

test.skipIf(tree === undefined)(
  "a guest that would take a processor takes no more than its limit, or its pool's, while there is one",
  async () => {
    expect(await used(worker)).toBeLessThan(0.3);
    const config: ResourceConfigSpec = { cpuAllocation: { limit: Math.round(mhz / 10) }, memoryAllocation: {} };
    const pool = await client.call(ROOT_POOL as MoRef<"ResourcePool">, "CreateResourcePool", { name: "slow", spec: config });
    await client.call(pool, "MoveIntoResourcePool", { list: [worker] });
    await waitFor(async () => Math.abs(Number.parseInt(await quota(worker), 10) - 5000) < 50, 5000); // a tenth of 50 ms, to the MHz
    const slow = await used(worker);
    expect(slow).toBeLessThan(0.13);
    expect(slow).toBeGreaterThan(0.04); // it runs
    await succeeded(client, await client.call(pool, "Destroy_Task", {}));
    await succeeded(client, await client.call(worker, "ReconfigVM_Task", { spec: { cpuAllocation: { limit: -1 } } }));
    await waitFor(async () => /^(-1|max)\b/.test(await quota(worker)), 5000);
  },
);

test("a VM runs on the processors of its affinity alone, from the change on, and on all when that is taken away", async () => {
  const last = onlineProcessors().slice(-1);
  const bound = async () => threadsOf(await monitorPid(trader)).map(({ id }) => affinityOf(id).join());
  const set = async (affinitySet: readonly number[]) =>
    succeeded(client, await client.call(trader, "ReconfigVM_Task", { spec: { cpuAffinity: { affinitySet } } }));
  await set(last);
  await waitFor(async () => (await bound()).every((processors) => processors === last.join()), 5000);
  await set([]);
  await waitFor(async () => (await bound()).every((processors) => processors === onlineProcessors().join()), 5000);
});

test("who shares hyperthreads with a VM is said while it is off, and its guest sees cores alone", async () => {
  const change = client.call(trader, "ReconfigVM_Task", { spec: { flags: { htSharing: "none" } } });
  expect((await faultOf(change)).fault).toBe("InvalidPowerState");
  const vmkernel = await host.vmkernel();
  const { isToBeApart, qmp } = await vmkernel.request({ kind: "inspectMonitor", vm: trader.value as never });
  vmkernel.close();
  expect(isToBeApart).toBe(false);
  expect(qmp.processors).toMatchObject([{ "vcpus-count": 1, props: { "thread-id": 0 } }]);
  await client.call(OPTIONS, "UpdateOptions", { changedValue: [mitigation(true)] });
  expect(await client.call(OPTIONS, "QueryOptions", { name: MITIGATION })).toMatchObject([{ value: { anyType: "boolean", value: true } }]);
  const evidence = JSON.parse((await host.command("evidence", "--json")).stdout) as readonly Evidence[];
  expect(evidence.filter(({ claim }) => /threads of one core|shown a hyperthread/.test(claim)).map(({ verdict }) => verdict)).toEqual([
    "pass",
    "pass",
  ]);
  await client.call(OPTIONS, "UpdateOptions", { changedValue: [mitigation(false)] });
});

test.skipIf(tree === undefined)("a VM of high latency sensitivity weighs far more, until that is changed", async () => {
  const high = await weight(trader);
  await succeeded(client, await client.call(trader, "ReconfigVM_Task", { spec: { latencySensitivity: { level: "normal" } } }));
  // Four times as much; a look may have come between, which leads a usual VM to its part.
  expect(high / (await weight(trader))).toBeGreaterThan(2);
  await succeeded(client, await client.call(trader, "ReconfigVM_Task", { spec: { latencySensitivity: { level: "high" } } }));
  // What the host has learned of how it shared meanwhile is forgotten in a few looks.
  await waitFor(async () => Math.abs((await weight(trader)) / high - 1) < 0.03, 15_000);
  expect(await read(client, trader, "overallStatus")).toBe("green");
});

test("what the host and a guest use is a line of a batch, and where its pages are a client can ask", async () => {
  const kernel = await host.vmkernel();
  const isUp = async () =>
    (await kernel.request({ kind: "listMonitors" })).some(({ vm, guest }) => vm === worker.value && guest.tools === "running");
  await waitFor(isUp, 120_000, 300);
  const script = "( while :; do :; done ) > /dev/null 2>&1 < /dev/null &";
  await kernel.request({ kind: "runInGuest", vm: worker.value as never, login: { user: "root", password: "Guest-Root-1" }, script });
  kernel.close();
  await waitFor(async () => Number(await read(client, worker, "summary.quickStats.overallCpuUsage")) > 0.1 * mhz, 45_000, 500);
  const PASSWORDS = { ...process.env, BULKHEAD_PASSWORD: PASSWORD };
  const { stdout } = await promisify(execFile)(COMMAND, ["top", "--root", host.root, "--batch", "--count", "1"], { env: PASSWORDS });
  const [head = "", line = ""] = stdout.split("\n").map((row) => row.split('","'));
  const name = await read(client, worker, "name");
  const used = [...head].findIndex((column) => column.endsWith(`\\Group Cpu(${worker.value}:${name})\\% Used`));
  expect(Number(line[used])).toBeGreaterThan(1);
  await waitFor(async () => Number(await read(client, worker, "summary.quickStats.overallCpuDemand")) > 0, 45_000, 500);
  const quickStats = (await read(client, worker, "summary.quickStats")) as VirtualMachineQuickStats;
  expect(quickStats.staticCpuEntitlement).toBeGreaterThan(0);
  expect(quickStats.distributedCpuEntitlement).toBeGreaterThanOrEqual(quickStats.staticCpuEntitlement ?? 0);
  expect(quickStats.overallCpuReadiness).toBeLessThanOrEqual(100);
  const vmkernel = await host.vmkernel();
  const load = (await vmkernel.request({ kind: "sampleLoad" })).monitors.find(({ vm }) => vm === worker.value);
  vmkernel.close();
  expect(load?.nics).toMatchObject([{ key: 4000, receivedBytes: expect.any(Number) }]);
  const { rows = [] } = await esxcli(client, "bulkhead memory pmap list", { vm: worker.value });
  const memory = rows.filter(({ Region }) => Region?.[0] === "pc.ram");
  expect(memory.reduce((sum, { Bytes }) => sum + Number(Bytes?.[0]), 0)).toBeGreaterThanOrEqual(127 * 2 ** 20);
  expect(memory.filter(({ Machine }) => /^0x[1-9a-f]/.test(Machine?.[0] ?? "")).length).toBeGreaterThan(5);
  const part = await esxcli(client, "bulkhead memory pmap list", {
    vm: worker.value,
    from: memory[1]?.GuestPhysical?.[0] ?? "",
    count: "1",
  });
  expect(part.rows?.map(({ GuestPhysical }) => GuestPhysical)).toEqual([memory[1]?.GuestPhysical]);
  for (const args of [{ vm: "4711" }, { vm: worker.value, from: "0x7" }, { vm: worker.value, count: "0" }])
    expect((await esxcli(client, "bulkhead memory pmap list", args)).refused).toMatch(/No virtual machine|no address|from 1 to/);
  const groups = (await esxcli(client, "sched group list")).rows ?? [];
  expect(groups.map(({ Group, Kind }) => [Group?.[0], Kind?.[0]])).toEqual([
    ["Resources", "pool"],
    ["Resources/trader", "vm"],
    ["Resources/worker", "vm"],
  ]);
});
