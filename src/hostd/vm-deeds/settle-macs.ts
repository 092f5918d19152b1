/** Before a VM is powered on: an address that another VM runs with is changed where the host gave it, and told of where it did not. */
import type { VirtualEthernetCard } from "../../wire/index.ts";
import type { HostAgent } from "../agent.ts";
import type { EventContext } from "../events.ts";
import type { Vm } from "../vm.ts";
import { planMacs } from "../vm-config/index.ts";
import { changeVmx } from "../vm-files.ts";
import { readableFiles } from "./context.ts";

export async function settleMacs(agent: HostAgent, vm: Vm, about: EventContext): Promise<void> {
  const { config, suspendedMemory } = readableFiles(vm);
  const { changes, changed, conflicts } = planMacs({
    devices: config.hardware.device ?? [],
    biosUuid: config.uuid,
    inUse: macsInUse(agent, vm),
    isResumed: suspendedMemory !== undefined,
  });
  if (changed.length > 0) await changeVmx(agent.vms, vm, changes as Readonly<Record<string, string>>);
  for (const change of changed) {
    const message = `The MAC address of ${vm.name} was changed from ${change.oldMac} to ${change.newMac} for adapter ${change.adapter}: another virtual machine runs with it`;
    agent.events.post("VmMacChangedEvent", message, about, { template: false, ...change });
  }
  for (const { mac, owner } of conflicts) {
    const message = `The MAC address ${mac} of ${vm.name} conflicts with that of ${owner.name}`;
    agent.events.post("VmMacConflictEvent", message, about, { template: false, mac, conflictedVm: { name: owner.name, vm: owner.ref } });
  }
}

function macsInUse(agent: HostAgent, vm: Vm): ReadonlyMap<string, Vm> {
  const others = agent.vms.list().filter((other) => other !== vm && other.powerState !== "poweredOff");
  return new Map(
    others.flatMap((other) =>
      (other.files.kind === "readable" ? (other.files.config.hardware.device ?? []) : []).flatMap((device) => {
        const { macAddress } = device as VirtualEthernetCard;
        return macAddress === undefined ? [] : [[macAddress.toLowerCase(), other] as const];
      }),
    ),
  );
}
