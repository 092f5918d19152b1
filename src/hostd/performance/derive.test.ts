import fc from "fast-check";
import { expect, test } from "vitest";
import type { VmId } from "../../base/index.ts";
import type { LoadSample, MonitorLoad, VirtualDiskLoad } from "../../vmkernel/index.ts";
import { type CounterName, counters } from "./counters.ts";
import { atStart, deriveHost, deriveVm } from "./derive.ts";
import type { Figure } from "./figure.ts";

const HOST = { mhz: 2000, cores: 2, bootedAtMs: 0 };
const VM = { mhz: 2000, vcpus: 2, memoryBytes: 256 * 2 ** 20 };

const machine = (changes: Partial<LoadSample["machine"]> = {}): LoadSample["machine"] => ({
  processors: [
    { busyMs: 0, idleMs: 0 },
    { busyMs: 0, idleMs: 0 },
  ],
  memory: { totalBytes: 4000 * 1024, availableBytes: 1000 * 1024 },
  disks: [],
  nics: [],
  ...changes,
});
const reading = (takenAtMs: number, changes: Partial<LoadSample["machine"]> = {}): LoadSample => ({
  takenAtMs,
  memoryState: "high",
  machine: machine(changes),
  monitors: [],
});
const disk = (changes: Partial<VirtualDiskLoad> = {}): VirtualDiskLoad => ({
  ...{ key: 2000, place: "scsi0:0", reads: 0, writes: 0, readBytes: 0, writtenBytes: 0, readMs: 0, writeMs: 0 },
  ...changes,
});
const monitor = (changes: Partial<MonitorLoad> = {}): MonitorLoad => ({
  ...{
    vm: "1" as VmId,
    startedAtMs: 0,
    processorMs: 0,
    waitedMs: 0,
    entitledMhz: 3000,
    worstCaseMhz: 1500,
    nics: [],
    memoryBytes: 64 * 2 ** 20,
    sharedBytes: 2 ** 20,
    disks: [],
  },
  ...changes,
});
const figureOf = (figures: readonly Figure[], name: CounterName, instance = ""): number | undefined =>
  figures.find((figure) => figure.counterId === counters[name].id && figure.instance === instance)?.value;

test("the first reading tells what is, and nothing of what was used", () => {
  const figures = deriveHost(undefined, reading(20_000), HOST, 60_000);
  expect(figures).toHaveLength(11);
  expect(figureOf(figures, "memState")).toBe(0);
  expect(figureOf(figures, "memUsage")).toBe(7500);
  expect(figureOf(figures, "memConsumed")).toBe(3000);
  expect(figureOf(figures, "uptime")).toBe(60);
  const ofVm = deriveVm(undefined, monitor(), 20_000, VM, 60_000);
  expect(ofVm).toHaveLength(6);
  expect([figureOf(ofVm, "cpuEntitlement"), figureOf(ofVm, "cpuWorstCase")]).toEqual([3000, 1500]);
  expect(figureOf(ofVm, "memShared")).toBe(1024);
  expect(figureOf(ofVm, "memSwapped")).toBeUndefined();
});

test("one of two processors that is busy all the time is half of the host", () => {
  const processors = [
    { busyMs: 20_000, idleMs: 0 },
    { busyMs: 0, idleMs: 20_000 },
  ];
  const figures = deriveHost(reading(0), reading(20_000, { processors }), HOST, 0);
  expect(figureOf(figures, "cpuUsage")).toBe(5000);
  expect(figureOf(figures, "cpuUsageMhz")).toBe(2000);
  expect(figureOf(figures, "cpuUsed")).toBe(20_000);
  expect([figureOf(figures, "cpuUsage", "0"), figureOf(figures, "cpuUsage", "1")]).toEqual([10_000, 0]);
});

test("disks and network cards count by themselves and as a whole", () => {
  const disks = (reads: number) => ["sda", "sdb"].map((name) => ({ name, reads, writes: 0, readBytes: reads * 1024, writtenBytes: 2048 }));
  const nics = (bytes: number) => [
    { name: "eth0", receivedBytes: bytes, transmittedBytes: 0, receivedPackets: bytes / 1024, transmittedPackets: 0 },
  ];
  const figures = deriveHost(
    reading(0, { disks: disks(0), nics: nics(0) }),
    reading(20_000, { disks: disks(40), nics: nics(20_480) }),
    HOST,
    0,
  );
  expect(["", "sda", "sdb"].map((name) => figureOf(figures, "diskRead", name))).toEqual([4, 2, 2]);
  expect(figureOf(figures, "diskReads")).toBe(80);
  expect(figureOf(figures, "diskWrite")).toBe(0);
  expect(figureOf(figures, "netReceived", "eth0")).toBe(1);
  expect(figureOf(figures, "netPacketsReceived")).toBe(20);
});

test("a machine without disks that it can see has no counters of disks", () => {
  const figures = deriveHost(reading(0), reading(20_000), HOST, 0);
  expect(figureOf(figures, "diskRead")).toBeUndefined();
  expect(figureOf(figures, "netReceived")).toBeUndefined();
});

