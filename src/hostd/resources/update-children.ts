/** UpdateChildResourceConfiguration: what pools and VMs in a pool have of it, changed together. Source: vim25 ResourcePool. */
import { Undo } from "../../base/index.ts";
import type { ResourceConfigSpec, VirtualMachineConfigSpec } from "../../wire/index.ts";
import type { Call } from "../agent.ts";
import { hostOf } from "../esxcli/host.ts";
import type { Vm } from "../vm.ts";
import { readableFiles } from "../vm-deeds/context.ts";
import { invalid } from "./parse-allocation.ts";
import { updatePools } from "./plan-pools.ts";
import { postReconfigured } from "./pool-deeds.ts";

/**
 * All or none. VMs are asked one after the other by ReconfigVM_Task, in the caller's name, and are given back what they had when a later
 * one, or the pools, are refused. @throws {Fault} InvalidArgument for what does not lie in the pool; what reconfiguring it says
 */
export async function updateChildren(call: Call, parent: number, specs: readonly ResourceConfigSpec[]): Promise<void> {
  const { pools } = call.agent;
  const updates = specs.flatMap((config, index) => {
    const child = pools.find(config.entity?.value ?? "");
    return child?.parent === parent ? [{ id: child.id, name: undefined, config, at: `spec[${index}]` }] : [];
  });
  const vms = specs.flatMap((config) => {
    const vm = call.agent.vms.find(config.entity?.value ?? "");
    return vm !== undefined && pools.poolOf(vm) === parent ? [{ vm, config }] : [];
  });
  const known = new Set([...updates.map(({ config }) => config), ...vms.map(({ config }) => config)]);
  const stray = specs.findIndex((config) => !known.has(config));
  if (stray !== -1) throw invalid(`spec[${stray}].entity`);
  updatePools(pools.tree, updates); // refused before any VM is touched
  await using undo = new Undo();
  for (const { vm, config } of vms) undo.add(await reconfigured(call, vm, config));
  if (updates.length > 0) pools.change((tree) => updatePools(tree, updates));
  undo.release();
  for (const { id } of updates) postReconfigured(call, id);
}

/** @returns gives it back what it had */
async function reconfigured(call: Call, vm: Vm, config: ResourceConfigSpec): Promise<() => Promise<void>> {
  const { cpuAllocation, memoryAllocation } = readableFiles(vm).config;
  const change = (spec: VirtualMachineConfigSpec) => hostOf(call).perform(vm.ref, "ReconfigVM_Task", { spec });
  const { changeVersion } = config;
  const wanted = { cpuAllocation: config.cpuAllocation, memoryAllocation: config.memoryAllocation };
  await change({ ...wanted, ...(changeVersion !== undefined && { changeVersion }) });
  return () => change({ cpuAllocation, memoryAllocation });
}
