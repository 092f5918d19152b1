/**
 * The performance counters of this host: what each is called and measured in. A table; pure.
 * There is a counter for what the host really measures and for nothing else. Ids and names are those of ESXi's PerformanceManager,
 * which clients look up by name; vim25 PerfCounterInfo.
 */
import type { ElementDescription, PerfCounterInfo, PerformanceDescription, PerfStatsType, PerfSummaryType } from "../../wire/index.ts";

const GROUPS = { cpu: "CPU", mem: "Memory", disk: "Disk", net: "Network", sys: "System", virtualDisk: "Virtual disk" } as const;

const UNITS = {
  percent: ["%", "Hundredths of a percent"],
  megaHertz: ["MHz", "Megahertz"],
  millisecond: ["ms", "Millisecond"],
  second: ["s", "Second"],
  kiloBytes: ["KB", "Kilobyte"],
  kiloBytesPerSecond: ["KBps", "Kilobytes per second"],
  number: ["num", "Number"],
} as const;

interface Counter {
  readonly id: number;
  readonly group: keyof typeof GROUPS;
  readonly name: string;
  readonly unit: keyof typeof UNITS;
  readonly rollup: PerfSummaryType;
  readonly stats: PerfStatsType;
  readonly label: string;
  readonly summary: string;
}

type Kind = readonly [unit: Counter["unit"], rollup: PerfSummaryType, stats: PerfStatsType];
const SHARE: Kind = ["percent", "average", "rate"];
const RATE: Kind = ["kiloBytesPerSecond", "average", "rate"];
const MEMORY: Kind = ["kiloBytes", "average", "absolute"];
const COUNT: Kind = ["number", "summation", "delta"];
const FREQUENCY: Kind = ["number", "average", "rate"];
const ENTITLEMENT: Kind = ["megaHertz", "latest", "absolute"];
const LATENCY: Kind = ["millisecond", "average", "absolute"];

const row = (id: number, path: string, [unit, rollup, stats]: Kind, label: string, summary: string): Counter => {
  const [group = "", name = ""] = path.split(".");
  return { id, group: group as Counter["group"], name, unit, rollup, stats, label, summary };
};

