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
  addRoute,
  createVeth,
  deleteLink,
  disableIpv6,
  enableIpv6,
  findLink,
  followRouters,
  followsRouters,
  hasIpv6,
  inNamespace,
  isNamespace,
  linkIndex,
  listAddresses,
  listDuplicates,
  listenTcp,
  listLinks,
  listRoutes,
  makeNamespace,
  moveLink,
  type Route,
  removeAddress,
  removeNamespace,
  removeRoute,
  setHostRules,
  setLink,
} from "../../system/index.ts";
import { fault } from "../../wire/index.ts";
import type { HostAddress, HostNicConfig, Learned, Lease, NetworkConfig } from "./config.ts";
import { addressOf, cidrOf, hasInterfaceId, hostPortDevice, interfaceId, isHostPort, shortCidr } from "./host-nic.ts";
import { type PlannedRoute, planHostRoutes } from "./plan-host-routes.ts";
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

/** What all of them are made from. */
export interface Ways {
  readonly config: NetworkConfig;
  readonly learned: Readonly<Record<string, Learned>>;
}

/** An interface with what it was told. */
interface MadeNic extends HostNicConfig {
  readonly lease: Lease | undefined;
}

export class HostNics {
  readonly #parts: HostNicsParts;
  /** As they were made, by their devices: what an earlier vmkernel made is not known, and looked at anew. */
  readonly #made = new Map<string, MadeNic>();
  #routes: Ways = { config: { switches: [] }, learned: {} };

  constructor(parts: HostNicsParts) {
    this.#parts = parts;
  }

