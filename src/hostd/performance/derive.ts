/**
 * From counters that only grow, read twice, to what was used between: the figures of one sample. Pure.
 * Integers in the units of counters.ts; vim25 counts percent in hundredths. What can't be told from the readings is left out.
 */
import { type LoadSample, MEMORY_STATES, type MonitorLoad } from "../../vmkernel/index.ts";
import { hostDiskFigures, hostNicFigures, unusedDisk, unusedNic, vmDiskFigures, vmNicFigures } from "./device-figures.ts";
import { type Figure, figure, grown, HUNDREDTHS, KIB, type VmSize } from "./figure.ts";
import { entitlementFigures, readinessFigures } from "./processor-figures.ts";

export interface HostSize {
  readonly mhz: number;
  readonly cores: number;
  readonly bootedAtMs: number;
}

/** @param before undefined for the first reading, which tells only what is, not what was used */
export function deriveHost(before: LoadSample | undefined, after: LoadSample, size: HostSize, nowMs: number): Figure[] {
  const { totalBytes, availableBytes } = after.machine.memory;
  const now = [
    figure("memUsage", (HUNDREDTHS * (totalBytes - availableBytes)) / Math.max(1, totalBytes)),
    figure("memConsumed", (totalBytes - availableBytes) / KIB),
    figure("memState", MEMORY_STATES.indexOf(after.memoryState)),
    ...guestsMemory(after.monitors),
    figure("uptime", (nowMs - size.bootedAtMs) / 1000),
  ];
  const seconds = before === undefined ? 0 : (after.takenAtMs - before.takenAtMs) / 1000;
  if (before === undefined || seconds <= 0) return now;
  return [
    ...now,
    ...hostProcessors(before, after, size),
    ...hostDiskFigures(before, after, seconds),
    ...hostNicFigures(before, after, seconds),
  ];
}

/** Of all VMs together, what of each is told by {@link memoryFigures}. */
function guestsMemory(monitors: readonly MonitorLoad[]): Figure[] {
  const sum = (bytesOf: (load: MonitorLoad) => number): number => monitors.reduce((total, load) => total + bytesOf(load), 0) / KIB;
  const guests = (bytesOf: (memory: NonNullable<MonitorLoad["guestMemory"]>) => number) =>
    sum(({ guestMemory }) => (guestMemory === undefined ? 0 : bytesOf(guestMemory)));
  return [
    figure(
      "memShared",
      sum(({ sharedBytes }) => sharedBytes),
    ),
    figure(
      "memGranted",
      guests(({ residentBytes }) => residentBytes),
    ),
    figure(
      "memActive",
      guests(({ touchedBytes }) => touchedBytes),
    ),
    figure(
      "memSwapped",
      guests(({ swappedBytes, compressedBytes }) => Math.max(0, swappedBytes - compressedBytes)),
    ),
    figure(
      "memCompressed",
      guests(({ compressedBytes }) => compressedBytes),
    ),
    figure(
      "memBalloon",
      guests(({ balloonedBytes }) => balloonedBytes),
    ),
    figure(
      "memOverhead",
      sum(({ memoryBytes, guestMemory }) => Math.max(0, memoryBytes - (guestMemory?.residentBytes ?? memoryBytes))),
    ),
  ];
}

function hostProcessors(before: LoadSample, after: LoadSample, { mhz, cores }: HostSize): Figure[] {
  const processors = after.machine.processors.map((processor, index) => {
    const earlier = before.machine.processors[index] ?? processor;
    const busyMs = grown(earlier.busyMs, processor.busyMs);
    return { busyMs, share: busyMs / Math.max(1, busyMs + grown(earlier.idleMs, processor.idleMs)) };
  });
  const share = processors.reduce((sum, processor) => sum + processor.share, 0) / Math.max(1, processors.length);
  return [
    figure("cpuUsage", HUNDREDTHS * share),
    figure("cpuUsageMhz", share * mhz * cores),
    figure(
      "cpuUsed",
      processors.reduce((sum, { busyMs }) => sum + busyMs, 0),
    ),
    ...processors.map((processor, index) => figure("cpuUsage", HUNDREDTHS * processor.share, String(index))),
  ];
}

/**
 * @param before of the same monitor; undefined for the first reading of it
 * @param intervalMs between the two
 */
export function deriveVm(before: MonitorLoad | undefined, after: MonitorLoad, intervalMs: number, size: VmSize, nowMs: number): Figure[] {
  const now = [
    // A guest that has touched all of its memory takes more than it was given: what its monitor needs comes on top.
    figure("memUsage", Math.min(HUNDREDTHS, (HUNDREDTHS * after.memoryBytes) / Math.max(1, size.memoryBytes))),
    figure("memConsumed", after.memoryBytes / KIB),
    figure("memShared", after.sharedBytes / KIB),
    ...memoryFigures(after, size),
    figure("uptime", (nowMs - after.startedAtMs) / 1000),
    ...entitlementFigures(after),
  ];
  if (before === undefined || intervalMs <= 0) return now;
  const usedMs = grown(before.processorMs, after.processorMs);
  return [
    ...now,
    // Its devices work beside its virtual CPUs: together they can use more time than the virtual CPUs alone could.
    figure("cpuUsage", Math.min(HUNDREDTHS, (HUNDREDTHS * usedMs) / intervalMs / Math.max(1, size.vcpus))),
    figure("cpuUsageMhz", (usedMs / intervalMs) * size.mhz),
    figure("cpuUsed", usedMs),
    ...readinessFigures({ before, after, intervalMs }, size),
    ...vmNicFigures(before, after, intervalMs / 1000),
    ...vmDiskFigures(before, after, intervalMs / 1000),
  ];
}

/** What is ballooned or swapped the guest believes it has; what it never touched, it was never given. */
function memoryFigures({ memoryBytes, guestMemory, entitledBytes }: MonitorLoad, size: VmSize): Figure[] {
  if (guestMemory === undefined) return [];
  const { residentBytes, swappedBytes, compressedBytes, balloonedBytes, touchedBytes } = guestMemory;
  return [
    figure("memGranted", residentBytes / KIB),
    figure("memActive", touchedBytes / KIB),
    figure("memSwapped", Math.max(0, swappedBytes - compressedBytes) / KIB),
    figure("memCompressed", compressedBytes / KIB),
    figure("memBalloon", balloonedBytes / KIB),
    figure("memOverhead", Math.max(0, memoryBytes - residentBytes) / KIB),
    figure("memEntitlement", (entitledBytes ?? size.memoryBytes) / KIB),
  ];
}

/** The reading that a monitor would have given at its very start. */
export function atStart(load: MonitorLoad): MonitorLoad {
  return { ...load, processorMs: 0, waitedMs: 0, disks: load.disks.map(unusedDisk), nics: load.nics.map(unusedNic) };
}