export const counters = {
  cpuUsage: row(1, "cpu.usage", SHARE, "Usage", "Processor time used, of what the virtual CPUs or the host could have used"),
  cpuUsageMhz: row(5, "cpu.usagemhz", ["megaHertz", "average", "rate"], "Usage in MHz", "Processor time used, times the clock rate"),
  cpuUsed: row(12, "cpu.used", ["millisecond", "summation", "delta"], "Used", "Processor time used"),
  cpuReady: row(11, "cpu.ready", ["millisecond", "summation", "delta"], "Ready", "Time for which it could have run, and others did"),
  cpuReadiness: row(28, "cpu.readiness", SHARE, "Readiness", "Time for which a virtual CPU could have run, and others did"),
  cpuDemand: row(
    21,
    "cpu.demand",
    ["megaHertz", "average", "absolute"],
    "Demand",
    "What the VM would have used, had it not waited for others",
  ),
  cpuEntitlement: row(20, "cpu.entitlement", ENTITLEMENT, "Entitlement", "What it would get now, if it wanted all that it may have"),
  cpuWorstCase: row(
    16,
    "cpu.cpuentitlement",
    ENTITLEMENT,
    "Worst case allocation",
    "What it would get if all VMs wanted all that they may have",
  ),
  memUsage: row(65537, "mem.usage", ["percent", "average", "absolute"], "Usage", "Memory consumed, of what is configured or built in"),
  memConsumed: row(
    65611,
    "mem.consumed",
    ["kiloBytes", "average", "absolute"],
    "Consumed",
    "The host's memory that is taken, overhead included",
  ),
  memShared: row(
    65_608,
    "mem.shared",
    ["kiloBytes", "average", "absolute"],
    "Shared",
    "The guest's memory that the host keeps once for several equal pages",
  ),
  memGranted: row(65_541, "mem.granted", MEMORY, "Granted", "The guest's memory that the host has given it: in memory, and not given back"),
  memActive: row(65_545, "mem.active", MEMORY, "Active", "The guest's memory that was touched during an interval"),
  memSwapped: row(65_585, "mem.swapped", MEMORY, "Swapped", "The guest's memory that is on a disk of the host and not in its memory"),
  memBalloon: row(65_591, "mem.vmmemctl", MEMORY, "Balloon", "Memory that the guest's driver has given back"),
  memCompressed: row(65_625, "mem.compressed", MEMORY, "Compressed", "The guest's memory that the host keeps compressed"),
  memOverhead: row(65_612, "mem.overhead", MEMORY, "Overhead consumed", "What the VM's monitor takes beside its guest's memory"),
  memEntitlement: row(
    65_629,
    "mem.entitlement",
    MEMORY,
    "Entitlement",
    "The host's memory that the VM may have now, by shares, reservations and limits",
  ),
  memState: row(
    65_581,
    "mem.state",
    ["number", "latest", "absolute"],
    "State",
    "How short the host is of memory: 0 high, 1 clear, 2 soft, 3 hard, 4 low",
  ),
  diskUsage: row(131073, "disk.usage", RATE, "Usage", "Read from disks and written to them"),
  diskReads: row(131076, "disk.numberRead", COUNT, "Read requests", "Read requests to disks"),
  diskWrites: row(131077, "disk.numberWrite", COUNT, "Write requests", "Write requests to disks"),
  diskRead: row(131078, "disk.read", RATE, "Read rate", "Read from disks"),
  diskWrite: row(131079, "disk.write", RATE, "Write rate", "Written to disks"),
  netUsage: row(196609, "net.usage", RATE, "Usage", "Received and transmitted by the network cards"),
  netPacketsReceived: row(196612, "net.packetsRx", COUNT, "Packets received", "Packets received by the network cards"),
  netPacketsTransmitted: row(196613, "net.packetsTx", COUNT, "Packets transmitted", "Packets transmitted by the network cards"),
  netReceived: row(196614, "net.received", RATE, "Data receive rate", "Received by the network cards"),
  netTransmitted: row(196615, "net.transmitted", RATE, "Data transmit rate", "Transmitted by the network cards"),
  uptime: row(262144, "sys.uptime", ["second", "latest", "absolute"], "Uptime", "Time since the machine started or the VM was powered on"),
  virtualDiskReads: row(589824, "virtualDisk.numberReadAveraged", FREQUENCY, "Average reads", "Read requests a second to a virtual disk"),
  virtualDiskWrites: row(
    589825,
    "virtualDisk.numberWriteAveraged",
    FREQUENCY,
    "Average writes",
    "Write requests a second to a virtual disk",
  ),
  virtualDiskRead: row(589826, "virtualDisk.read", RATE, "Read rate", "Read from a virtual disk"),
  virtualDiskWrite: row(589827, "virtualDisk.write", RATE, "Write rate", "Written to a virtual disk"),
  virtualDiskReadLatency: row(589828, "virtualDisk.totalReadLatency", LATENCY, "Read latency", "Mean time of a read from a virtual disk"),
  virtualDiskWriteLatency: row(589829, "virtualDisk.totalWriteLatency", LATENCY, "Write latency", "Mean time of a write to a virtual disk"),
} as const satisfies Record<string, Counter>;

export type CounterName = keyof typeof counters;

/** vim25's levels 1–4: everything here is always measured. */
const LEVEL = 1;

export const counterInfos: readonly PerfCounterInfo[] = Object.values(counters).map((counter: Counter) => ({
  key: counter.id,
  nameInfo: element(counter.name, counter.label, counter.summary),
  groupInfo: element(counter.group, GROUPS[counter.group], GROUPS[counter.group]),
  unitInfo: element(counter.unit, UNITS[counter.unit][0], UNITS[counter.unit][1]),
  rollupType: counter.rollup,
  statsType: counter.stats,
  level: LEVEL,
  perDeviceLevel: LEVEL,
}));

export const performanceDescription: PerformanceDescription = {
  counterType: [
    element("average", "Average", "Mean of the values during an interval"),
    element("summation", "Summation", "Sum of the values during an interval"),
    element("latest", "Latest", "Value at the end of an interval"),
  ],
  statsType: [
    element("absolute", "Absolute", "A value as it is"),
    element("delta", "Delta", "What a counter grew by during an interval"),
    element("rate", "Rate", "What a counter grew by, per second"),
  ],
};

function element(key: string, label: string, summary: string): ElementDescription {
  return { $type: "ElementDescription", key, label, summary };
}
