import { expect, test } from "vitest";
import type { PerfQuerySpec } from "../../wire/index.ts";
import { counterInfos, counters } from "./counters.ts";
import { answerQuery, availableMetrics } from "./query.ts";

const entity = { type: "HostSystem", value: "ha-host" };
const CPU = counters.cpuUsage.id;
const figures = {
  times: [20_000, 40_000, 60_000],
  rows: [
    { counterId: CPU, instance: "", values: [1, 2, 3] },
    { counterId: CPU, instance: "0", values: [4, 5, -1] },
    { counterId: counters.memUsage.id, instance: "", values: [7, 8, 9] },
  ],
};
const ask = (spec: Partial<PerfQuerySpec>) => answerQuery({ entity, ...spec }, figures);
const rowsOf = (spec: Partial<PerfQuerySpec>) =>
  (ask(spec).value ?? []).map((series) => [series.id.counterId, series.id.instance, (series as { value?: unknown }).value]);

test("without a list every figure is answered, with the times that they were taken at", () => {
  const answer = ask({ intervalId: 20 });
  expect(answer).toMatchObject({ $type: "PerfEntityMetric", entity, sampleInfo: [{ interval: 20 }, {}, { timestamp: new Date(60_000) }] });
  expect(answer.value).toHaveLength(3);
});

test.each([
  ["the whole", "", [[CPU, "", [1, 2, 3]]]],
  ["one instance", "0", [[CPU, "0", [4, 5, -1]]]],
  [
    "all",
    "*",
    [
      [CPU, "", [1, 2, 3]],
      [CPU, "0", [4, 5, -1]],
    ],
  ],
  ["an instance that is not there", "9", []],
])("%s is asked for by its instance", (_, instance, expected) => {
  expect(rowsOf({ metricId: [{ counterId: CPU, instance }] })).toEqual(expected);
});

test.each([
  ["the newest", { maxSample: 1 }, [3]],
  ["more than there are", { maxSample: 9 }, [1, 2, 3]],
  ["after a time, which itself is not in it", { startTime: new Date(20_000) }, [2, 3]],
  ["up to a time, which itself is in it", { endTime: new Date(40_000) }, [1, 2]],
  ["the newest up to a time", { endTime: new Date(40_000), maxSample: 1 }, [2]],
  ["between two times with nothing between", { startTime: new Date(40_000), endTime: new Date(41_000) }, []],
])("samples are picked: %s", (_, time, expected) => {
  expect(rowsOf({ ...time, metricId: [{ counterId: CPU, instance: "" }] })).toEqual([[CPU, "", expected]]);
});

test("as CSV, times come in pairs with their interval", () => {
  expect(ask({ format: "csv", maxSample: 2, metricId: [{ counterId: CPU, instance: "0" }] })).toEqual({
    $type: "PerfEntityMetricCSV",
    entity,
    sampleInfoCSV: "20,1970-01-01T00:00:40.000Z,20,1970-01-01T00:01:00.000Z",
    value: [{ $type: "PerfMetricSeriesCSV", id: { counterId: CPU, instance: "0" }, value: "5,-1" }],
  });
});

test.each([
  ["querySpec.intervalId", { intervalId: 300 }],
  ["querySpec.maxSample", { maxSample: 0 }],
  ["querySpec.format", { format: "xml" }],
  ["querySpec.metricId", { metricId: [{ counterId: 4711, instance: "" }] }],
  ["querySpec.metricId", { metricId: Array.from({ length: 1001 }, () => ({ counterId: CPU, instance: "" })) }],
])("a wrong %s is refused by name", (invalidProperty, spec) => {
  expect(() => ask(spec)).toThrow(expect.objectContaining({ fault: "InvalidArgument", fields: { invalidProperty } }));
});

test("what was never measured has no samples and no metrics", () => {
  expect(answerQuery({ entity })).toMatchObject({ sampleInfo: [], value: [] });
  expect(availableMetrics(undefined, {})).toEqual([]);
  expect(availableMetrics(figures, { startTime: new Date(60_000) })).toEqual([]);
  expect(availableMetrics(figures, {})).toHaveLength(3);
});

test("every counter has an id and a name of its own", () => {
  expect(new Set(counterInfos.map(({ key }) => key)).size).toBe(counterInfos.length);
  expect(new Set(counterInfos.map(({ groupInfo, nameInfo }) => `${groupInfo.key}.${nameInfo.key}`)).size).toBe(counterInfos.length);
});
