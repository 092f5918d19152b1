import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { hostPaths } from "../src/base/index.ts";
import { moRef, type VimClient } from "../src/interfaces/index.ts";
import type { MoRef, PerfCounterInfo, PerfEntityMetric } from "../src/wire/index.ts";
import { installGuestImage, startHost, type TestHost, waitFor } from "./harness.ts";
import { bootableSpec, createVm, read, succeeded } from "./vm.ts";

/** What the host tells of a guest that runs: its load, as the host measures it by itself, and its logs. */
const DIAGNOSTICS = moRef("DiagnosticManager", "ha-diagnosticmgr");
const PERFORMANCE = moRef("PerformanceManager", "ha-perfmgr");
const MEMORY_MIB = 128;
let host: TestHost;
let client: VimClient;
let vm: MoRef<"VirtualMachine">;

beforeAll(async () => {
  host = await startHost();
  client = await host.login();
  vm = await createVm(client, bootableSpec("busy", await installGuestImage(host, "busy-boot")));
  await succeeded(client, await client.call(vm, "PowerOnVM_Task", {}));
});
afterAll(async () => {
  client?.close();
  await host?.stop();
});

test("a guest that boots uses processor time, memory and its disk, and the host says how much", async () => {
  await waitFor(async () => (await read(client, vm, "summary.quickStats.overallCpuUsage")) !== undefined, 60_000, 500);
  const counters = (await read(client, PERFORMANCE, "perfCounter")) as PerfCounterInfo[];
  const nameOf = (id: number): string => {
    const counter = counters.find(({ key }) => key === id);
    return `${counter?.groupInfo.key}.${counter?.nameInfo.key}`;
  };
  const [answer] = (await client.call(PERFORMANCE, "QueryPerf", { querySpec: [{ entity: vm, intervalId: 20 }] })) ?? [];
  const figures = new Map(
    ((answer as PerfEntityMetric).value ?? []).map((series) => [
      `${nameOf(series.id.counterId)} ${series.id.instance}`.trim(),
      Math.max(...(series as unknown as { value: number[] }).value),
    ]),
  );
  expect(figures.get("cpu.used")).toBeGreaterThan(100);
  expect(figures.get("cpu.usagemhz")).toBeGreaterThan(0);
  expect(figures.get("mem.consumed")).toBeGreaterThan(20 * 1024);
  expect(figures.get("mem.consumed")).toBeLessThan((MEMORY_MIB + 300) * 1024);
  expect(figures.get("virtualDisk.read scsi0:0")).toBeGreaterThan(0);
  expect(figures.get("disk.read")).toBe(figures.get("virtualDisk.read scsi0:0"));
  expect(await read(client, vm, "summary.quickStats.hostMemoryUsage")).toBeGreaterThan(20);
});

test("vmkernel's own readings only grow", async () => {
  const vmkernel = await host.vmkernel();
  const one = await vmkernel.request({ kind: "sampleLoad" });
  const two = await vmkernel.request({ kind: "sampleLoad" });
  vmkernel.close();
  expect(one.monitors.map((load) => load.vm)).toEqual([vm.value]);
  expect(one.monitors[0]?.disks.map(({ place }) => place)).toEqual(["scsi0:0"]);
  expect(two.takenAtMs).toBeGreaterThanOrEqual(one.takenAtMs);
  expect(two.monitors[0]?.processorMs).toBeGreaterThanOrEqual(one.monitors[0]?.processorMs ?? Number.POSITIVE_INFINITY);
});

test("its monitor has a log, and a support bundle of the real host has what the monitor is made of", async () => {
  const logs = await client.call(DIAGNOSTICS, "QueryDescriptions", {});
  expect(logs?.map(({ key }) => key)).toContain(`monitor-${vm.value}`);
  const { lineText } = await client.call(DIAGNOSTICS, "BrowseDiagnosticLog", { key: "vmkernel" });
  expect(lineText?.at(-1)).toContain(`VM ${vm.value}: started, process `);
  expect((await client.call(DIAGNOSTICS, "BrowseDiagnosticLog", { key: `monitor-${vm.value}` })).lineStart).toBe(1);
  const task = await client.call(DIAGNOSTICS, "GenerateLogBundles_Task", { includeDefault: true });
  const [bundle] = (await succeeded(client, task as MoRef<"Task">)) as { readonly url: string }[];
  const name = bundle?.url.split("/").at(-1) ?? "";
  const folder = join(hostPaths(host.root).hostdState, "downloads");
  const listing = execFileSync("tar", ["-tzf", join(folder, name)], { encoding: "utf8" });
  expect(listing.split("\n")).toEqual(expect.arrayContaining([`state/monitors/${vm.value}.json`, "logs/host.log", "logs/audit.log"]));
  const monitor = execFileSync("tar", ["-xzOf", join(folder, name), `state/monitors/${vm.value}.json`], { encoding: "utf8" });
  expect(JSON.parse(monitor)).toMatchObject({ machine: { memoryMiB: MEMORY_MIB }, qmp: { pci: expect.anything() } });
});

test("a VM that is powered off uses nothing any more", async () => {
  await succeeded(client, await client.call(vm, "PowerOffVM_Task", {}));
  expect(await read(client, vm, "summary.quickStats.overallCpuUsage")).toBe(0);
});
