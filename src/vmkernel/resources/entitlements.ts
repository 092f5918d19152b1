/** What VMs are entitled to of the processors, for whoever watches. Pure. vim25 VirtualMachineQuickStats. */
import type { VmId } from "../../base/index.ts";
import type { ResourceConfig } from "./config.ts";
import { divide } from "./divide.ts";
import { buildTree, type HostProcessors, type RunningVm, vmKey } from "./plan-cpu.ts";

export interface CpuEntitlement {
  /** In MHz: its claim, by which the kernel weighs it: what it gets when it wants all that it may have. */
  readonly entitledMhz: number;
  /** In MHz: what it would get if all VMs wanted all that they may have, whatever they want now. */
  readonly worstCaseMhz: number;
}

export function entitlements(
  config: ResourceConfig,
  running: readonly RunningVm[],
  host: HostProcessors,
): ReadonlyMap<VmId, CpuEntitlement> {
  const available = host.mhz * host.count;
  const now = divide(available, buildTree(config, running, host).top);
  const hungry = running.map(({ vm, vcpus, latency }) => ({ vm, vcpus, latency })); // of whom nothing is known, all is taken to be wanted
  const worst = divide(available, buildTree(config, hungry, host).top);
  return new Map(
    running.map(({ vm }) => {
      const key = vmKey(vm);
      return [vm, { entitledMhz: now.get(key)?.claim ?? 0, worstCaseMhz: worst.get(key)?.granted ?? 0 }];
    }),
  );
}