test("a VM's processor time is a share of its own virtual CPUs", () => {
  const figures = deriveVm(monitor({ processorMs: 1000 }), monitor({ processorMs: 11_000 }), 20_000, VM, 0);
  expect(figureOf(figures, "cpuUsage")).toBe(2500);
  expect(figureOf(figures, "cpuUsageMhz")).toBe(1000);
  expect(figureOf(figures, "cpuUsed")).toBe(10_000);
  expect(figureOf(figures, "memUsage")).toBe(2500);
});

test("what a VM waited for is ready time, and part of what it demanded", () => {
  const figures = deriveVm(monitor(), monitor({ processorMs: 10_000, waitedMs: 4000 }), 20_000, VM, 0);
  expect(figureOf(figures, "cpuReady")).toBe(4000);
  expect(figureOf(figures, "cpuReadiness")).toBe(1000); // of each of its two virtual CPUs, a tenth of the time
  expect(figureOf(figures, "cpuDemand")).toBe(1400);
});

test("a VM's network cards count by themselves, by their keys, and as a whole", () => {
  const nic = (key: number, receivedBytes: number, transmittedPackets: number) => ({
    ...{ key, receivedBytes, transmittedBytes: 0, receivedPackets: 0, transmittedPackets },
  });
  const figures = deriveVm(
    monitor({ nics: [nic(4000, 1024, 5)] }),
    monitor({ nics: [nic(4000, 21_504, 15), nic(4001, 40_960, 2)] }),
    20_000,
    VM,
    0,
  );
  expect(["", "4000", "4001"].map((key) => figureOf(figures, "netReceived", key))).toEqual([3, 1, 2]);
  expect(["", "4000", "4001"].map((key) => figureOf(figures, "netPacketsTransmitted", key))).toEqual([12, 10, 2]);
});

test("a disk that was plugged in since counts from nothing", () => {
  const after = monitor({ disks: [disk({ reads: 10, readBytes: 204_800, readMs: 50 })] });
  const figures = deriveVm(monitor(), after, 20_000, VM, 0);
  expect(figureOf(figures, "virtualDiskRead", "scsi0:0")).toBe(10);
  expect(figureOf(figures, "virtualDiskReadLatency", "scsi0:0")).toBe(5);
  expect(figureOf(figures, "diskRead")).toBe(10);
  expect(figureOf(figures, "virtualDiskWriteLatency", "scsi0:0")).toBe(0);
});

test("a monitor at its start had used nothing", () => {
  const load = monitor({ processorMs: 500, disks: [disk({ reads: 3 })] });
  expect(atStart(load)).toEqual({ ...load, processorMs: 0, disks: [disk()] });
});

test("whatever is read, no figure is negative or broken, and no share is over the whole", () => {
  const count = fc.nat(1e9);
  const anyMonitor = fc
    .record({ processorMs: count, memoryBytes: count, reads: count, writtenBytes: count })
    .map((values) => monitor({ processorMs: values.processorMs, memoryBytes: values.memoryBytes, disks: [disk(values)] }));
  fc.assert(
    fc.property(anyMonitor, anyMonitor, fc.integer({ min: -1000, max: 60_000 }), (before, after, intervalMs) => {
      const figures = deriveVm(before, after, intervalMs, VM, 1000);
      return (
        figures.every(({ value }) => Number.isSafeInteger(value) && value >= 0) &&
        (figureOf(figures, "cpuUsage") ?? 0) <= 10_000 &&
        (figureOf(figures, "memUsage") ?? 0) <= 10_000
      );
    }),
  );
});

test("where a guest's memory is, and how short the host is of it", () => {
  const MIB = 2 ** 20;
  const guestMemory = {
    residentBytes: 40 * MIB,
    swappedBytes: 10 * MIB,
    compressedBytes: 4 * MIB,
    balloonedBytes: 8 * MIB,
    touchedBytes: MIB,
  };
  const figures = deriveVm(undefined, monitor({ guestMemory, entitledBytes: 48 * MIB }), 0, VM, 0);
  const names = ["memGranted", "memSwapped", "memCompressed", "memBalloon", "memActive", "memOverhead", "memEntitlement"] as const;
  expect(names.map((name) => (figureOf(figures, name) ?? 0) / 1024)).toEqual([40, 6, 4, 8, 1, 24, 48]);
  expect(figureOf(deriveVm(undefined, monitor({ guestMemory }), 0, VM, 0), "memEntitlement")).toBe(VM.memoryBytes / 1024);
  const two = [monitor({ guestMemory }), monitor({ guestMemory }), monitor()]; // of the third nothing is known, and nothing is made up
  const ofHost = deriveHost(undefined, { ...reading(0), memoryState: "hard", monitors: two }, HOST, 0);
  expect(figureOf(ofHost, "memState")).toBe(3);
  expect(names.map((name) => (figureOf(ofHost, name) ?? -1024) / 1024)).toEqual([80, 12, 8, 16, 2, 48, -1]);
  expect(figureOf(ofHost, "memShared")).toBe(3 * 1024);
});
