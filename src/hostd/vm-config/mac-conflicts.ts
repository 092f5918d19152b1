/**
 * MAC addresses at power-on: two guests that run with one address would each get the other's frames. An address that the host gave is
 * given anew; of one that somebody chose, people are told. Pure. Source: vSphere's networking guide, «MAC Address Conflicts»: running
 * and suspended VMs of the host count, those that are off do not.
 */
import type { VirtualDevice, VirtualEthernetCard, VmxChanges } from "../../wire/index.ts";
import { labelOf } from "./devices/index.ts";
import { PORTS } from "./limits.ts";
import { generateMac } from "./mac-address.ts";

export interface MacQuestion<Owner> {
  readonly devices: readonly VirtualDevice[];
  readonly biosUuid: string;
  /** Of VMs that run or are suspended, lower case, with whose each is. */
  readonly inUse: ReadonlyMap<string, Owner>;
  /** Its guest goes on with the addresses that it knows: none can change. */
  readonly isResumed: boolean;
}

export interface MacPlan<Owner> {
  readonly changes: VmxChanges;
  readonly changed: readonly { readonly adapter: string; readonly oldMac: string; readonly newMac: string }[];
  readonly conflicts: readonly { readonly mac: string; readonly owner: Owner }[];
}

export function planMacs<Owner>({ devices, biosUuid, inUse, isResumed }: MacQuestion<Owner>): MacPlan<Owner> {
  const cards = devices.filter((device): device is VirtualEthernetCard => "macAddress" in device);
  const taken = new Set([...inUse.keys(), ...cards.map(macOf)]);
  const changes: Record<string, string> = {};
  const changed: { readonly adapter: string; readonly oldMac: string; readonly newMac: string }[] = [];
  const conflicts: { readonly mac: string; readonly owner: Owner }[] = [];
  for (const card of cards) {
    const oldMac = macOf(card);
    const owner = inUse.get(oldMac);
    if (owner === undefined) continue;
    if (isResumed || card.addressType !== "generated") {
      conflicts.push({ mac: oldMac, owner });
      continue;
    }
    const number = card.key - PORTS.ethernet.key;
    const newMac = generateMac(biosUuid, number, taken);
    taken.add(newMac);
    changes[`ethernet${number}.generatedAddress`] = newMac;
    changed.push({ adapter: labelOf(card), oldMac, newMac });
  }
  return { changes, changed, conflicts };
}

function macOf({ macAddress = "" }: VirtualEthernetCard): string {
  return macAddress.toLowerCase();
}
