/**
 * Reads what the host's virtual network shall be out of JSON (untrusted: hostd may have been taken over). Pure.
 * Here it gets its shape; whether such a network can be is decided where it is made.
 * Source: vSphere 8 configuration maximums; IEEE 802.1Q-2018 §9.6.
 */
import { isIP } from "node:net";
import type {
  HostAddress,
  HostNicConfig,
  HostRoute,
  NetworkConfig,
  NetworkPolicy,
  PolicyOverrides,
  PortGroupConfig,
  ResolverConfig,
  SecurityPolicy,
  ShapedWay,
  ShapingPolicy,
  SwitchConfig,
  TeamingPolicy,
  VlanRange,
} from "./network/config.ts";
import { HOST_ADDRESSES_MAX, HOST_DEVICE, HOST_MTU, HOST_NICS_MAX, HOST_ROUTES_MAX, NETSTACK } from "./network/host-nic.ts";
import {
  invalid,
  readFlag,
  readInteger,
  readOneOf,
  readOptional,
  readOptionalFlag,
  readShape,
  readShapes,
  readText,
  readTexts,
  type Shape,
} from "./shape.ts";

/** The number of a switch is one byte of its ports' numbers, of which one bit marks uplinks. */
export const SWITCHES_MAX = 127;
const UPLINKS_MAX = 32; // more than any machine has adapters
const PORT_GROUPS_MAX = 512; // of a standard switch
const NUM_PORTS = { min: 1, max: 4096 };
const MTU = { min: 1280, max: 9000 };
const VLAN = { min: 0, max: 4095 };
const VLAN_OF_TRUNK = { min: 0, max: 4094 };
const TRUNK_RANGES_MAX = 2048; // every second VLAN
const BITS_PER_SECOND = { min: 0, max: 10 ** 13 };
const BURST_BYTES = { min: 0, max: 2 ** 40 };
/** Text without control characters. */
const NAME = /^[^\p{Cc}]+$/u;
const SWITCH_NAME = { max: 32, pattern: NAME };
const PORT_GROUP_NAME = { max: 256, pattern: NAME };
/** Linux's IFNAMSIZ without its terminator; no blank, slash or colon is in such a name. */
const DEVICE_NAME = { max: 15, pattern: /^(?!\.{1,2}$)[!-.0-9;-~]+$/ };

