/** The links that ports are, in the switches' namespace: what they are called, and how they come up. */
import type { VmId } from "../../base/index.ts";
import { type Link, removeQueue, setLink } from "../../system/index.ts";
import { isHostPort } from "./host-nic.ts";
import type { NetworkState } from "./plan-network.ts";
import type { Trying } from "./trying.ts";

/** At most 15 letters: a VM's number has up to nine digits, a NIC's key four. */
export function deviceOf(vm: VmId, key: number): string {
  return `v${vm}n${key}`;
}

/** Else it is one of the machine's adapters. */
export function isPort(device: string): boolean {
  return /^v\d+n\d+$/.test(device) || isHostPort(device);
}

/** Those that have their programs by now. Called within the namespace. */
export function bringUpAll(links: Iterable<Link>, state: NetworkState, trying: Trying): void {
  const mtus = mtusOf(state);
  for (const link of links) {
    const mtu = mtus.get(link.name);
    if (mtu !== undefined) bringUp(link, mtu, trying);
  }
}

function bringUp({ name, index, isUp, mtu }: Link, wantedMtu: number, trying: Trying): void {
  const setting = (deed: () => void): void => trying(`setting ${name}`, deed);
  // An adapter may not have as large an MTU, and is of use nevertheless.
  if (mtu !== wantedMtu) setting(() => setLink(name, { mtu: wantedMtu }));
  if (isUp) return;
  // A tap is a queue of its own. One before it costs each frame, and each copy, a lock and a detour: 6 % of a small frame's way.
  if (isPort(name)) setting(() => removeQueue({ name, index }));
  setting(() => setLink(name, isPort(name) ? { up: true } : { up: true, promiscuous: true }));
}

function mtusOf({ config, ports, switchNumbers }: NetworkState): ReadonlyMap<string, number> {
  const mtus = new Map<string, number>(ports.map(({ device }) => [device, MTU_NOWHERE]));
  for (const { name, mtu, uplinks } of config.switches) {
    const own = ports.filter(({ switchNumber }) => switchNumber === switchNumbers[name]);
    for (const device of [...uplinks, ...own.map(({ device }) => device)]) mtus.set(device, mtu);
  }
  return mtus;
}

const MTU_NOWHERE = 1500;
