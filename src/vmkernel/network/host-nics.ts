/**
 * The host's own interfaces in the kernel: each is one end of a cable (a veth pair) in the network namespace of its netstack, where
 * nothing else is; the other end is a port in the switches' namespace. What is there is found in the kernel, so the next vmkernel
 * takes it over. Paper «Virtual Networking Layer»; vim25 HostVirtualNic.
 */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { messageWithCauses } from "../../base/index.ts";
import {
  addAddress,
  createVeth,
  deleteLink,
  disableIpv6,
  enableIpv6,
  findLink,
  inNamespace,
  isNamespace,
  linkIndex,
  listAddresses,
  listLinks,
  makeNamespace,
  moveLink,
  removeAddress,
  removeNamespace,
  setHostRules,
  setLink,
} from "../../system/index.ts";
import type { HostNicConfig } from "./config.ts";
import { cidrOf, hostPortDevice, isHostPort } from "./host-nic.ts";
import type { Steps } from "./port-pins.ts";

const STACK = "stack-";

/** The file that keeps the namespace of a netstack, beneath the network's folder. */
export function netstackNamespace(folder: string, netstack: string): string {
  return join(folder, `${STACK}${netstack}`);
}

/** Names of the netstacks that have a namespace. */
export function netstacksIn(folder: string): readonly string[] {
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => name.startsWith(STACK)) : [];
  return names.filter((name) => isNamespace(join(folder, name))).map((name) => name.slice(STACK.length));
}

export interface HostNicsParts {
  readonly folder: string;
  /** The switches' namespace. */
  readonly namespace: string;
  readonly log: (line: string) => void;
}

export class HostNics {
  readonly #parts: HostNicsParts;
  /** As they were made, by their devices: what an earlier vmkernel made is not known, and looked at anew. */
  readonly #made = new Map<string, HostNicConfig>();

  constructor(parts: HostNicsParts) {
    this.#parts = parts;
  }

  /** Makes those that are new, and changes those that are other than before. The switch's end of a new one is down yet. */
  apply(wanted: readonly HostNicConfig[], undo: Steps): void {
    // Last of all: a netstack that was made for what could not be.
    undo.add(() => this.#removeStacksBut([...this.#made.values()]));
    for (const nic of wanted) {
      const before = this.#made.get(nic.device);
      if (isDeepStrictEqual(before, nic)) continue;
      const wasThere = this.#there(() => linkIndex(hostPortDevice(nic.device))) !== undefined;
      undo.add(() => {
        if (before !== undefined) this.#become(before);
        else if (!wasThere) this.#delete(nic.device);
      });
      this.#become(nic);
    }
  }

  /** Those that are not configured any more, and netstacks that nothing is in. */
  removeOthers(wanted: readonly HostNicConfig[]): void {
    const devices = new Set(wanted.map(({ device }) => device));
    const ports = new Set([...devices].map(hostPortDevice));
    for (const device of this.#made.keys()) if (!devices.has(device)) this.#made.delete(device);
    for (const { name } of this.#there(listLinks)) {
      if (isHostPort(name) && !ports.has(name)) this.#trying(`deleting ${name}`, () => this.#there(() => deleteLink(name)));
    }
    this.#removeStacksBut(wanted);
  }

  #removeStacksBut(nics: readonly HostNicConfig[]): void {
    const used = new Set(nics.map(({ netstack }) => netstack));
    for (const netstack of netstacksIn(this.#parts.folder)) {
      if (!used.has(netstack)) this.#trying(`removing the netstack ${netstack}`, () => removeNamespace(this.#stack(netstack)));
    }
  }

  /** The host stops. Each takes its port along. */
  remove(): void {
    for (const netstack of netstacksIn(this.#parts.folder)) removeNamespace(this.#stack(netstack));
    this.#made.clear();
  }

  /** However it is now, and wherever. */
  #become(nic: HostNicConfig): void {
    const { device, netstack } = nic;
    this.#made.delete(device);
    this.#makeStack(netstack);
    if (this.#there(() => linkIndex(hostPortDevice(device))) === undefined) this.#create(nic);
    const place = netstacksIn(this.#parts.folder).find((name) => inNamespace(this.#stack(name), () => linkIndex(device)) !== undefined);
    if (place !== undefined && place !== netstack) inNamespace(this.#stack(place), () => moveLink(device, this.#stack(netstack)));
    inNamespace(this.#stack(netstack), () => settle(nic));
    this.#made.set(device, nic);
  }

  #makeStack(netstack: string): void {
    const path = this.#stack(netstack);
    if (isNamespace(path)) return;
    makeNamespace(path);
    try {
      inNamespace(path, setHostRules);
    } catch (error) {
      removeNamespace(path);
      throw error;
    }
  }

  #create({ device, netstack }: HostNicConfig): void {
    const port = hostPortDevice(device);
    this.#there(() => {
      createVeth(port, device);
      try {
        disableIpv6(port);
        moveLink(device, this.#stack(netstack));
      } catch (error) {
        deleteLink(port);
        throw error;
      }
    });
  }

  #delete(device: string): void {
    this.#made.delete(device);
    this.#there(() => {
      if (linkIndex(hostPortDevice(device)) !== undefined) deleteLink(hostPortDevice(device));
    });
  }

  #stack(netstack: string): string {
    return netstackNamespace(this.#parts.folder, netstack);
  }

  #there<T>(deed: () => T): T {
    return inNamespace(this.#parts.namespace, deed);
  }

  #trying(what: string, deed: () => void): void {
    try {
      deed();
    } catch (error) {
      this.#parts.log(`network: ${what}: ${messageWithCauses(error)}`);
    }
  }
}

/** Address, MTU and IP addresses of an interface, within its netstack. */
function settle({ device, mac, mtu, ip }: HostNicConfig): void {
  const wanted = ip.map(cidrOf);
  if (!findLink("lo")?.isUp) setLink("lo", { up: true });
  setLink(device, { mac, mtu });
  // An interface without an address of IPv6 does not speak it, not even to look for routers.
  if (wanted.some(isIpv6)) enableIpv6(device);
  else disableIpv6(device);
  setLink(device, { up: true });
  const found = listAddresses(device);
  for (const cidr of found) if (!wanted.includes(cidr) && !isOfLink(cidr)) removeAddress(device, cidr);
  for (const cidr of wanted) if (!found.includes(cidr)) addAddress(device, cidr);
}

function isIpv6(cidr: string): boolean {
  return cidr.includes(":");
}

/** The one that the kernel itself gives every link that speaks IPv6. */
function isOfLink(cidr: string): boolean {
  return /^fe80::.*\/64$/.test(cidr);
}
