/** Resource pools as clients see them. Source: vim25 ResourceConfigSpec, ResourcePoolRuntimeInfo, ResourcePoolSummary. */
import type {
  ManagedEntityStatus,
  ResourceAllocationInfo,
  ResourceConfigOption,
  ResourceConfigSpec,
  ResourcePoolResourceUsage,
  ResourcePoolRuntimeInfo,
  ResourcePoolSummary,
} from "../../wire/index.ts";
import type { HostAgent } from "../agent.ts";
import type { CounterName } from "../performance/counters.ts";
import { memoryStats } from "../performance/memory-stats.ts";
import type { Vm } from "../vm.ts";
import { CUSTOM_SHARES } from "../vm-config/index.ts";
import { overheadMbOf } from "./guarantees.ts";
import { POOL_SHARES } from "./parse-allocation.ts";
import { findPool, type PoolAllocation, poolRef, withAllIn } from "./pool-tree.ts";
import { isOvercommitted, type Resource, useOf } from "./reservations.ts";

const MIB = 2 ** 20;

export function showConfig({ pools }: HostAgent, id: number): ResourceConfigSpec {
  const pool = findPool(pools, id);
  const { cpuMhz, memoryMb } = pools.tree.capacity;
  if (pool === undefined)
    return { entity: poolRef(id), cpuAllocation: ofHost(cpuMhz, "cpu"), memoryAllocation: ofHost(memoryMb, "memory") };
  return {
    entity: poolRef(id),
    changeVersion: String(pool.changeVersion),
    cpuAllocation: showAllocation(pool.cpu),
    memoryAllocation: showAllocation(pool.memory),
    scaleDescendantsShares: "disabled",
  };
}

/** The root pool is all that there is. */
function ofHost(all: number, resource: Resource): ResourceAllocationInfo {
  return showAllocation({
    reservation: all,
    expandable: false,
    limit: all,
    shares: { level: "normal", shares: POOL_SHARES[resource].normal },
  });
}

function showAllocation({ reservation, expandable, limit, shares }: PoolAllocation): ResourceAllocationInfo {
  return { reservation, expandableReservation: expandable, limit, shares };
}

export function showRuntime(agent: HostAgent, id: number): ResourcePoolRuntimeInfo {
  const cpu = showUse(agent, id, { resource: "cpu", unit: 1, usage: usedIn(agent, id, "cpuUsageMhz") });
  const memory = showUse(agent, id, { resource: "memory", unit: MIB, usage: usedIn(agent, id, "memConsumed") * 1024 });
  return { memory, cpu, overallStatus: statusOf(agent, id) };
}

interface Shown {
  readonly resource: Resource;
  /** Of what is shown, in what is counted. */
  readonly unit: number;
  readonly usage: number;
}

function showUse({ pools }: HostAgent, id: number, { resource, unit, usage }: Shown): ResourcePoolResourceUsage {
  const { tree } = pools;
  const { used, usedByVms, unreserved } = useOf(tree, id, resource);
  return {
    reservationUsed: used * unit,
    reservationUsedForVm: usedByVms * unit,
    unreservedForPool: unreserved * unit,
    unreservedForVm: unreserved * unit,
    overallUsage: usage,
    maxUsage: boundOf(pools.tree, id, resource) * unit,
  };
}

/** Its own limit, and that of each pool that it lies in. */
function boundOf(tree: HostAgent["pools"]["tree"], id: number, resource: Resource): number {
  const pool = findPool(tree, id);
  if (pool === undefined) return resource === "cpu" ? tree.capacity.cpuMhz : tree.capacity.memoryMb;
  const { limit } = pool[resource];
  const above = boundOf(tree, pool.parent, resource);
  return limit === -1 ? above : Math.min(limit, above);
}

/** By all that run in it, and in the pools in it. */
function usedIn({ pools, vms, performance }: HostAgent, id: number, counter: CounterName): number {
  const all = new Set(withAllIn(pools, id));
  const running = vms.list().filter((vm) => vm.monitor !== undefined && all.has(pools.poolOf(vm)));
  return running.reduce((sum, { ref }) => sum + (performance.now(ref, counter) ?? 0), 0);
}

/** Red when what is guaranteed in it is more than it has, as after a machine lost memory. */
function statusOf({ pools }: HostAgent, id: number): ManagedEntityStatus {
  return isOvercommitted(pools.tree, id) ? "red" : "green";
}

export function showSummary(agent: HostAgent, id: number, name: string): ResourcePoolSummary {
  const all = new Set(withAllIn(agent.pools, id));
  const members = agent.vms.list().filter((vm) => all.has(agent.pools.poolOf(vm)));
  const sizes = members.map(({ files }) => (files.kind === "readable" ? files.config.hardware.memoryMB : 0));
  const memoryKib = usedIn(agent, id, "memConsumed");
  return {
    name,
    config: showConfig(agent, id),
    runtime: showRuntime(agent, id),
    quickStats: {
      overallCpuUsage: usedIn(agent, id, "cpuUsageMhz"),
      overallCpuDemand: usedIn(agent, id, "cpuDemand"),
      distributedCpuEntitlement: usedIn(agent, id, "cpuEntitlement"),
      staticCpuEntitlement: usedIn(agent, id, "cpuWorstCase"),
      hostMemoryUsage: Math.round(memoryKib / 1024),
      staticMemoryEntitlement: members.reduce((sum, vm) => sum + ((vm.monitor && agent.pools.staticMemoryMb(vm)) ?? 0), 0),
      overheadMemory: members.reduce((sum, vm) => sum + overheadOfRunning(vm), 0),
      ...memoryStats((counter) => usedIn(agent, id, counter)),
    },
    configuredMemoryMB: sizes.reduce((sum, size) => sum + size, 0),
  };
}

/** What its monitor itself has reserved, in MB. */
function overheadOfRunning({ monitor, files }: Vm): number {
  return monitor === undefined || files.kind !== "readable" ? 0 : overheadMbOf(files.config);
}

const sharesOption = (normal: number) => ({
  sharesOption: { min: CUSTOM_SHARES.min, max: CUSTOM_SHARES.max, defaultValue: normal },
  defaultLevel: "normal" as const,
});

export const configurationOption: ResourceConfigOption = {
  cpuAllocationOption: { sharesOption: sharesOption(POOL_SHARES.cpu.normal) },
  memoryAllocationOption: { sharesOption: sharesOption(POOL_SHARES.memory.normal) },
};
