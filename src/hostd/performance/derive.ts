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

/** Of all VMs together. */
function guestsMemory(monitors: readonly MonitorLoad[]): Figure[] {
  const all = monitors.map(memoryOf);
  return MEMORY_NAMES.map((name) =>
    figure(
      name,
      all.reduce((sum, of) => sum + (of[name] ?? 0), 0),
    ),
  );
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

const MEMORY_NAMES = ["memShared", "memGranted", "memActive", "memSwapped", "memCompressed", "memBalloon", "memOverhead"] as const;

/** In KiB; of its guest's memory nothing where that was not read. What is ballooned or swapped the guest believes it has. */
function memoryOf({ memoryBytes, sharedBytes, guestMemory }: MonitorLoad): Partial<Record<(typeof MEMORY_NAMES)[number], number>> {
  const memShared = sharedBytes / KIB;
  if (guestMemory === undefined) return { memShared };
  const { residentBytes, swappedBytes, compressedBytes, balloonedBytes, touchedBytes } = guestMemory;
  return {
    memShared,
    memGranted: residentBytes / KIB, // what it never touched, it was never given
    memActive: touchedBytes / KIB,
    memSwapped: Math.max(0, swappedBytes - compressedBytes) / KIB,
    memCompressed: compressedBytes / KIB,
    memBalloon: balloonedBytes / KIB,
    memOverhead: Math.max(0, memoryBytes - residentBytes) / KIB,
  };
}

function memoryFigures(load: MonitorLoad, size: VmSize): Figure[] {
  const memory = memoryOf(load);
  const found = MEMORY_NAMES.flatMap((name) => (memory[name] === undefined ? [] : [figure(name, memory[name])]));
  return load.guestMemory === undefined ? found : [...found, figure("memEntitlement", (load.entitledBytes ?? size.memoryBytes) / KIB)];
}

/** The reading that a monitor would have given at its very start. */
export function atStart(load: MonitorLoad): MonitorLoad {
  return { ...load, processorMs: 0, waitedMs: 0, disks: load.disks.map(unusedDisk), nics: load.nics.map(unusedNic) };
}
