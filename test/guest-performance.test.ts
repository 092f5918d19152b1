import { afterAll, beforeAll, expect, test } from "vitest";
import { moRef, type VimClient } from "../src/interfaces/index.ts";
import type { MoRef, PerfCounterInfo, PerfEntityMetric } from "../src/wire/index.ts";
import { installGuestImage, startHost, type TestHost, waitFor } from "./harness.ts";
import { bootableSpec, createVm, read, succeeded } from "./vm.ts";

/** The load of a real guest, as the host measures it by itself. */
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

test("a VM that is powered off uses nothing any more", async () => {
  await succeeded(client, await client.call(vm, "PowerOffVM_Task", {}));
  expect(await read(client, vm, "summary.quickStats.overallCpuUsage")).toBeUndefined();
});
