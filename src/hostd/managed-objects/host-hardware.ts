/** What the machine is made of: vim25 HostHardwareInfo, HostPciPassthruSystem, HostCpuSchedulerSystem. */
import type { HostBIOSInfo, HostHardwareInfo, HostNumaInfo, HostPciDevice } from "../../wire/index.ts";
import type { HostAgent } from "../agent.ts";
import { cpuIdInfo } from "../cpu-id.ts";
import type { ManagedObjectType } from "../managed-object.ts";

const HZ_PER_MHZ = 1_000_000;

export function hardware({ host, machine }: HostAgent): HostHardwareInfo {
  const { cpu } = host;
  const hz = cpu.mhz * HZ_PER_MHZ;
  const threadsPerPackage = Math.max(1, Math.floor(cpu.threads / cpu.packages));
  return {
    systemInfo: { vendor: host.vendor, model: host.model, uuid: host.uuid },
    cpuPowerManagementInfo: { currentPolicy: "Not supported", hardwareSupport: "" },
    cpuInfo: { numCpuPackages: cpu.packages, numCpuCores: cpu.cores, numCpuThreads: cpu.threads, hz },
    cpuPkg: Array.from({ length: cpu.packages }, (_, index) => ({
      index,
      vendor: /AMD/.test(cpu.vendor) ? "amd" : "intel",
      hz,
      busHz: 0,
      description: cpu.model,
      threadId: Array.from({ length: threadsPerPackage }, (_, thread) => index * threadsPerPackage + thread),
    })),
    memorySize: host.memoryBytes,
    numaInfo: numaInfo(machine().numaNodes),
    smcPresent: false,
    pciDevice: machine().pciDevices.map(pciDevice),
    cpuFeature: cpuIdInfo(cpu.features),
    biosInfo: biosInfo(machine().firmware),
  };
}

type Machine = ReturnType<HostAgent["machine"]>;

function numaInfo(nodes: Machine["numaNodes"]): HostNumaInfo {
  if (nodes.length < 2) return { type: "None", numNodes: 0 }; // a machine of one node has no NUMA, in vim25's words
  return {
    type: "NUMA",
    numNodes: nodes.length,
    numaNode: nodes.map(({ id, cpus, memoryBytes }) => ({
      typeId: id,
      cpuID: cpus,
      memorySize: memoryBytes,
      memoryRangeBegin: 0, // Linux gives a node no single range
      memoryRangeLength: memoryBytes,
    })),
  };
}

/** vim25 short is signed, though what it holds here is not. */
const short = (value: number): number => (value << 16) >> 16;
const byte = (value: number): number => (value << 24) >> 24;
const hex = (value: number): string => `0x${value.toString(16).padStart(4, "0")}`;

/** The machine tells numbers and has no list of names for them. */
function pciDevice({ address, ...ids }: Machine["pciDevices"][number]): HostPciDevice {
  const [bus = 0, slot = 0, unit = 0] = address
    .split(/[:.]/)
    .slice(-3)
    .map((part) => Number.parseInt(part, 16));
  return {
    id: address,
    classId: short(ids.classId),
    bus: byte(bus),
    slot: byte(slot),
    function: byte(unit),
    vendorId: short(ids.vendorId),
    subVendorId: short(ids.subVendorId),
    vendorName: `Vendor ${hex(ids.vendorId)}`,
    deviceId: short(ids.deviceId),
    subDeviceId: short(ids.subDeviceId),
    deviceName: `Device ${hex(ids.deviceId)}`,
  };
}

/** Each field where the firmware tells it; its date is month/day/year (SMBIOS 3.7 §7.1). */
function biosInfo({ vendor, version, date }: Machine["firmware"]): HostBIOSInfo {
  const [, month, day, year] = /^(\d\d)\/(\d\d)\/(\d{4})$/.exec(date) ?? [];
  const released = new Date(`${year}-${month}-${day}T00:00:00Z`);
  return {
    ...(version === "" ? {} : { biosVersion: version }),
    ...(Number.isNaN(released.getTime()) ? {} : { releaseDate: released }),
    ...(vendor === "" ? {} : { vendor }),
  };
}

export const pciPassthruInfo = ({ machine }: HostAgent) =>
  machine().pciDevices.map(({ address }) => ({
    id: address,
    dependentDevice: address,
    passthruEnabled: false,
    passthruCapable: false, // a monitor gets descriptors of files and sockets, and no device
    passthruActive: false,
  }));

export const hostPciPassthruSystem = {
  type: "HostPciPassthruSystem",
  properties: {
    value: () => [],
    availableField: () => [],
    pciPassthruInfo: (agent) => pciPassthruInfo(agent),
    sriovDevicePoolInfo: () => [],
  },
  methods: { Refresh: (agent) => agent.refreshMachine() },
} as const satisfies ManagedObjectType<"HostPciPassthruSystem", HostAgent>;

export function hyperThread({ host }: HostAgent) {
  const active = host.cpu.threads > host.cpu.cores;
  return { available: active, active, config: active };
}

export const hostCpuSchedulerSystem = {
  type: "HostCpuSchedulerSystem",
  properties: { value: () => [], availableField: () => [], hyperthreadInfo: (agent) => hyperThread(agent) },
  methods: {},
} as const satisfies ManagedObjectType<"HostCpuSchedulerSystem", HostAgent>;
