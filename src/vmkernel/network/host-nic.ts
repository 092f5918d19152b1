/**
 * The host's own interfaces as ports of switches: what each is called on either side, and whether such interfaces can be. Pure.
 * vim25 HostVirtualNic, HostNetStackInstance; paper «Virtual Networking Layer».
 */
import { isIP, isIPv6 } from "node:net";
import type { Fault } from "../../base/index.ts";
import { fault } from "../../wire/index.ts";
import { addressBytes } from "./compile/firewall/address.ts";
import type { Connectee, HostAddress, HostNicConfig, HostRoute, Learned, NetworkConfig, PortNic } from "./config.ts";
import { isGroupMac, isMac, macBytes } from "./mac.ts";

/** vmk0 to vmk255. */
export const HOST_NICS_MAX = 256;
/** As many as a client can say for one. */
export const HOST_ADDRESSES_MAX = 64;
/** IPv6 has no smaller one. */
export const HOST_MTU = { min: 1280, max: 9000 };
export const HOST_DEVICE = /^vmk(?:\d|[1-9]\d|1\d\d|2[0-4]\d|25[0-5])$/;
/** It is part of a file's name. */
export const NETSTACK = /^[\w-]{1,32}$/;
const PREFIX_BITS_MAX = { 4: 32, 6: 128 } as const;

/** The switch's end of the cable, in the switches' namespace; the other end is the interface. */
export function hostPortDevice(device: string): string {
  return `${device}-port`;
}

/** Whether a link of the switches' namespace is the end of such a cable. */
export function isHostPort(link: string): boolean {
  return link.endsWith("-port") && HOST_DEVICE.test(link.slice(0, -"-port".length));
}

/** @param learned until it is told, an interface that asks for its address takes what is for all, and nothing else */
export function portOfHostNic(
  { device, portGroup, mac, ip }: HostNicConfig,
  { lease, autoconf = [] }: Learned = {},
): {
  readonly device: string;
  readonly connectee: Connectee;
  readonly nic: PortNic;
} {
  return {
    device: hostPortDevice(device),
    connectee: { kind: "host", device },
    nic: { portGroup, initialMac: mac, effectiveMac: mac, ip: [...ip, ...addressOf(lease), ...autoconf] },
  };
}

/** Of IPv4, as a server gave it. */
export function addressOf(lease: Learned["lease"]): readonly HostAddress[] {
  return lease === undefined ? [] : [{ kind: "dhcp", address: lease.address, prefixLength: lease.prefixLength }];
}

/** "192.0.2.1/24", as the kernel takes and shows it. */
export function cidrOf({ address, prefixLength }: Omit<HostAddress, "kind"> & Partial<Pick<HostAddress, "kind">>): string {
  return `${isIPv6(address) ? shortForm(address) : address}/${prefixLength}`;
}

/** Of a network, as the kernel shows it: without what is beyond its prefix. */
export function shortCidr(text: string): string {
  const [address = "", bits] = text.split("/");
  return cidrOf({ address, prefixLength: Number(bits) });
}

/** The second half of the addresses that an interface gives itself: RFC 4291 appendix A. As eight bytes. */
export function interfaceId(mac: string): Buffer {
  const bytes = macBytes(mac);
  return Buffer.from([bytes.readUInt8(0) ^ 2, bytes.readUInt8(1), bytes.readUInt8(2), 0xff, 0xfe, ...bytes.subarray(3)]);
}

export function hasInterfaceId(address: string, id: Buffer): boolean {
  return addressBytes(address).subarray(8).equals(id);
}

/** RFC 5952. */
function shortForm(address: string): string {
  return new URL(`http://[${address}]`).hostname.slice(1, -1);
}

/** @throws {Fault} AlreadyExists, NotFound or InvalidArgument, which names what it is about */
export function checkHostNics({ switches, hostNics = [], hostRoutes = [] }: NetworkConfig): void {
  if (hostNics.length > HOST_NICS_MAX) throw invalid("hostNics", `A host has at most ${HOST_NICS_MAX} interfaces of its own.`);
  const groups = new Set(switches.flatMap(({ portGroups }) => portGroups.map(({ name }) => name)));
  checkRoutes(hostRoutes, hostNics);
  const [devices, macs, addresses] = [new Set<string>(), new Set<string>(), new Set<string>()];
  for (const nic of hostNics) {
    checkHostNic(nic);
    const { device, portGroup, mac, ip, netstack } = nic;
    if (!groups.has(portGroup)) throw fault("NotFound", `${device} is to be on the port group ${portGroup}, which is not there.`, {});
    claim(devices, device, () => fault("AlreadyExists", `There is an interface ${device} already.`, { name: device }));
    claim(macs, mac, () => invalid("nic.mac", `${device} is not the only interface with the address ${mac}.`));
    for (const one of ip) {
      const cidr = cidrOf(one);
      const host = cidr.slice(0, cidr.indexOf("/"));
      claim(addresses, `${netstack} ${host}`, () => invalid("nic.ip", `${device} is not the only interface of ${netstack} with ${host}.`));
    }
  }
}

