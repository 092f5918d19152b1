/** What VMs are entitled to of the processors, for whoever watches. Pure. vim25 VirtualMachineQuickStats. */
import type { VmId } from "../../base/index.ts";
import type { ResourceConfig } from "./config.ts";
import { divideBound } from "./divide-bound.ts";
import { bondsOf, buildTree, type HostProcessors, type RunningVm, vmKey } from "./plan-cpu.ts";

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
  const bonds = bondsOf(running, host);
  const now = divideBound(host, buildTree(config, running, host).top, bonds);
  const hungry = running.map(({ vm, vcpus, latency }) => ({ vm, vcpus, latency })); // of whom nothing is known, all is taken to be wanted
  const worst = divideBound(host, buildTree(config, hungry, host).top, bonds);
  return new Map(
    running.map(({ vm }) => {
      const key = vmKey(vm);
      return [vm, { entitledMhz: now.get(key)?.claim ?? 0, worstCaseMhz: worst.get(key)?.granted ?? 0 }];
    }),
  );
}
