import { beforeAll, expect, test } from "vitest";
import { moRef } from "../src/interfaces/index.ts";
import type {
  PerfCounterInfo,
  PerfEntityMetric,
  PerfEntityMetricCSV,
  PerfMetricIntSeries,
  VirtualMachineSummary,
} from "../src/wire/index.ts";
import { faultOf, useAgent } from "./agent.fixture.ts";
import { createVm, read } from "./vm.ts";

/** What clients ask a host about its load; the machine under test is the one that runs the tests. */
const PERFORMANCE = moRef("PerformanceManager", "ha-perfmgr");
const HOST = moRef("HostSystem", "ha-host");
const NO_ACCESS = -5;
const { host, client } = await useAgent();
let counters: readonly PerfCounterInfo[];

beforeAll(async () => {
  counters = (await read(client, PERFORMANCE, "perfCounter")) as PerfCounterInfo[];
});

const idOf = (path: string): number =>
  counters.find(({ groupInfo, nameInfo, rollupType }) => `${groupInfo.key}.${nameInfo.key}.${rollupType}` === path)?.key ?? -1;
const query = async (path: string, more: object = {}): Promise<PerfEntityMetric> => {
  const metricId = [{ counterId: idOf(path), instance: "" }];
  const [answer] =
    (await client.call(PERFORMANCE, "QueryPerf", { querySpec: [{ entity: HOST, intervalId: 20, metricId, ...more }] })) ?? [];
  return answer as PerfEntityMetric;
};

/** The numbers of the first row of an answer. */
const numbersOf = (answer: PerfEntityMetric): readonly number[] => (answer.value?.[0] as PerfMetricIntSeries | undefined)?.value ?? [];

test("the host is measured in real time, each 20 seconds, and keeps no longer history", async () => {
  expect(await client.call(PERFORMANCE, "QueryPerfProviderSummary", { entity: HOST })).toMatchObject({
    currentSupported: true,
    summarySupported: false,
    refreshRate: 20,
  });
  expect(await read(client, PERFORMANCE, "historicalInterval")).toEqual([]);
  expect(await read(client, PERFORMANCE, "description")).toMatchObject({ statsType: [{ key: "absolute" }, {}, {}] });
});

test("memory and processors of this machine are figures that it could have", async () => {
  await host.takeSample();
  const memory = await query("mem.usage.average", { maxSample: 1 });
  expect(memory).toMatchObject({ entity: HOST, sampleInfo: [{ interval: 20 }], value: [{ $type: "PerfMetricIntSeries" }] });
  const [usage] = numbersOf(memory);
  expect(usage).toBeGreaterThan(100);
  expect(usage).toBeLessThan(10_000);
  const before = performance.now();
  while (performance.now() - before < 600); // this test itself is what is used
  await host.takeSample();
  const cpu = numbersOf(await query("cpu.usage.average", { maxSample: 1 }));
  expect(cpu[0]).toBeGreaterThan(100);
  expect(cpu[0]).toBeLessThanOrEqual(10_000);
  expect(await read(client, HOST, "summary.quickStats.overallCpuUsage")).toBeGreaterThan(0);
  const memoryMiB = Number(await read(client, HOST, "summary.hardware.memorySize")) / 2 ** 20;
  expect(await read(client, HOST, "summary.quickStats.overallMemoryUsage")).toBeLessThan(memoryMiB);
});

test("what can be asked for is what there are figures of, by counters that are described", async () => {
  const metrics = (await client.call(PERFORMANCE, "QueryAvailablePerfMetric", { entity: HOST, intervalId: 20 })) ?? [];
  const known = new Set(counters.map(({ key }) => key));
  expect(metrics.every(({ counterId }) => known.has(counterId))).toBe(true);
  expect(metrics.filter(({ counterId }) => counterId === idOf("cpu.usage.average")).map(({ instance }) => instance)).toContain("0");
  const ids = [idOf("mem.usage.average"), idOf("cpu.usage.average")];
  expect((await client.call(PERFORMANCE, "QueryPerfCounter", { counterId: ids }))?.map(({ key }) => key)).toEqual(ids);
  expect(await client.call(PERFORMANCE, "QueryPerfCounterByLevel", { level: 1 })).toHaveLength(counters.length);
});

test("the CSV form has the same figures", async () => {
  const spec = { entity: HOST, intervalId: 20, metricId: [{ counterId: idOf("sys.uptime.latest"), instance: "*" }] };
  const [csv] = (await client.call(PERFORMANCE, "QueryPerf", { querySpec: [{ ...spec, format: "csv" }] })) ?? [];
  const value = numbersOf(await query("sys.uptime.latest"));
  expect((csv as PerfEntityMetricCSV).value?.[0]?.value).toBe(value.join());
  expect((csv as PerfEntityMetricCSV).sampleInfoCSV.split(",")).toHaveLength(2 * value.length);
});

test("a VM that is off has no figures, and its host tells of both", async () => {
  const vm = await createVm(client, { name: "still", files: { vmPathName: "[datastore1]" } });
  expect(await client.call(PERFORMANCE, "QueryAvailablePerfMetric", { entity: vm, intervalId: 20 })).toEqual([]);
  const composite = await client.call(PERFORMANCE, "QueryPerfComposite", { querySpec: { entity: HOST, intervalId: 20, maxSample: 1 } });
  expect(composite.entity?.entity).toMatchObject(HOST);
  expect(composite.childEntity?.map(({ entity }) => entity.value)).toEqual([vm.value]);
  const { quickStats } = (await read(client, vm, "summary")) as VirtualMachineSummary;
  expect(quickStats).toMatchObject({ overallCpuUsage: 0, hostMemoryUsage: 0, guestMemoryUsage: 0, uptimeSeconds: 0, ftLogBandwidth: -1 });
});

test.each([
  ["a folder", moRef("Folder", "ha-folder-vm"), "InvalidArgument"],
  ["a VM that is not there", moRef("VirtualMachine", "4711"), "ManagedObjectNotFound"],
])("%s is not measured", async (_, entity, fault) => {
  expect((await faultOf(client.call(PERFORMANCE, "QueryPerfProviderSummary", { entity }))).fault).toBe(fault);
  expect((await faultOf(client.call(PERFORMANCE, "QueryPerf", { querySpec: [{ entity }] }))).fault).toBe(fault);
});

test.each([
  ["QueryPerf", { querySpec: [{ entity: HOST, intervalId: 300 }] }],
  ["QueryPerf", { querySpec: [{ entity: HOST, format: "xml" }] }],
  ["QueryAvailablePerfMetric", { entity: HOST, intervalId: 7200 }],
  ["QueryPerfCounter", { counterId: [2_000_000] }],
  ["QueryPerfCounterByLevel", { level: 5 }],
] as const)("%s refuses what this host has not: %j", async (method, args) => {
  expect((await faultOf(client.call(PERFORMANCE, method, args as never))).fault).toBe("InvalidArgument");
});

test("intervals and levels are not the client's to change", async () => {
  expect((await faultOf(client.call(PERFORMANCE, "RemovePerfInterval", { samplePeriod: 20 }))).fault).toBe("NotSupported");
});

test("who may not see the host learns nothing of its load", async () => {
  await using nobody = await host.login(NO_ACCESS);
  expect((await faultOf(nobody.call(PERFORMANCE, "QueryPerf", { querySpec: [{ entity: HOST }] }))).fault).toBe("NoPermission");
});
