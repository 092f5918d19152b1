/** Asks a host for what it measured last: a client of the API like any other. */
import type {
  ManagedObjects,
  MoRef,
  PerfCounterInfo,
  PerfEntityMetric,
  PerfMetricIntSeries,
  PerfQuerySpec,
  VirtualMachineConfigSummary,
} from "../../wire/index.ts";
import { moRef, SERVICE_INSTANCE, type VimClient } from "../sdk/client.ts";
import type { Figures, TopSample, TopVm } from "./sample.ts";

const HOST = moRef("HostSystem", "ha-host");
const VM_FOLDER = moRef("Folder", "ha-folder-vm");
const REAL_TIME_S = 20;

type Properties = ReadonlyMap<string, unknown>;

/** @throws {Fault} what the host refuses; {SystemError} when it does not answer */
export async function readSample(client: VimClient): Promise<TopSample> {
  const { perfManager, propertyCollector } = await client.call(SERVICE_INSTANCE, "RetrieveServiceContent", {});
  if (perfManager === undefined) throw new Error("the host has no PerformanceManager");
  const read = (objects: readonly MoRef[], type: keyof ManagedObjects, pathSet: readonly string[]) =>
    retrieve(client, propertyCollector, { objects, type, pathSet });
  const [counterInfo] = await read([perfManager], "PerformanceManager", ["perfCounter"]);
  const counters = new Map(((counterInfo?.get("perfCounter") ?? []) as readonly PerfCounterInfo[]).map((info) => [info.key, pathOf(info)]));
  const [host] = await read([HOST], "HostSystem", ["name", "summary.hardware", "summary.quickStats"]);
  const [folder] = await read([VM_FOLDER], "Folder", ["childEntity"]);
  const found = (folder?.get("childEntity") ?? []) as readonly MoRef[];
  const vms = await read(found, "VirtualMachine", ["name", "summary.config", "runtime.powerState"]);
  const running = vms.filter((vm) => vm.get("runtime.powerState") === "poweredOn");
  const entities = [HOST, ...running.map((vm) => vm.get("") as MoRef)];
  const metrics = await client.call(perfManager, "QueryPerf", { querySpec: entities.map(newest) });
  const metricOf = (entity: MoRef) =>
    metrics?.find((metric) => metric.entity.value === entity.value && metric.entity.type === entity.type) as PerfEntityMetric | undefined;
  const figures = (entity: MoRef): Figures => figuresOf(metricOf(entity), counters);
  const hardware = host?.get("summary.hardware") as { cpuMhz: number; numCpuCores: number; memorySize: bigint | number } | undefined;
  const info = metricOf(HOST)?.sampleInfo?.at(-1);
  return {
    hostName: String(host?.get("name") ?? "host"),
    takenAtMs: info?.timestamp.getTime() ?? 0,
    intervalS: info?.interval ?? REAL_TIME_S,
    uptimeS: (host?.get("summary.quickStats") as { uptime?: number } | undefined)?.uptime ?? 0,
    cpuMhz: (hardware?.cpuMhz ?? 0) * (hardware?.numCpuCores ?? 0),
    memoryBytes: Number(hardware?.memorySize ?? 0),
    host: figures(HOST),
    vms: running.map((vm): TopVm => {
      const config = vm.get("summary.config") as VirtualMachineConfigSummary;
      const ref = vm.get("") as MoRef;
      return {
        ...{ id: ref.value, name: String(vm.get("name")), vcpus: config.numCpu ?? 1, memoryMb: config.memorySizeMB ?? 0 },
        figures: figures(ref),
      };
    }),
    counters: new Set(counters.values()),
  };
}

function newest(entity: MoRef): PerfQuerySpec {
  return { entity, intervalId: REAL_TIME_S, maxSample: 1 };
}

function pathOf({ groupInfo, nameInfo }: PerfCounterInfo): string {
  return `${groupInfo.key}.${nameInfo.key}`;
}

function figuresOf(metric: PerfEntityMetric | undefined, counters: ReadonlyMap<number, string>): Figures {
  const figures = new Map<string, Map<string, number>>();
  for (const series of (metric?.value ?? []) as readonly PerfMetricIntSeries[]) {
    const path = counters.get(series.id.counterId);
    const value = Number(series.value?.at(-1) ?? -1);
    if (path === undefined || value < 0) continue; // vim25 says by a negative number that there is no figure
    figures.set(path, (figures.get(path) ?? new Map()).set(series.id.instance, value));
  }
  return figures;
}

interface Wanted {
  readonly objects: readonly MoRef[];
  readonly type: keyof ManagedObjects;
  readonly pathSet: readonly string[];
}

/** @returns for each object that is still there its properties by their paths, and itself by "" */
async function retrieve(client: VimClient, collector: MoRef<"PropertyCollector">, wanted: Wanted): Promise<readonly Properties[]> {
  if (wanted.objects.length === 0) return [];
  const specSet = [{ propSet: [{ type: wanted.type, pathSet: [...wanted.pathSet] }], objectSet: wanted.objects.map((obj) => ({ obj })) }];
  const found: Properties[] = [];
  let page = await client.call(collector, "RetrievePropertiesEx", { specSet, options: {} });
  for (;;) {
    for (const { obj, propSet = [] } of page?.objects ?? []) {
      found.push(new Map<string, unknown>([["", obj], ...propSet.map(({ name, val }) => [name, val.value] as const)]));
    }
    if (page?.token === undefined) return found;
    page = await client.call(collector, "ContinueRetrievePropertiesEx", { token: page.token });
  }
}
