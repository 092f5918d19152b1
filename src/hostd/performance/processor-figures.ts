/** From two readings of a monitor, what its VM had of the processors between them. Pure; as derive.ts. */
import type { MonitorLoad } from "../../vmkernel/index.ts";
import { type Figure, figure, grown, HUNDREDTHS, type VmSize } from "./figure.ts";

/** What is known of it without a reading before. */
export function entitlementFigures({ entitledMhz, worstCaseMhz }: MonitorLoad): Figure[] {
  return [figure("cpuEntitlement", entitledMhz), figure("cpuWorstCase", worstCaseMhz)];
}

export interface ProcessorReadings {
  readonly before: MonitorLoad;
  readonly after: MonitorLoad;
  readonly intervalMs: number;
}

/** Ready: its threads could have run, and others did. Demand is what it would have used without that. */
export function readinessFigures({ before, after, intervalMs }: ProcessorReadings, { mhz, vcpus }: VmSize): Figure[] {
  const waitedMs = grown(before.waitedMs, after.waitedMs);
  const wantedMs = grown(before.processorMs, after.processorMs) + waitedMs;
  const ofOneMs = waitedMs / Math.max(1, vcpus);
  return [
    figure("cpuReady", waitedMs),
    figure("cpuReadiness", Math.min(HUNDREDTHS, (HUNDREDTHS * ofOneMs) / intervalMs)),
    figure("cpuDemand", (wantedMs / intervalMs) * mhz),
  ];
}
