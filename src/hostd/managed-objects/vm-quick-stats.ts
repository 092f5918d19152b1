/** What a VM uses, as measured last. Source: vim25 VirtualMachineQuickStats. */
import type { ManagedEntityStatus, VirtualMachineQuickStats } from "../../wire/index.ts";
import { vmMemoryStats } from "../performance/memory-stats.ts";
import type { VmEntity } from "./virtual-machine.ts";

/** No VM of this host runs on two. */
const NOT_FAULT_TOLERANT = { ftLogBandwidth: -1, ftSecondaryLatency: -1, ftLatencyStatus: "gray" } as const;

/** Of a VM that is off: clients add up what all VMs use, and do not ask which of them run. */
const NOTHING_USED = {
  ...{ overallCpuUsage: 0, overallCpuDemand: 0, overallCpuReadiness: 0, distributedCpuEntitlement: 0, staticCpuEntitlement: 0 },
  ...{ guestMemoryUsage: 0, hostMemoryUsage: 0, activeMemory: 0, grantedMemory: 0, privateMemory: 0, sharedMemory: 0 },
  ...{ swappedMemory: 0, balloonedMemory: 0, compressedMemory: 0, ssdSwappedMemory: 0, consumedOverheadMemory: 0 },
  ...{ distributedMemoryEntitlement: 0, staticMemoryEntitlement: 0, uptimeSeconds: 0 },
} satisfies Partial<VirtualMachineQuickStats>;

/** Of one that runs, what is not measured yet is left out: it is not nothing. */
export function quickStatsOf({ vm, agent }: VmEntity, guestHeartbeatStatus: ManagedEntityStatus): VirtualMachineQuickStats {
  const common = { guestHeartbeatStatus, ...NOT_FAULT_TOLERANT };
  if (vm.monitor === undefined) return { ...common, ...NOTHING_USED };
  const { performance, clock, pools } = agent;
  const shown = (counter: Parameters<typeof performance.now>[1]) => performance.now(vm.ref, counter);
  const [used, consumed, readiness] = [shown("cpuUsageMhz"), shown("memConsumed"), shown("cpuReadiness")];
  const [demand, entitled, worst] = [shown("cpuDemand"), shown("cpuEntitlement"), shown("cpuWorstCase")];
  const reserved = pools.staticMemoryMb(vm);
  return {
    ...common,
    ...(used !== undefined && { overallCpuUsage: used }),
    ...(demand !== undefined && { overallCpuDemand: demand }),
    ...(readiness !== undefined && { overallCpuReadiness: Math.round(readiness / 100) }),
    ...(entitled !== undefined && { distributedCpuEntitlement: entitled }),
    ...(worst !== undefined && { staticCpuEntitlement: worst }),
    ...(consumed !== undefined && { hostMemoryUsage: Math.round(consumed / 1024) }),
    ...vmMemoryStats(shown),
    ...(reserved !== undefined && { staticMemoryEntitlement: reserved }),
    ssdSwappedMemory: 0, // there is no cache of swap beside the swap
    uptimeSeconds: Math.floor((clock.now() - vm.monitor.startedAtMs) / 1000),
  };
}
