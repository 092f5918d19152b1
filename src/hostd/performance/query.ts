/**
 * What a query picks from a history, in the two forms of vim25: PerfQuerySpec to PerfEntityMetric or PerfEntityMetricCSV. Pure.
 * Source: the vSphere Web Services API, PerformanceManager.
 */
import type { Fault } from "../../base/index.ts";
import {
  fault,
  type MoRef,
  type PerfEntityMetric,
  type PerfEntityMetricCSV,
  type PerfMetricId,
  type PerfMetricIntSeries,
  type PerfQuerySpec,
  type PerfSampleInfo,
} from "../../wire/index.ts";
import { counterInfos } from "./counters.ts";
import { INTERVAL_S, type Row } from "./history.ts";

/** Of a History: when, and what. */
export interface Figures {
  readonly times: readonly number[];
  readonly rows: readonly Row[];
}

const NOTHING: Figures = { times: [], rows: [] };
export const METRIC_IDS_MAX = 1000; // of one spec; each instance of each counter of a large VM is a few hundred
const KNOWN_COUNTERS: ReadonlySet<number> = new Set(counterInfos.map(({ key }) => key));

/** @throws {Fault} InvalidArgument, which names the field of the spec */
export function answerQuery(spec: PerfQuerySpec, figures: Figures = NOTHING): PerfEntityMetric | PerfEntityMetricCSV {
  refuseSpec(spec);
  const picked = pickSamples(figures, spec);
  const sampleInfo = picked.map((index) => ({ timestamp: new Date(figures.times[index] ?? 0), interval: INTERVAL_S }));
  const value = figures.rows
    .filter((row) => isAsked(row, spec.metricId))
    .map(({ counterId, instance, values }): PerfMetricIntSeries => {
      const series = picked.map((index) => values[index] ?? -1);
      return { $type: "PerfMetricIntSeries", id: { counterId, instance }, value: series };
    });
  return spec.format === "csv"
    ? asCsv(spec.entity, sampleInfo, value)
    : { $type: "PerfEntityMetric", entity: spec.entity, sampleInfo, value };
}

/** The counters and instances for which there are figures in that time. */
export function availableMetrics(figures: Figures = NOTHING, time: Pick<PerfQuerySpec, "startTime" | "endTime">): PerfMetricId[] {
  if (pickSamples(figures, time).length === 0) return [];
  return figures.rows.map(({ counterId, instance }) => ({ counterId, instance }));
}

/** This host has real-time figures and no others. */
export function refuseInterval(intervalId: number | undefined, invalidProperty: string): void {
  if (intervalId === undefined || intervalId === INTERVAL_S) return;
  throw invalid(invalidProperty, `This host keeps figures at an interval of ${INTERVAL_S} seconds, not of ${intervalId}.`);
}

function refuseSpec({ intervalId, maxSample, metricId, format }: PerfQuerySpec): void {
  refuseInterval(intervalId, "querySpec.intervalId");
  if (maxSample !== undefined && maxSample < 1) throw invalid("querySpec.maxSample", "At least one sample must be asked for.");
  if (format !== undefined && format !== "normal" && format !== "csv") {
    throw invalid("querySpec.format", "The format is neither normal nor csv.");
  }
  if (metricId === undefined) return;
  if (metricId.length > METRIC_IDS_MAX) throw invalid("querySpec.metricId", `More than ${METRIC_IDS_MAX} metrics are asked for.`);
  const unknown = metricId.find(({ counterId }) => !KNOWN_COUNTERS.has(counterId));
  if (unknown !== undefined) throw invalid("querySpec.metricId", `This host has no counter ${unknown.counterId}.`);
}

/** Indexes of the samples after `startTime` up to `endTime`, so that who asks again from the last one gets it once; the newest of them. */
function pickSamples(
  { times }: Figures,
  { startTime, endTime, maxSample }: Pick<PerfQuerySpec, "startTime" | "endTime" | "maxSample">,
): number[] {
  const from = startTime?.getTime() ?? Number.NEGATIVE_INFINITY;
  const to = endTime?.getTime() ?? Number.POSITIVE_INFINITY;
  const inTime = times.flatMap((time, index) => (time > from && time <= to ? [index] : []));
  return maxSample === undefined ? inTime : inTime.slice(-maxSample);
}

/** vim25: "" is the whole, "*" every instance and the whole; without a list everything is asked for. */
function isAsked(row: Row, metricId: readonly PerfMetricId[] | undefined): boolean {
  if (metricId === undefined || metricId.length === 0) return true;
  return metricId.some(({ counterId, instance }) => counterId === row.counterId && (instance === "*" || instance === row.instance));
}

function asCsv(entity: MoRef, sampleInfo: readonly PerfSampleInfo[], series: readonly PerfMetricIntSeries[]): PerfEntityMetricCSV {
  return {
    $type: "PerfEntityMetricCSV",
    entity,
    sampleInfoCSV: sampleInfo.map(({ interval, timestamp }) => `${interval},${timestamp.toISOString()}`).join(),
    value: series.map(({ id, value }) => ({ $type: "PerfMetricSeriesCSV", id, value: (value ?? []).join() })),
  };
}

function invalid(invalidProperty: string, message: string): Fault {
  return fault("InvalidArgument", message, { invalidProperty });
}
