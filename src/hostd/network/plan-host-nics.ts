/**
 * What a client's request makes of the host's own interfaces: the whole network as it shall be, or a fault. Pure.
 * Source: vim25 HostNetworkSystem (AddVirtualNic and its like), HostVirtualNicManager, HostVirtualNicSpec.
 */
import { isIPv4, isIPv6 } from "node:net";
import { checkHostNics, HOST_NICS_MAX, type HostNicConfig } from "../../vmkernel/index.ts";
import { fault, type HostIpConfig, type HostVirtualNicSpec } from "../../wire/index.ts";
import { parseMac } from "../vm-config/index.ts";
import { findPortGroup, type HostNic, MTU, type VirtualNetwork } from "./network-config.ts";
import { invalidArgument, notSupported } from "./parse-policy.ts";
import { alreadyExists, type NetworkFacts, notFound, tooMany } from "./plan-network.ts";

type HostAddress = HostNicConfig["ip"][number];

/** The netstacks that every ESXi host has: one for all, and two whose interfaces are for their one service alone. */
export const DEFAULT_STACK = "defaultTcpipStack";
const STACKS_OF_ONE: Readonly<Record<string, string>> = { vmotion: "vmotion", vSphereProvisioning: "vSphereProvisioning" };
export const NETSTACKS: readonly string[] = [DEFAULT_STACK, ...Object.keys(STACKS_OF_ONE)];

/** What an interface can be chosen for: vim25 HostVirtualNicManagerNicType. */
export const NIC_TYPES: readonly string[] = [
  "vmotion",
  "faultToleranceLogging",
  "vSphereReplication",
  "vSphereReplicationNFC",
  "management",
  "vsan",
  "vSphereProvisioning",
  "vsanWitness",
  "vSphereBackupNFC",
  "ptp",
  "nvmeTcp",
  "nvmeRdma",
  "vsanExternal",
];
const MANAGEMENT = "management";

interface AddRequest {
  readonly portgroup: string;
  readonly nic: HostVirtualNicSpec;
  /** Its address where the client gives none. */
  readonly mac: string;
}

/**
 * The lowest device that is free gets it.
 * @throws {Fault} AlreadyExists (a port group has one interface), HostConfigFault (VMs are connected), InvalidArgument, NotSupported
 */
export function addHostNic(network: VirtualNetwork, { portgroup, nic, mac }: AddRequest, facts: NetworkFacts): VirtualNetwork {
  const device = freeDevice(network);
  const netstack = nic.netStackInstanceKey ?? DEFAULT_STACK;
  if (!NETSTACKS.includes(netstack)) throw invalidArgument("nic.netStackInstanceKey", `it is one of ${NETSTACKS.join(", ")}`);
  const only = STACKS_OF_ONE[netstack];
  const fresh: HostNic = { device, portGroup: "", mac, mtu: MTU.default, ip: [], netstack, services: only === undefined ? [] : [only] };
  const added = applySpec(fresh, { ...nic, portgroup });
  checkPlace(network, added, facts);
  return checked({ ...network, hostNics: [...network.hostNics, added] });
}

/** @throws {Fault} NotFound, AlreadyExists, HostConfigFault, InvalidArgument, NotSupported */
export function updateHostNic(
  network: VirtualNetwork,
  { device, nic }: { readonly device: string; readonly nic: HostVirtualNicSpec },
  facts: NetworkFacts,
): VirtualNetwork {
  const before = requireNic(network, device);
  if ((nic.netStackInstanceKey ?? before.netstack) !== before.netstack)
    throw invalidArgument("nic.netStackInstanceKey", "an interface keeps its netstack");
  const changed = applySpec(before, nic);
  if (changed.portGroup !== before.portGroup) checkPlace(network, changed, facts);
  return checked(replaceNic(network, changed));
}

