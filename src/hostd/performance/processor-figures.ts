/** From two readings of a monitor, what its VM had of the processors and of the network between them. Pure; as derive.ts. */
import type { MonitorLoad, VirtualNicLoad } from "../../vmkernel/index.ts";
import { type Figure, figure, grown, HUNDREDTHS, KIB, type VmSize } from "./figure.ts";

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

/** Of each network card, by its key, and of all together. From the guest's side. */
export function vmNetworkFigures({ before, after, intervalMs }: ProcessorReadings): Figure[] {
  const seconds = intervalMs / 1000;
  const nics = after.nics.map((nic) => {
    const earlier = before.nics.find(({ key }) => key === nic.key) ?? unusedNic(nic);
    return {
      instance: String(nic.key),
      received: grown(earlier.receivedBytes, nic.receivedBytes) / KIB / seconds,
      transmitted: grown(earlier.transmittedBytes, nic.transmittedBytes) / KIB / seconds,
      packetsReceived: grown(earlier.receivedPackets, nic.receivedPackets),
      packetsTransmitted: grown(earlier.transmittedPackets, nic.transmittedPackets),
    };
  });
  return networkFigures(nics);
}

export const unusedNic = (nic: VirtualNicLoad): VirtualNicLoad => ({
  ...nic,
  ...{ receivedBytes: 0, transmittedBytes: 0, receivedPackets: 0, transmittedPackets: 0 },
});

export interface NicUse {
  readonly instance: string;
  /** KiB a second. */
  readonly received: number;
  readonly transmitted: number;
  readonly packetsReceived: number;
  readonly packetsTransmitted: number;
}

/** @returns none where there are no cards */
export function networkFigures(nics: readonly NicUse[]): Figure[] {
  if (nics.length === 0) return [];
  const sum = (of: (nic: NicUse) => number): number => nics.reduce((total, nic) => total + of(nic), 0);
  const whole = {
    instance: "",
    received: sum(({ received }) => received),
    transmitted: sum(({ transmitted }) => transmitted),
    packetsReceived: sum(({ packetsReceived }) => packetsReceived),
    packetsTransmitted: sum(({ packetsTransmitted }) => packetsTransmitted),
  };
  return [whole, ...nics].flatMap(({ instance, received, transmitted, packetsReceived, packetsTransmitted }) => [
    figure("netUsage", received + transmitted, instance),
    figure("netReceived", received, instance),
    figure("netTransmitted", transmitted, instance),
    figure("netPacketsReceived", packetsReceived, instance),
    figure("netPacketsTransmitted", packetsTransmitted, instance),
  ]);
}