const MAC = { max: 17, pattern: /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/ };
const NETSTACK_NAME_MAX = 32;
const ADDRESS_LENGTH_MAX = 45; // of an IPv6 address that ends with an IPv4 one
const NAME_SERVERS_MAX = 8;
const SEARCH_DOMAINS_MAX = 32;
/** Labels of letters, digits, "-" and "_", apart by dots. */
const DOMAIN_NAME = /^[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?$/i;
const PREFIX_BITS = { min: 1, max: 128 };

/** @throws {Fault} InvalidArgument, which names the field */
export function parseNetworkConfig(shape: Shape): NetworkConfig {
  const hostNics = readOptional(shape, "hostNics", readHostNics);
  const hostRoutes = readOptional(shape, "hostRoutes", readHostRoutes);
  const resolver = readOptional(shape, "resolver", readResolver);
  const switches = readShapes(shape, "switches", SWITCHES_MAX).map(parseSwitch);
  return { switches, ...(resolver && { resolver }), ...(hostNics && { hostNics }), ...(hostRoutes && { hostRoutes }) };
}

function readResolver(shape: Shape, name: string): ResolverConfig {
  const resolver = readShape(shape, name);
  const dhcpDevice = readOptional(resolver, "dhcpDevice", (at, field) =>
    readText(at, field, { max: DEVICE_NAME.max, pattern: HOST_DEVICE }),
  );
  const nameServers = readTexts(resolver, "nameServers", {
    max: ADDRESS_LENGTH_MAX,
    pattern: /^[0-9a-f.:]+$/i,
    countMax: NAME_SERVERS_MAX,
  });
  if (nameServers.some((address) => isIP(address) === 0)) throw invalid(`${resolver.at}.nameServers`, "one is no address");
  const searchDomains = readTexts(resolver, "searchDomains", { max: 253, pattern: DOMAIN_NAME, countMax: SEARCH_DOMAINS_MAX });
  return { nameServers, searchDomains, ...(dhcpDevice !== undefined && { dhcpDevice }) };
}

function readHostRoutes(shape: Shape, name: string): HostRoute[] {
  return readShapes(shape, name, HOST_ROUTES_MAX).map((route) => {
    const device = readOptional(route, "device", (at, field) => readText(at, field, { max: DEVICE_NAME.max, pattern: HOST_DEVICE }));
    return {
      netstack: readText(route, "netstack", { max: NETSTACK_NAME_MAX, pattern: NETSTACK }),
      destination: readText(route, "destination", { max: ADDRESS_LENGTH_MAX + "/128".length }),
      gateway: readText(route, "gateway", { max: ADDRESS_LENGTH_MAX }),
      ...(device !== undefined && { device }),
    };
  });
}

function readHostNics(shape: Shape, name: string): HostNicConfig[] {
  return readShapes(shape, name, HOST_NICS_MAX).map((nic) => ({
    device: readText(nic, "device", { max: DEVICE_NAME.max, pattern: HOST_DEVICE }),
    portGroup: readPortGroupName(nic, "portGroup"),
    mac: readText(nic, "mac", MAC),
    mtu: readInteger(nic, "mtu", HOST_MTU),
    ip: readShapes(nic, "ip", HOST_ADDRESSES_MAX).map(parseHostAddress),
    ...(readOptionalFlag(nic, "dhcp") && { dhcp: true as const }),
    ...(readOptionalFlag(nic, "servesApi") && { servesApi: true as const }),
    ...(readOptionalFlag(nic, "autoconf") && { autoconf: true as const }),
    netstack: readText(nic, "netstack", { max: NETSTACK_NAME_MAX, pattern: NETSTACK }),
  }));
}

/** What others on the network tell is not configured. */
function parseHostAddress(shape: Shape): HostAddress {
  const kind = readOneOf(shape, "kind", ["static"]);
  const address = readText(shape, "address", { max: ADDRESS_LENGTH_MAX });
  if (isIP(address) === 0) throw invalid(`${shape.at}.address`, "is no address");
  return { kind, address, prefixLength: readInteger(shape, "prefixLength", PREFIX_BITS) };
}

/** A VM's NIC names one too. */
export function readPortGroupName(shape: Shape, name: string): string {
  return readText(shape, name, PORT_GROUP_NAME);
}

function parseSwitch(shape: Shape): SwitchConfig {
  const discovery = readOptional(shape, "discovery", (at, name) => readOneOf(at, name, ["cdp", "lldp"]));
  return {
    name: readText(shape, "name", SWITCH_NAME),
    numPorts: readInteger(shape, "numPorts", NUM_PORTS),
    mtu: readInteger(shape, "mtu", MTU),
    uplinks: readDevices(shape, "uplinks"),
    ...(discovery !== undefined && { discovery }),
    policy: parsePolicy(readShape(shape, "policy")),
    portGroups: readShapes(shape, "portGroups", PORT_GROUPS_MAX).map(parsePortGroup),
  };
}

function parsePortGroup(shape: Shape): PortGroupConfig {
  const trunk = readOptional(shape, "trunk", readRanges);
  return {
    name: readPortGroupName(shape, "name"),
    vlanId: readInteger(shape, "vlanId", VLAN),
    ...(trunk && { trunk }),
    overrides: parseOverrides(readShape(shape, "overrides")),
  };
}

function readRanges(shape: Shape, name: string): VlanRange[] {
  return readShapes(shape, name, TRUNK_RANGES_MAX).map((range) => {
    const first = readInteger(range, "first", VLAN_OF_TRUNK);
    return { first, last: readInteger(range, "last", { min: first, max: VLAN_OF_TRUNK.max }) };
  });
}

/** How each field of each policy is read: a switch has them all, a port group those that it overrides. */
const SECURITY = {
  allowPromiscuous: readFlag,
  macChanges: readFlag,
  forgedTransmits: readFlag,
  blockSwitchProtocols: readFlag,
} satisfies FieldReaders<SecurityPolicy>;

const SHAPING = {
  enabled: readFlag,
  averageBandwidth: readBitsPerSecond,
  peakBandwidth: readBitsPerSecond,
  burstSize: readBurst,
} satisfies FieldReaders<ShapedWay>;

const TEAMING = {
  policy: (shape, name) => readOneOf(shape, name, ["loadbalance_srcid", "loadbalance_srcmac", "loadbalance_ip", "failover_explicit"]),
  notifySwitches: readFlag,
  rollingOrder: readFlag,
  checkBeacon: readFlag,
  active: readDevices,
  standby: readDevices,
} satisfies FieldReaders<TeamingPolicy>;

type FieldReaders<Policy> = { readonly [Field in keyof Policy]-?: (shape: Shape, name: string) => Policy[Field] };

function parsePolicy(shape: Shape): NetworkPolicy {
  const shaping = readShape(shape, "shaping");
  return {
    security: readAll(readShape(shape, "security"), SECURITY),
    shaping: { ...readAll(shaping, SHAPING), ...parseInbound(shaping) },
    teaming: readAll(readShape(shape, "teaming"), TEAMING),
  };
}

function parseOverrides(shape: Shape): PolicyOverrides {
  const security = readOptional(shape, "security", readShape);
  const shaping = readOptional(shape, "shaping", readShape);
  const teaming = readOptional(shape, "teaming", readShape);
  return {
    ...(security && { security: readSome(security, SECURITY) }),
    ...(shaping && { shaping: { ...readSome(shaping, SHAPING), ...parseInbound(shaping) } }),
    ...(teaming && { teaming: readSome(teaming, TEAMING) }),
  };
}

function parseInbound(shaping: Shape): Pick<ShapingPolicy, "inbound"> {
  const shape = readOptional(shaping, "inbound", readShape);
  return shape === undefined ? {} : { inbound: readAll(shape, SHAPING) };
}

function readAll<Policy>(shape: Shape, readers: FieldReaders<Policy>): Policy {
  return readSome(shape, readers, () => true) as Policy;
}

function readSome<Policy>(
  shape: Shape,
  readers: FieldReaders<Policy>,
  isWanted = (name: string) => Object.hasOwn(shape.fields, name),
): Partial<Policy> {
  const names = (Object.keys(readers) as (keyof Policy & string)[]).filter(isWanted);
  return Object.fromEntries(names.map((name) => [name, readers[name](shape, name)])) as Partial<Policy>;
}

function readDevices(shape: Shape, name: string): string[] {
  return readTexts(shape, name, { ...DEVICE_NAME, countMax: UPLINKS_MAX });
}

function readBitsPerSecond(shape: Shape, name: string): number {
  return readInteger(shape, name, BITS_PER_SECOND);
}

function readBurst(shape: Shape, name: string): number {
  return readInteger(shape, name, BURST_BYTES);
}