/** @throws {Fault} NotFound, HostConfigFault for the last one that the host is managed by */
export function removeHostNic(network: VirtualNetwork, device: string): VirtualNetwork {
  const nic = requireNic(network, device);
  if (isLastFor(network, nic, MANAGEMENT)) {
    const message = `${device} is in use: it is the last interface that is chosen for management.`;
    throw fault("HostConfigFault", message, {});
  }
  // A route by it, and name servers that it would be told of, have nothing to hold on to.
  const hostRoutes = network.hostRoutes.filter((route) => route.device !== device || route.netstack !== nic.netstack);
  const { resolver, ...others } = network;
  const kept = resolver?.dhcpDevice === device ? {} : { ...(resolver && { resolver }) };
  return { ...others, ...kept, hostRoutes, hostNics: network.hostNics.filter((one) => one !== nic) };
}

export interface Choice {
  readonly nicType: string;
  readonly device: string;
}

/** @throws {Fault} InvalidArgument */
export function selectHostNic(network: VirtualNetwork, choice: Choice): VirtualNetwork {
  const nic = requireCandidate(network, choice);
  return replaceNic(network, { ...nic, services: NIC_TYPES.filter((type) => type === choice.nicType || nic.services.includes(type)) });
}

/** @throws {Fault} InvalidArgument, HostConfigFault for the last one that the host is managed by */
export function deselectHostNic(network: VirtualNetwork, choice: Choice): VirtualNetwork {
  const nic = requireCandidate(network, choice);
  if (choice.nicType === MANAGEMENT && isLastFor(network, nic, MANAGEMENT))
    throw fault("HostConfigFault", `${nic.device} is the last interface that is chosen for management.`, {});
  return replaceNic(network, { ...nic, services: nic.services.filter((type) => type !== choice.nicType) });
}

/** Those that can be chosen for it. */
export function candidatesFor({ hostNics }: VirtualNetwork, nicType: string): readonly HostNic[] {
  return hostNics.filter(({ netstack }) => (STACKS_OF_ONE[netstack] ?? nicType) === nicType);
}

export function requireNicType(nicType: string): void {
  if (!NIC_TYPES.includes(nicType)) throw invalidArgument("nicType", "it names no use of an interface");
}

function requireCandidate(network: VirtualNetwork, { nicType, device }: Choice): HostNic {
  requireNicType(nicType);
  const nic = candidatesFor(network, nicType).find((one) => one.device === device);
  if (nic === undefined) throw invalidArgument("device", `the host has no interface ${device.slice(0, 32)} that can be chosen for this`);
  return nic;
}

function isLastFor({ hostNics }: VirtualNetwork, { device }: HostNic, service: string): boolean {
  const chosen = hostNics.filter(({ services }) => services.includes(service));
  return chosen.length === 1 && chosen[0]?.device === device;
}

function requireNic({ hostNics }: VirtualNetwork, device: string): HostNic {
  const nic = hostNics.find((one) => one.device === device);
  if (nic === undefined) throw notFound("virtual network adapter", device);
  return nic;
}

function replaceNic(network: VirtualNetwork, nic: HostNic): VirtualNetwork {
  return { ...network, hostNics: network.hostNics.map((one) => (one.device === nic.device ? nic : one)) };
}

function freeDevice({ hostNics }: VirtualNetwork): string {
  const taken = new Set(hostNics.map(({ device }) => device));
  const number = Array.from({ length: HOST_NICS_MAX }, (_, candidate) => candidate).find((candidate) => !taken.has(`vmk${candidate}`));
  if (number === undefined) throw tooMany(`The host has ${HOST_NICS_MAX} virtual network adapters already.`);
  return `vmk${number}`;
}

/** A port group is the host's or VMs': who brings both together does so on two port groups of one switch and VLAN. */
function checkPlace(network: VirtualNetwork, { device, portGroup }: HostNic, { inUse }: NetworkFacts): void {
  if (findPortGroup(network, portGroup) === undefined)
    throw invalidArgument("portgroup", `the host has no port group ${portGroup.slice(0, 256)}`);
  if (network.hostNics.some((one) => one.device !== device && one.portGroup === portGroup)) {
    throw alreadyExists("virtual network adapter on the port group", portGroup);
  }
  const user = inUse.get(portGroup);
  if (user === undefined) return;
  throw fault("HostConfigFault", `${portGroup} is in use: ${user} is connected to it.`, {});
}

/** As vmkernel checks it, before it is asked. */
function checked(network: VirtualNetwork): VirtualNetwork {
  checkHostNics(network);
  return network;
}

