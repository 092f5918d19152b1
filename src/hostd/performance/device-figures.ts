/** From two readings of disks and of network cards, what they moved between: each, and all of them together. Pure; as derive.ts. */
import type { LoadSample, MonitorLoad, VirtualDiskLoad, VirtualNicLoad } from "../../vmkernel/index.ts";
import { type Figure, figure, grown, KIB } from "./figure.ts";

const OF_DISK = ["reads", "writes", "readBytes", "writtenBytes"] as const;
const OF_NIC = ["receivedBytes", "transmittedBytes", "receivedPackets", "transmittedPackets"] as const;

type Counts<Name extends string> = Readonly<Record<Name, number>>;
type Moved<Name extends string> = Counts<Name> & { readonly instance: string };
type MovedByDisk = Moved<(typeof OF_DISK)[number]>;
type MovedByNic = Moved<(typeof OF_NIC)[number]>;

const countsOf = <Name extends string>(names: readonly Name[], count: (name: Name) => number): Counts<Name> =>
  Object.fromEntries(names.map((name) => [name, count(name)])) as Counts<Name>;

function movedBy<Name extends string>(names: readonly Name[], instance: string, before: Counts<Name>, after: Counts<Name>): Moved<Name> {
  return { instance, ...countsOf(names, (name) => grown(before[name], after[name])) };
}

/** All of them together, whose instance is "". */
function wholeOf<Name extends string>(names: readonly Name[], devices: readonly Counts<Name>[]): Moved<Name> {
  return { instance: "", ...countsOf(names, (name) => devices.reduce((sum, device) => sum + device[name], 0)) };
}

export function hostDiskFigures(before: LoadSample, after: LoadSample, seconds: number): Figure[] {
  const disks = after.machine.disks.map((disk) => {
    const earlier = before.machine.disks.find(({ name }) => name === disk.name) ?? disk;
    return movedBy(OF_DISK, disk.name, earlier, disk);
  });
  return disks.length === 0 ? [] : [wholeOf(OF_DISK, disks), ...disks].flatMap((disk) => diskFigures(disk, seconds));
}

/** Of all of its disks together by the counters of disks, of each by those of virtual disks. */
export function vmDiskFigures(before: MonitorLoad, after: MonitorLoad, seconds: number): Figure[] {
  const disks = after.disks.map((disk) => ({ disk, earlier: before.disks.find(({ key }) => key === disk.key) ?? unusedDisk(disk) }));
  if (disks.length === 0) return [];
  const moved = disks.map(({ disk, earlier }) => movedBy(OF_DISK, disk.place, earlier, disk));
  return [
    ...diskFigures(wholeOf(OF_DISK, moved), seconds),
    ...disks.flatMap(({ disk, earlier }) => virtualDiskFigures(earlier, disk, seconds)),
  ];
}

function diskFigures({ instance, reads, writes, readBytes, writtenBytes }: MovedByDisk, seconds: number): Figure[] {
  return [
    figure("diskUsage", (readBytes + writtenBytes) / KIB / seconds, instance),
    figure("diskRead", readBytes / KIB / seconds, instance),
    figure("diskWrite", writtenBytes / KIB / seconds, instance),
    figure("diskReads", reads, instance),
    figure("diskWrites", writes, instance),
  ];
}

function virtualDiskFigures(before: VirtualDiskLoad, after: VirtualDiskLoad, seconds: number): Figure[] {
  const { instance, reads, writes, readBytes, writtenBytes } = movedBy(OF_DISK, after.place, before, after);
  return [
    figure("virtualDiskReads", reads / seconds, instance),
    figure("virtualDiskWrites", writes / seconds, instance),
    figure("virtualDiskRead", readBytes / KIB / seconds, instance),
    figure("virtualDiskWrite", writtenBytes / KIB / seconds, instance),
    figure("virtualDiskReadLatency", grown(before.readMs, after.readMs) / Math.max(1, reads), instance),
    figure("virtualDiskWriteLatency", grown(before.writeMs, after.writeMs) / Math.max(1, writes), instance),
  ];
}

export function hostNicFigures(before: LoadSample, after: LoadSample, seconds: number): Figure[] {
  const nics = after.machine.nics.map((nic) => {
    const earlier = before.machine.nics.find(({ name }) => name === nic.name) ?? nic;
    return movedBy(OF_NIC, nic.name, earlier, nic);
  });
  return networkFigures(nics, seconds);
}

/** Of each network card, by its key. From the guest's side. */
export function vmNicFigures(before: MonitorLoad, after: MonitorLoad, seconds: number): Figure[] {
  const nics = after.nics.map((nic) => {
    const earlier = before.nics.find(({ key }) => key === nic.key) ?? unusedNic(nic);
    return movedBy(OF_NIC, String(nic.key), earlier, nic);
  });
  return networkFigures(nics, seconds);
}

/** @returns none where there are no cards */
function networkFigures(nics: readonly MovedByNic[], seconds: number): Figure[] {
  if (nics.length === 0) return [];
  return [wholeOf(OF_NIC, nics), ...nics].flatMap(({ instance, receivedBytes, transmittedBytes, receivedPackets, transmittedPackets }) => [
    figure("netUsage", (receivedBytes + transmittedBytes) / KIB / seconds, instance),
    figure("netReceived", receivedBytes / KIB / seconds, instance),
    figure("netTransmitted", transmittedBytes / KIB / seconds, instance),
    figure("netPacketsReceived", receivedPackets, instance),
    figure("netPacketsTransmitted", transmittedPackets, instance),
  ]);
}

/** The readings that a device would have given at its very start. */
export const unusedDisk = (disk: VirtualDiskLoad): VirtualDiskLoad => ({
  ...disk,
  ...{ reads: 0, writes: 0, readBytes: 0, writtenBytes: 0, readMs: 0, writeMs: 0 },
});
export const unusedNic = (nic: VirtualNicLoad): VirtualNicLoad => ({
  ...nic,
  ...{ receivedBytes: 0, transmittedBytes: 0, receivedPackets: 0, transmittedPackets: 0 },
});
