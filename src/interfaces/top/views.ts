/**
 * The views of `bulkhead top`: which rows each has, and its columns. A table; pure.
 * Keys, titles and the names of what is written in batch mode are those of ESXi's esxtop, where it has the same. A column whose counter
 * the host has not is not there.
 */
import { type Figures, figureOf, instancesOf, type TopSample, type TopVm } from "./sample.ts";

export interface Row {
  /** Of the VM, or the device. */
  readonly id: string;
  readonly name: string;
  readonly figures: Figures;
  /** Whose figures of those; "" is the whole. */
  readonly instance: string;
  readonly intervalS: number;
  readonly vcpus?: number;
  readonly memoryMb?: number;
}

export interface Column {
  readonly title: string;
  /** What batch mode calls it; left out there where there is none. */
  readonly batch?: string;
  /** The counter that it is made of: "cpu.ready". */
  readonly counter?: string;
  readonly width: number;
  readonly digits: number;
  of(row: Row): number | string | undefined;
}

export interface View {
  readonly key: string;
  readonly title: string;
  /** By which rows are sorted, the most first, until another is asked for. */
  readonly sortedBy: string;
  readonly columns: readonly Column[];
  rowsOf(sample: TopSample): readonly Row[];
  /** What batch mode calls the row: "Group Cpu(1:web)". */
  objectOf(row: Row): string;
}

const KIB_OF_MIB = 1024;
const HUNDREDTHS = 100;

const id: Column = { title: "ID", width: 6, digits: 0, of: (row) => row.id };
/** Takes what room there is. */
export const NAME = "NAME";
const name: Column = { title: NAME, width: 8, digits: 0, of: (row) => row.name };

const figure = (row: Row, counter: string, scale: number): number | undefined => {
  const value = figureOf(row.figures, counter, row.instance);
  return value === undefined ? undefined : value * scale;
};

/** @param digits behind the point */
const column = (title: string, batch: string, counter: string, scale: number | ((row: Row) => number), digits = 2): Column => ({
  ...{ title, batch, counter, digits },
  width: Math.max(title.length, 7),
  of: (row) => figure(row, counter, typeof scale === "number" ? scale : scale(row)),
});
const megabytes = (title: string, batch: string, counter: string): Column => column(title, batch, counter, 1 / KIB_OF_MIB);
const perSecond = (row: Row): number => 1 / row.intervalS;
/** Milliseconds of an interval, as a part of it. */
const partOfInterval = (row: Row): number => 100 / (row.intervalS * 1000);
const MEGABITS_OF_KBPS = (1024 * 8) / 1e6;

const sum = (title: string, batch: string, counters: readonly [string, string], scale: number | ((row: Row) => number)): Column => ({
  ...{ title, batch, counter: counters[0], digits: 2, width: Math.max(title.length, 7) },
  of: (row) => {
    const factor = typeof scale === "number" ? scale : scale(row);
    const [one, other] = counters.map((counter) => figure(row, counter, factor));
    return one === undefined && other === undefined ? undefined : (one ?? 0) + (other ?? 0);
  },
});

const vmRow = ({ intervalS }: TopSample, { vcpus, memoryMb, figures, ...vm }: TopVm, instance = ""): Row => ({
  ...{ ...vm, figures, instance, intervalS, vcpus, memoryMb },
});

const cpu: View = {
  ...{ key: "c", title: "cpu", sortedBy: "%USED" },
  rowsOf: (sample) => sample.vms.map((vm) => vmRow(sample, vm)),
  objectOf: (row) => `Group Cpu(${row.id}:${row.name})`,
  columns: [
    ...[id, name, { title: "NVCPU", width: 5, digits: 0, of: (row: Row) => row.vcpus }],
    column("%USED", "% Used", "cpu.usage", (row) => (row.vcpus ?? 1) / HUNDREDTHS),
    column("%RDY", "% Ready", "cpu.ready", partOfInterval),
    column("%CSTP", "% CoStop", "cpu.costop", partOfInterval),
    column("%MLMTD", "% Max Limited", "cpu.maxlimited", partOfInterval),
    column("MHZ", "Used MHz", "cpu.usagemhz", 1, 0),
    column("DEMAND", "Demand MHz", "cpu.demand", 1, 0),
    column("ENTL", "Entitlement MHz", "cpu.entitlement", 1, 0),
  ],
};

