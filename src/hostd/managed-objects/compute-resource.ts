/** vim25 ComputeResource and ResourcePool: what the host has to give. Resource pools below the root come with resource management. */
import type { ManagedEntityStatus, ResourceConfigSpec } from "../../wire/index.ts";
import type { HostAgent } from "../agent.ts";
import { COMPUTE_RESOURCE, ENVIRONMENT_BROWSER, HOST, ROOT_POOL } from "../inventory-tree.ts";
import type { ManagedObjectType } from "../managed-object.ts";
import type { CounterName } from "../performance/counters.ts";
import { type Entity, managedEntityProperties } from "./managed-entity.ts";

const MIB = 2 ** 20;
const green: ManagedEntityStatus = "green";

const totalMhz = ({ host }: HostAgent): number => host.cpu.mhz * host.cpu.cores;

export const computeResource = {
  type: "ComputeResource",
  properties: {
    ...managedEntityProperties,
    resourcePool: () => ROOT_POOL,
    host: () => [HOST],
    datastore: (self) => self.agent.inventory.datastoreRefs(),
    network: (self) => self.agent.networks.refs(),
    environmentBrowser: () => ENVIRONMENT_BROWSER,
    configurationEx: () => ({ vmSwapPlacement: "vmDirectory" }),
    summary: ({ agent }) => ({
      totalCpu: totalMhz(agent),
      totalMemory: agent.host.memoryBytes,
      numCpuCores: agent.host.cpu.cores,
      numCpuThreads: agent.host.cpu.threads,
      effectiveCpu: totalMhz(agent),
      effectiveMemory: Math.floor(agent.host.memoryBytes / MIB),
      numHosts: 1,
      numEffectiveHosts: 1,
      overallStatus: green,
    }),
  },
  methods: {},
} as const satisfies ManagedObjectType<"ComputeResource", Entity>;

export const resourcePool = {
  type: "ResourcePool",
  properties: {
    ...managedEntityProperties,
    owner: () => COMPUTE_RESOURCE,
    resourcePool: () => [],
    vm: (self) => self.agent.vms.refs(),
    config: (self) => poolConfig(self.agent),
    runtime: (self) => poolRuntime(self.agent),
    summary: ({ agent, name }) => ({ name, config: poolConfig(agent), runtime: poolRuntime(agent) }),
  },
  methods: {},
} as const satisfies ManagedObjectType<"ResourcePool", Entity>;

function poolConfig(agent: HostAgent): ResourceConfigSpec {
  const allocation = (all: number) => ({
    reservation: all,
    expandableReservation: false,
    limit: all,
    shares: { shares: 4000, level: "normal" as const }, // vim25 SharesInfo: the number that "normal" means for a pool
  });
  return {
    entity: ROOT_POOL,
    cpuAllocation: allocation(totalMhz(agent)),
    memoryAllocation: allocation(Math.floor(agent.host.memoryBytes / MIB)),
  };
}

/** Nothing is reserved before resource management can keep a reservation. */
function poolRuntime(agent: HostAgent) {
  const usage = (max: number, used: number) => ({
    reservationUsed: 0,
    reservationUsedForVm: 0,
    unreservedForPool: max,
    unreservedForVm: max,
    overallUsage: used,
    maxUsage: max,
  });
  const used = (counter: CounterName): number =>
    agent.vms.list().reduce((sum, vm) => sum + (vm.monitor === undefined ? 0 : (agent.performance.now(vm.ref, counter) ?? 0)), 0);
  return {
    memory: usage(agent.host.memoryBytes, used("memConsumed") * 1024),
    cpu: usage(totalMhz(agent), used("cpuUsageMhz")),
    overallStatus: green,
  };
}
