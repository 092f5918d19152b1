/**
 * From counters that only grow, read twice, to what was used between: the figures of one sample. Pure.
 * Integers in the units of counters.ts; vim25 counts percent in hundredths. What can't be told from the readings is left out.
 */
import { type LoadSample, MEMORY_STATES, type MonitorLoad, type VirtualDiskLoad } from "../../vmkernel/index.ts";
import { type Figure, figure, grown, HUNDREDTHS, KIB, type VmSize } from "./figure.ts";
import { entitlementFigures, networkFigures, readinessFigures, unusedNic, vmNetworkFigures } from "./processor-figures.ts";

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
    figure("uptime", (nowMs - size.bootedAtMs) / 1000),
  ];
  const seconds = before === undefined ? 0 : (after.takenAtMs - before.takenAtMs) / 1000;
  if (before === undefined || seconds <= 0) return now;
  return [...now, ...hostProcessors(before, after, size), ...hostDisks(before, after, seconds), ...hostNics(before, after, seconds)];
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

/** What was moved between two readings. */
interface Moved {
  readonly instance: string;
  readonly reads: number;
  readonly writes: number;
  readonly readBytes: number;
  readonly writtenBytes: number;
}

function hostDisks(before: LoadSample, after: LoadSample, seconds: number): Figure[] {
  const disks = after.machine.disks.map((disk) => {
    const earlier = before.machine.disks.find(({ name }) => name === disk.name) ?? disk;
    return { instance: disk.name, ...movedBetween(earlier, disk) };
  });
  return diskFigures(disks, seconds, disks);
}

type Counts = Omit<Moved, "instance">;
function movedBetween(before: Counts, after: Counts): Counts {
  return {
    reads: grown(before.reads, after.reads),
    writes: grown(before.writes, after.writes),
    readBytes: grown(before.readBytes, after.readBytes),
    writtenBytes: grown(before.writtenBytes, after.writtenBytes),
  };
}

/** @param shown disks that have figures of their own beside the whole */
function diskFigures(disks: readonly Moved[], seconds: number, shown: readonly Moved[]): Figure[] {
  if (disks.length === 0) return [];
  const sum = (of: (disk: Moved) => number): number => disks.reduce((total, disk) => total + of(disk), 0);
  const whole: Moved = {
    instance: "",
    reads: sum(({ reads }) => reads),
    writes: sum(({ writes }) => writes),
    readBytes: sum(({ readBytes }) => readBytes),
    writtenBytes: sum(({ writtenBytes }) => writtenBytes),
  };
  return [whole, ...shown].flatMap(({ instance, reads, writes, readBytes, writtenBytes }) => [
    figure("diskUsage", (readBytes + writtenBytes) / KIB / seconds, instance),
    figure("diskRead", readBytes / KIB / seconds, instance),
    figure("diskWrite", writtenBytes / KIB / seconds, instance),
    figure("diskReads", reads, instance),
    figure("diskWrites", writes, instance),
  ]);
}

function hostNics(before: LoadSample, after: LoadSample, seconds: number): Figure[] {
  const nics = after.machine.nics.map((nic) => {
    const earlier = before.machine.nics.find(({ name }) => name === nic.name) ?? nic;
    return {
      instance: nic.name,
      received: grown(earlier.receivedBytes, nic.receivedBytes) / KIB / seconds,
      transmitted: grown(earlier.transmittedBytes, nic.transmittedBytes) / KIB / seconds,
      packetsReceived: grown(earlier.receivedPackets, nic.receivedPackets),
      packetsTransmitted: grown(earlier.transmittedPackets, nic.transmittedPackets),
    };
  });
  return networkFigures(nics);
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
  const disks = after.disks.map((disk) => ({ disk, earlier: before.disks.find(({ key }) => key === disk.key) ?? unused(disk) }));
  const moved = disks.map(({ disk, earlier }) => ({ instance: disk.place, ...movedBetween(earlier, disk) }));
  return [
    ...now,
    // Its devices work beside its virtual CPUs: together they can use more time than the virtual CPUs alone could.
    figure("cpuUsage", Math.min(HUNDREDTHS, (HUNDREDTHS * usedMs) / intervalMs / Math.max(1, size.vcpus))),
    figure("cpuUsageMhz", (usedMs / intervalMs) * size.mhz),
    figure("cpuUsed", usedMs),
    ...readinessFigures({ before, after, intervalMs }, size),
    ...vmNetworkFigures({ before, after, intervalMs }),
    ...diskFigures(moved, intervalMs / 1000, []),
    ...disks.flatMap(({ disk, earlier }) => virtualDiskFigures(earlier, disk, intervalMs / 1000)),
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

const unused = (disk: VirtualDiskLoad): VirtualDiskLoad => ({
  ...disk,
  ...{ reads: 0, writes: 0, readBytes: 0, writtenBytes: 0, readMs: 0, writeMs: 0 },
});

/** The reading that a monitor would have given at its very start. */
export function atStart(load: MonitorLoad): MonitorLoad {
  return { ...load, processorMs: 0, waitedMs: 0, disks: load.disks.map(unused), nics: load.nics.map(unusedNic) };
}

function virtualDiskFigures(before: VirtualDiskLoad, after: VirtualDiskLoad, seconds: number): Figure[] {
  const { reads, writes, readBytes, writtenBytes } = movedBetween(before, after);
  const { place } = after;
  return [
    figure("virtualDiskReads", reads / seconds, place),
    figure("virtualDiskWrites", writes / seconds, place),
    figure("virtualDiskRead", readBytes / KIB / seconds, place),
    figure("virtualDiskWrite", writtenBytes / KIB / seconds, place),
    figure("virtualDiskReadLatency", grown(before.readMs, after.readMs) / Math.max(1, reads), place),
    figure("virtualDiskWriteLatency", grown(before.writeMs, after.writeMs) / Math.max(1, writes), place),
  ];
}