  /** Makes those that are new, and changes those that are other than before. The switch's end of a new one is down yet. */
  apply(ways: Ways, undo: Steps): void {
    const { config, learned } = ways;
    // Last of all: a netstack that was made for what could not be.
    undo.add(() => this.#removeStacksBut([...this.#made.values()]));
    const before = this.#routes;
    undo.add(() => this.#settleRoutes(before));
    for (const configured of config.hostNics ?? []) this.#applyNic({ ...configured, lease: learned[configured.device]?.lease }, undo);
    this.#settleRoutes(ways);
  }

  #applyNic(nic: MadeNic, undo: Steps): void {
    const before = this.#made.get(nic.device);
    if (isDeepStrictEqual(before, nic)) return;
    const wasThere = this.#there(() => linkIndex(hostPortDevice(nic.device))) !== undefined;
    undo.add(() => {
      if (before !== undefined) this.#become(before);
      else if (!wasThere) this.#delete(nic.device);
    });
    this.#become(nic);
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

  /** Interfaces that follow what routers tell, with the addresses of IPv6 that they have by that. */
  autoconfigured(): ReadonlyMap<string, readonly HostAddress[]> {
    const following = [...this.#made.values()].filter(({ autoconf }) => autoconf === true);
    return new Map(following.map((nic) => [nic.device, inNamespace(this.#stack(nic.netstack), () => autoconfOf(nic))]));
  }

  /** Of interfaces that speak IPv6: addresses that another host on their network has, too. */
  duplicates(): Readonly<Record<string, readonly string[]>> {
    const speaking = [...this.#made.values()].filter(({ ip, autoconf }) => autoconf === true || ip.some(({ address }) => isIpv6(address)));
    const found: Record<string, readonly string[]> = {};
    for (const { device, netstack } of speaking) {
      this.#trying(`looking whether others have addresses of ${device}`, () => {
        const cidrs = inNamespace(this.#stack(netstack), () => listDuplicates(device));
        if (cidrs.length > 0) found[device] = cidrs.map((cidr) => cidr.slice(0, cidr.indexOf("/")));
      });
    }
    return found;
  }

  /**
   * A socket that listens on all addresses of an interface, those that it will yet get among them.
   * @returns a descriptor, the caller's to close
   * @throws {Fault} NotFound, InvalidArgument where nothing is served on it
   */
  listen(device: string, port: number): number {
    const nic = this.#made.get(device);
    if (nic === undefined) throw fault("NotFound", `The host has no interface ${device}.`, {});
    if (!nic.servesApi)
      throw fault("InvalidArgument", `${device} is not an interface that the API is served on.`, { invalidProperty: "device" });
    return inNamespace(this.#stack(nic.netstack), () => listenTcp(hasIpv6() ? "::" : "0.0.0.0", port, device));
  }

  /** A route that cannot be made is missing, and what it is about goes on. */
  #settleRoutes(ways: Ways): void {
    this.#routes = ways;
    const { config, learned } = ways;
    const nics = config.hostNics ?? [];
    for (const netstack of new Set(nics.map((nic) => nic.netstack))) {
      const own = nics.filter((nic) => nic.netstack === netstack);
      const routes = (config.hostRoutes ?? []).filter((route) => route.netstack === netstack);
      const planned = planHostRoutes(own, routes, learned);
      this.#trying(`settling the routes of ${netstack}`, () =>
        inNamespace(this.#stack(netstack), () => {
          for (const { device } of own) settleRoutes(device, planned);
        }),
      );
    }
  }

  /** However it is now, and wherever. */
  #become(nic: MadeNic): void {
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
function settle({ device, mac, mtu, ip, lease, autoconf }: MadeNic): void {
  const wanted = [...ip, ...addressOf(lease)].map(cidrOf);
  if (!findLink("lo")?.isUp) setLink("lo", { up: true });
  setLink(device, { mac, mtu });
  // Routers are asked, and what they told before is forgotten, as IPv6 begins.
  const follows = autoconf === true;
  if (followsRouters(device) !== follows) {
    disableIpv6(device);
    followRouters(device, follows);
  }
  // An interface without an address of IPv6 does not speak it, not even to look for routers.
  if (wanted.some(isIpv6) || follows) enableIpv6(device);
  else disableIpv6(device);
  setLink(device, { up: true });
  const found = listAddresses(device);
  const told = new Set(autoconf === true ? autoconfOf({ device, mac }).map(cidrOf) : []);
  for (const cidr of found) if (!wanted.includes(cidr) && !isOfLink(cidr) && !told.has(cidr)) removeAddress(device, cidr);
  for (const cidr of wanted) if (!found.includes(cidr)) addAddress(device, cidr);
}

/** Its own of IPv6 end with what its MAC address says. */
function autoconfOf({ device, mac }: Pick<HostNicConfig, "device" | "mac">): readonly HostAddress[] {
  const ending = interfaceId(mac);
  return listAddresses(device).flatMap((cidr) => {
    const [address = "", bits] = cidr.split("/");
    if (!isIpv6(address) || isOfLink(cidr) || !hasInterfaceId(address, ending)) return [];
    return [{ kind: "autoconf" as const, address, prefixLength: Number(bits) }];
  });
}

/** Those of one interface, made and removed until they are as planned; what routers told is the kernel's. */
function settleRoutes(device: string, planned: readonly PlannedRoute[]): void {
  const wanted = planned.filter((route) => route.device === device);
  const found = listRoutes(device).filter(({ protocol }) => protocol === undefined);
  const same = (one: Pick<PlannedRoute, "destination">, other: Route): boolean => shortCidr(one.destination) === other.destination;
  for (const route of found) {
    if (!wanted.some((one) => same(one, route) && one.gateway === route.gateway)) removeRoute(device, route);
  }
  for (const { destination, gateway } of wanted) {
    if (!found.some((route) => same({ destination }, route) && route.gateway === gateway)) addRoute(device, { destination, gateway });
  }
}

function isIpv6(cidr: string): boolean {
  return cidr.includes(":");
}

/** The one that the kernel itself gives every link that speaks IPv6. */
function isOfLink(cidr: string): boolean {
  return /^fe80::.*\/64$/.test(cidr);
}