/** What this host has no such thing of. */
const ABSENT = [
  "distributedVirtualPort",
  "opaqueNetwork",
  "externalId",
  "pinnedPnic",
  "ipRouteSpec",
  "dpuId",
] as const satisfies readonly (keyof HostVirtualNicSpec)[];

/** What the spec leaves out stays. */
function applySpec(nic: HostNic, spec: HostVirtualNicSpec): HostNic {
  const absent = ABSENT.find((part) => spec[part] !== undefined);
  if (absent !== undefined) throw notSupported(`nic.${absent}`);
  if (spec.tsoEnabled === false) throw notSupported("nic.tsoEnabled");
  if (spec.systemOwned === true) throw notSupported("nic.systemOwned");
  const mac = spec.mac === undefined ? nic.mac : parseMac(spec.mac);
  if (mac === undefined) throw invalidArgument("nic.mac", "it is no address of a single adapter");
  const { dhcp: _, autoconf: __, ...others } = nic;
  return {
    ...others,
    mac,
    portGroup: spec.portgroup ?? nic.portGroup,
    mtu: spec.mtu ?? nic.mtu,
    ...(spec.ip === undefined ? askingOf(nic) : addressesOf(spec.ip, nic)),
  };
}

type Addressing = Pick<HostNic, "ip" | "dhcp" | "autoconf">;

function askingOf({ ip, dhcp, autoconf }: HostNic): Addressing {
  return { ip, ...(dhcp && { dhcp }), ...(autoconf && { autoconf }) };
}

/** IPv4 is as it is said, or there is none; of IPv6 nothing is changed where nothing is said. */
function addressesOf(config: HostIpConfig, { ip: before, autoconf: followed }: HostNic): Addressing {
  const { dhcp, ipV6Config } = config;
  // What a server gives is shown as its address: a client that says it again does not mean it.
  const ipv4 = dhcp ? [] : ipv4Of(config);
  const hadIpv6 = before.filter(({ address }) => isIPv6(address));
  const autoconf = ipV6Config?.autoConfigurationEnabled ?? followed === true;
  return { ip: [...ipv4, ...ipv6Of(config, hadIpv6)], ...(dhcp && { dhcp: true as const }), ...(autoconf && { autoconf: true as const }) };
}

function ipv4Of({ ipAddress = "", subnetMask = "" }: HostIpConfig): readonly HostAddress[] {
  if (ipAddress === "" && subnetMask === "") return [];
  if (!isIPv4(ipAddress)) throw invalidArgument("nic.ip.ipAddress", "it is no address of IPv4");
  return [{ kind: "static", address: ipAddress, prefixLength: prefixOf(subnetMask) }];
}

function prefixOf(mask: string): number {
  const bits = isIPv4(mask)
    ? mask
        .split(".")
        .map((byte) => Number(byte).toString(2).padStart(8, "0"))
        .join("")
    : "";
  if (!/^1+0*$/.test(bits)) throw invalidArgument("nic.ip.subnetMask", "it is no mask of a network");
  return bits.replaceAll("0", "").length;
}

/** Entries that say an operation change the list; without one they are the list. */
function ipv6Of({ ipV6Config }: HostIpConfig, before: readonly HostAddress[]): readonly HostAddress[] {
  if (ipV6Config === undefined) return before;
  const at = "nic.ip.ipV6Config";
  if (ipV6Config.dhcpV6Enabled === true) throw notSupported(`${at}.dhcpV6Enabled`);
  const entries = ipV6Config.ipV6Address ?? [];
  let addresses = entries.some(({ operation }) => operation !== undefined) ? before : [];
  for (const { ipAddress, prefixLength, operation = "add", origin = "manual" } of entries) {
    if (origin !== "manual") continue; // shown, and told by others
    if (!isIPv6(ipAddress)) throw invalidArgument(`${at}.ipV6Address.ipAddress`, "it is no address of IPv6");
    if (operation !== "add" && operation !== "remove") throw invalidArgument(`${at}.ipV6Address.operation`, "it is add or remove");
    addresses = addresses.filter(({ address }) => address !== ipAddress.toLowerCase());
    if (operation === "add") addresses = [...addresses, { kind: "static", address: ipAddress.toLowerCase(), prefixLength }];
  }
  return addresses;
}
