/**
 * Adapters of the machine that switches take for uplinks: what the machine itself has by one goes when it leaves for the switches'
 * namespace, and comes back with it. Paper «Virtual Switches»; vim25 HostVirtualSwitchBondBridge.
 */
import { messageWithCauses } from "../../base/index.ts";
import { addAddress, addRoute, findLink, listAddresses, listRoutes, type Route, setLink } from "../../system/index.ts";
import { fault } from "../../wire/index.ts";

export interface MachineAdapter {
  readonly name: string;
  readonly isUp: boolean;
  /** Of the machine, with the lengths of their prefixes; those that the kernel gives by itself are not among them. */
  readonly addresses: readonly string[];
  readonly routes: readonly Route[];
}

/** As it is in the namespace of the calling thread; undefined where there is none. */
export function readMachineAdapter(name: string): MachineAdapter | undefined {
  const link = findLink(name);
  if (link === undefined) return undefined;
  const addresses = listAddresses(name).filter((address) => !/^fe80:/.test(address));
  return { name, isUp: link.isUp, addresses, routes: listRoutes(name).filter(({ protocol }) => protocol !== ADVERTISED) };
}

/** Routes that a router told of are told again. RTPROT_RA of rtnetlink(7). */
const ADVERTISED = 9;

/** Why the machine is on a network by it: undefined for one that is free to take. Pure. */
export function heldBecause({ addresses, routes }: Pick<MachineAdapter, "addresses" | "routes">): string | undefined {
  if (routes.some(({ destination }) => /\/0$/.test(destination))) return "the machine's default route leads through it";
  const [address] = addresses;
  return address === undefined ? undefined : `the machine has the address ${address} by it`;
}

/** @throws {Fault} ResourceInUse */
export function refuseHeld(adapter: MachineAdapter): void {
  const because = heldBecause(adapter);
  if (because === undefined) return;
  throw fault("ResourceInUse", `The adapter ${adapter.name} cannot be taken: ${because}.`, { type: "PhysicalNic", name: adapter.name });
}

/** It has come back to the machine. What does not come back with it is said: the rest does. */
export function restoreMachineAdapter({ name, isUp, addresses, routes }: MachineAdapter, log: (line: string) => void): void {
  const trying = (what: string, deed: () => void): void => {
    try {
      deed();
    } catch (error) {
      log(`network: giving ${name} ${what} back: ${messageWithCauses(error)}`);
    }
  };
  if (isUp) setLink(name, { up: true });
  // Whoever looks after the machine's network may have seen it first.
  const [has, leads] = [new Set(listAddresses(name)), new Set(listRoutes(name).map(({ destination }) => destination))];
  for (const address of addresses) if (!has.has(address)) trying(address, () => addAddress(name, address));
  // A gateway is reached by the network of an address, or by a route to itself alone.
  for (const route of routes.toSorted((one, other) => Number(one.gateway !== undefined) - Number(other.gateway !== undefined)))
    if (!leads.has(route.destination)) trying(`its route to ${route.destination}`, () => addRoute(name, route));
}
