/**
 * What a .vmx promises of a network adapter and this host would not keep: filters of other products' appliances before it, and a part of
 * an uplink's bandwidth, which only a distributed switch gives. Its VM is not started with less than that. Pure.
 * Source: the keys of a .vmx for dvfilters, `ethernetN.filterM.*`; vim25 DvsFilterOnFailure, VirtualEthernetCardResourceAllocation.
 */
import { fault, readVmx, type VirtualDevice, type Vmx, vmxKeys } from "../../wire/index.ts";
import { familyOf } from "./devices/index.ts";

/** "ethernet0.filter4.name": the slot is in the number. */
const FILTER = /^(ethernet\d+\.filter\d+)\.name$/i;
const NO_LIMIT = /^(|-1|unlimited)$/i;
const NO_RESERVATION = /^0?$/;

/**
 * A filter that may be missing (failOpen) is one that the VM runs without.
 * @throws {Fault} InvalidVmConfig, which names the key
 */
export function refuseNicPromises(vmx: Vmx, devices: readonly VirtualDevice[]): void {
  const prefixes = devices.filter((device) => "macAddress" in device).map((device) => familyOf(device).prefixOf(device));
  for (const key of vmxKeys(vmx)) {
    const filter = FILTER.exec(key)?.[1]?.toLowerCase();
    if (filter === undefined || !prefixes.some((prefix) => filter.startsWith(`${prefix}.`)) || readVmx(vmx, key) === "") continue;
    if (readVmx(vmx, `${filter}.onFailure`)?.toLowerCase() === "failopen") continue;
    throw notKept(key, "a filter before the adapter, without which nothing is to pass (its onFailure is not failOpen)");
  }
  for (const prefix of prefixes) {
    const [limit, reservation] = [`${prefix}.limit`, `${prefix}.reservation`];
    if (!NO_LIMIT.test(readVmx(vmx, limit) ?? "")) throw notKept(limit, "a limit of the adapter's own; a port group can be shaped");
    if (!NO_RESERVATION.test(readVmx(vmx, reservation) ?? "")) throw notKept(reservation, "bandwidth that is kept for the adapter");
  }
}

function notKept(key: string, what: string) {
  return fault("InvalidVmConfig", `The virtual machine asks for what this host does not offer: ${what} (${key}).`, { property: key });
}