/** As many as a client has reason to say. */
export const HOST_ROUTES_MAX = 1024;

/** @throws {Fault} InvalidArgument, which names what it is about */
function checkRoutes(routes: readonly HostRoute[], nics: readonly HostNicConfig[]): void {
  if (routes.length > HOST_ROUTES_MAX) throw invalid("ipRoute", `A host has at most ${HOST_ROUTES_MAX} routes.`);
  const destinations = new Set<string>();
  for (const { netstack, destination, gateway, device } of routes) {
    const [network = "", bits = ""] = destination.split("/");
    const version = isIP(network);
    if (version === 0 || network.includes("%")) throw invalid("ipRoute.network", `${destination} is no network.`);
    const max = PREFIX_BITS_MAX[version === 4 ? 4 : 6];
    if (!/^\d{1,3}$/.test(bits) || Number(bits) > max)
      throw invalid("ipRoute.prefixLength", `${destination} has no prefix of 0 to ${max} bits.`);
    if (isIP(gateway) !== version || gateway.includes("%") || isReserved(gateway))
      throw invalid("ipRoute.gateway", `${gateway} is no gateway to ${destination}.`);
    if (device !== undefined && !nics.some((nic) => nic.device === device && nic.netstack === netstack))
      throw invalid("ipRoute.deviceName", `${netstack} has no interface ${device}.`);
    claim(destinations, `${netstack} ${destination}`, () => invalid("ipRoute", `There are two routes to ${destination}.`));
  }
}

function checkHostNic({ device, mac, mtu, ip, netstack, dhcp }: HostNicConfig): void {
  if (!HOST_DEVICE.test(device)) throw invalid("device", `${device} is not one of vmk0 to vmk${HOST_NICS_MAX - 1}.`);
  if (!isMac(mac) || isGroupMac(mac)) throw invalid("nic.mac", `${mac} is no MAC address that an interface can have.`);
  if (!Number.isInteger(mtu) || mtu < HOST_MTU.min || mtu > HOST_MTU.max) {
    throw invalid("nic.mtu", `The MTU of ${device} is ${mtu}, not within ${HOST_MTU.min} to ${HOST_MTU.max}.`);
  }
  if (!NETSTACK.test(netstack)) throw invalid("nic.netStackInstanceKey", `${JSON.stringify(netstack)} is no name for a netstack.`);
  if (ip.length > HOST_ADDRESSES_MAX) throw invalid("nic.ip", `${device} has more than ${HOST_ADDRESSES_MAX} addresses.`);
  for (const one of ip) checkAddress(one, device);
  if (dhcp && ip.some(({ address }) => !isIPv6(address))) throw invalid("nic.ip.dhcp", `${device} has an address of IPv4 already.`);
}

function checkAddress({ address, prefixLength }: HostAddress, device: string): void {
  const version = isIP(address);
  const isPlain = version === 4 || (version === 6 && !address.includes("%"));
  if (!isPlain || isReserved(address)) throw invalid("nic.ip", `${device} cannot have the address ${address}.`);
  const max = PREFIX_BITS_MAX[version === 4 ? 4 : 6];
  if (!Number.isInteger(prefixLength) || prefixLength < 1 || prefixLength > max) {
    throw invalid("nic.ip", `The prefix of ${address} has ${prefixLength} bits, not 1 to ${max}.`);
  }
}

/** Nobody's (0.0.0.0, ::), the loopback's, and those of groups. */
function isReserved(address: string): boolean {
  if (!isIPv6(address)) {
    const first = Number(address.split(".")[0]);
    return first === 0 || first === 127 || first >= 224;
  }
  const short = shortForm(address);
  return short === "::" || short === "::1" || short.startsWith("ff");
}

function claim(taken: Set<string>, what: string, refusal: () => Fault): void {
  if (taken.has(what)) throw refusal();
  taken.add(what);
}

function invalid(property: string, message: string): Fault {
  return fault("InvalidArgument", message, { invalidProperty: property });
}