const memory: View = {
  ...{ key: "m", title: "memory", sortedBy: "MEMSZ" },
  rowsOf: cpu.rowsOf,
  objectOf: (row) => `Group Memory(${row.id}:${row.name})`,
  columns: [
    ...[id, name, { title: "MEMSZ", batch: "Memory Size MBytes", width: 9, digits: 2, of: (row: Row) => row.memoryMb }],
    megabytes("GRANT", "Memory Granted Size MBytes", "mem.granted"),
    megabytes("CNSM", "Memory Consumed Size MBytes", "mem.consumed"),
    megabytes("TCHD", "Touched MBytes", "mem.active"),
    megabytes("SHRD", "Shared MBytes", "mem.shared"),
    megabytes("ZERO", "Zero MBytes", "mem.zero"),
    megabytes("MCTLSZ", "Memctl MBytes", "mem.vmmemctl"),
    megabytes("SWCUR", "Swapped MBytes", "mem.swapped"),
    megabytes("ZIPPED", "Compressed MBytes", "mem.compressed"),
    megabytes("OVHD", "Overhead MBytes", "mem.overhead"),
  ],
};

const disk: View = {
  ...{ key: "d", title: "disks of the host", sortedBy: "CMDS/s" },
  rowsOf: ({ host, intervalS }) =>
    instancesOf(host, "disk.read", "disk.write").map((device) => ({
      ...{ id: device, name: device, figures: host, instance: device, intervalS },
    })),
  objectOf: (row) => `Physical Disk SCSI Device(${row.id})`,
  columns: [
    name,
    sum("CMDS/s", "Commands/sec", ["disk.numberRead", "disk.numberWrite"], perSecond),
    column("READS/s", "Reads/sec", "disk.numberRead", perSecond),
    column("WRITES/s", "Writes/sec", "disk.numberWrite", perSecond),
    column("MBREAD/s", "MBytes Read/sec", "disk.read", 1 / KIB_OF_MIB),
    column("MBWRTN/s", "MBytes Written/sec", "disk.write", 1 / KIB_OF_MIB),
  ],
};

const vmDisk: View = {
  ...{ key: "v", title: "disks of virtual machines", sortedBy: "CMDS/s" },
  rowsOf: (sample) =>
    sample.vms.flatMap((vm) => instancesOf(vm.figures, "virtualDisk.read", "virtualDisk.write").map((place) => vmRow(sample, vm, place))),
  objectOf: (row) => `Virtual Disk(${row.id}:${row.name}:${row.instance})`,
  columns: [
    ...[id, name, { title: "DISK", width: 9, digits: 0, of: (row: Row) => row.instance }],
    sum("CMDS/s", "Commands/sec", ["virtualDisk.numberReadAveraged", "virtualDisk.numberWriteAveraged"], 1),
    column("READS/s", "Reads/sec", "virtualDisk.numberReadAveraged", 1),
    column("WRITES/s", "Writes/sec", "virtualDisk.numberWriteAveraged", 1),
    column("MBREAD/s", "MBytes Read/sec", "virtualDisk.read", 1 / KIB_OF_MIB),
    column("MBWRTN/s", "MBytes Written/sec", "virtualDisk.write", 1 / KIB_OF_MIB),
    column("LAT/rd", "Average MilliSec/Read", "virtualDisk.totalReadLatency", 1),
    column("LAT/wr", "Average MilliSec/Write", "virtualDisk.totalWriteLatency", 1),
  ],
};

const network: View = {
  ...{ key: "n", title: "network", sortedBy: "MbTX/s" },
  rowsOf: (sample) => [
    ...instancesOf(sample.host, "net.received", "net.transmitted").map((nic) => ({
      ...{ id: "host", name: nic, figures: sample.host, instance: nic, intervalS: sample.intervalS },
    })),
    ...sample.vms.flatMap((vm) => instancesOf(vm.figures, "net.received", "net.transmitted").map((nic) => vmRow(sample, vm, nic))),
  ],
  objectOf: (row) => `Network Port(${row.id}:${row.name}:${row.instance})`,
  columns: [
    ...[id, name, { title: "NIC", width: 8, digits: 0, of: (row: Row) => row.instance }],
    column("PKTTX/s", "Packets Transmitted/sec", "net.packetsTx", perSecond),
    column("MbTX/s", "MBits Transmitted/sec", "net.transmitted", MEGABITS_OF_KBPS),
    column("PKTRX/s", "Packets Received/sec", "net.packetsRx", perSecond),
    column("MbRX/s", "MBits Received/sec", "net.received", MEGABITS_OF_KBPS),
    column("DRPTX/s", "Packets Dropped Transmit/sec", "net.droppedTx", perSecond),
    column("DRPRX/s", "Packets Dropped Receive/sec", "net.droppedRx", perSecond),
  ],
};

export const views: readonly [View, ...View[]] = [cpu, memory, disk, network, vmDisk];

export function viewOf(key: string): View {
  return views.find((view) => view.key === key) ?? views[0];
}

/** Those that this host has figures for. */
export function columnsOf({ columns }: View, { counters }: Pick<TopSample, "counters">): readonly Column[] {
  return columns.filter(({ counter }) => counter === undefined || counters.has(counter));
}
