/** Configurations by chance: few addresses, VLANs and ports, so that what is near each other meets often. Pure. For tests. */
import type {
  Firewall,
  FirewallRule,
  GroupFilter,
  NetworkConfig,
  PolicyOverrides,
  PortGroupConfig,
  SecurityPolicy,
  SwitchConfig,
  TeamingPolicy,
  VlanRange,
} from "../../src/vmkernel/network/config.ts";
import { makeGroup, makeNic, makeSwitch } from "./build-network.ts";
import type { Random } from "./random.ts";
import type { PluggedNic } from "./switch-model.ts";

export const NIC_NAMES = ["vm1", "vm2", "vm3", "vm4", "vm5", "vm6", "vm7"] as const;
export const UPLINK_NAMES = ["up0", "up1", "up2"] as const;
export const VLANS = [1, 10, 20, 30, 4094] as const;
const GROUPS_EACH = 3;
/** Random frames have 1,500 bytes and one more in them, and near 9,000. */
const MTUS = [1500, 1500, 1501, 9000];
export const GROUPS = ["01:00:5e:00:00:fb", "33:33:00:00:00:01", "01:00:0c:cc:cc:ce", "01:80:c2:00:00:10"] as const;
/** No port has it. */
export const STRANGER_MAC = "00:50:56:00:00:99";
export const LOCAL_PORTS = [1000, 1001, 5000] as const;
export const REMOTE_PORTS = [1000, 53, 5000, 65535] as const;

export interface RandomNetwork {
  readonly config: NetworkConfig;
  readonly nics: readonly PluggedNic[];
  /** IP addresses are of this round alone, so that what firewalls have forgotten of rounds long ago does not matter. */
  readonly round: number;
}

export function macOf(nic: number): string {
  return `00:50:56:00:00:0${nic + 1}`;
}

/** @param host 0–255; NICs have their own numbers, those outside have others */
export function ipv4Of(round: number, host: number): string {
  return `10.${(round >> 8) & 0xff}.${round & 0xff}.${host}`;
}

export function ipv6Of(round: number, host: number): string {
  return `fd00:${(round & 0xffff).toString(16)}::${host.toString(16)}`;
}

export interface NetworkChoice {
  readonly round: number;
  /** By switch. They change hands seldom: that takes the kernel longest. */
  readonly uplinks: readonly (readonly string[])[];
  /** NICs of the network before, most of which stay as they are. */
  readonly before?: readonly PluggedNic[];
}

export function randomNetwork(random: Random, { round, uplinks, before = [] }: NetworkChoice): RandomNetwork {
  const switches = uplinks.map((devices, at) => randomSwitch(random, `vSwitch${at}`, devices));
  const groups = switches.flatMap(({ portGroups }) => portGroups.map(({ name }) => name));
  const nics = NIC_NAMES.map((name, at) => {
    const kept = random.chance(75) ? before[at] : undefined;
    return kept ?? randomNic(random, { name, at, groups, round });
  });
  return { config: { switches }, nics, round };
}

/** Which uplinks each of two switches has; some have none. */
export function randomUplinks(random: Random): readonly (readonly string[])[] {
  const owners = UPLINK_NAMES.map((device) => ({ device, owner: random.below(3) }));
  return [0, 1].map((at) => owners.filter(({ owner }) => owner === at).map(({ device }) => device));
}

function randomSwitch(random: Random, name: string, uplinks: readonly string[]): SwitchConfig {
  const groups = Array.from({ length: random.chance(90) ? GROUPS_EACH : random.below(GROUPS_EACH) }, (_, at) =>
    randomGroup(random, `${name} group ${at}`, uplinks),
  );
  const own = makeSwitch({ name, uplinks, security: randomSecurity(random), teaming: randomTeaming(random, uplinks), groups });
  return { ...own, mtu: random.pick(MTUS) };
}

function randomGroup(random: Random, name: string, uplinks: readonly string[]): PortGroupConfig {
  const overrides: PolicyOverrides = {
    ...(random.chance(40) && { security: Object.fromEntries(random.some(Object.entries(randomSecurity(random)), 50)) }),
    ...(random.chance(30) && { teaming: randomTeaming(random, uplinks) }),
    ...(random.chance(5) && { teaming: { policy: "failover_explicit" as const, active: random.some(uplinks, 60) } }),
  };
  if (random.chance(35)) return makeGroup(name, 0, overrides);
  if (random.chance(60)) return makeGroup(name, random.chance(60) ? 10 : random.pick(VLANS), overrides);
  return makeGroup(name, 4095, overrides, random.chance(40) ? undefined : randomTrunk(random));
}

function randomTrunk(random: Random): readonly VlanRange[] {
  return Array.from({ length: random.between(1, 3) }, () => {
    const edges = [random.pick([0, ...VLANS]), random.pick([0, ...VLANS])].sort((a, b) => a - b);
    return { first: edges[0] ?? 0, last: edges[1] ?? 0 };
  });
}

function randomSecurity(random: Random): SecurityPolicy {
  return {
    allowPromiscuous: random.chance(20),
    macChanges: random.chance(50),
    forgedTransmits: random.chance(40),
    blockSwitchProtocols: random.chance(60),
  };
}

/** By a hash of the frame, an order, or port id where only one is active: each has one answer, which the model knows. */
function randomTeaming(random: Random, uplinks: readonly string[]): Pick<TeamingPolicy, "policy" | "active" | "standby"> {
  const [first, ...others] = random.some(uplinks, 80);
  if (uplinks.length > 1 && random.chance(40))
    return { policy: random.pick(["loadbalance_srcmac", "loadbalance_ip"] as const), active: uplinks, standby: [] };
  if (first !== undefined && random.chance(50)) return { policy: "loadbalance_srcid", active: [first], standby: others };
  const active = [first, ...others].filter((device) => device !== undefined).filter(() => random.chance(60));
  const standby = others.filter((device) => !active.includes(device));
  return { policy: "failover_explicit", active, standby };
}

interface NicChoice {
  readonly name: string;
  readonly at: number;
  readonly groups: readonly string[];
  readonly round: number;
}

function randomNic(random: Random, { name, at, groups, round }: NicChoice): PluggedNic {
  // A configuration may give one address twice; a guest may want any.
  const mac = random.chance(96) ? macOf(at) : macOf(random.below(NIC_NAMES.length));
  const effectiveMac = random.chance(80) ? mac : random.pick([macOf(random.below(NIC_NAMES.length)), STRANGER_MAC, macOf(8)]);
  return makeNic({
    name,
    group: random.chance(97) ? random.pick(groups) : "a group that is gone",
    mac,
    effectiveMac,
    connected: random.chance(96),
    ...(random.chance(40) && { groups: randomGroups(random) }),
    ...(random.chance(40) && { firewall: randomFirewall(random, round) }),
  });
}

function randomGroups(random: Random): GroupFilter {
  const others = Array.from({ length: random.pick([0, 0, 1, 3, 60]) }, (_, at) => `33:33:00:00:0a:${at.toString(16).padStart(2, "0")}`);
  const multicast = random.chance(25) ? "all" : [...random.some(GROUPS, 50), ...others].sort();
  return { broadcast: random.chance(70), multicast };
}

function randomFirewall(random: Random, round: number): Firewall {
  const count = random.chance(90) ? random.below(6) : random.chance(80) ? random.between(10, 40) : random.between(190, 260);
  return {
    rules: Array.from({ length: count }, () => randomRule(random, round)),
    otherwise: random.chance(50) ? "deny" : "allow",
  };
}

function randomRule(random: Random, round: number): FirewallRule {
  const protocol = random.pick([undefined, "tcp", "tcp", "udp", "udp", "icmp", "icmpv6", "arp", 47, 17] as const);
  const hasPorts = protocol === "tcp" || protocol === "udp" || protocol === 17;
  const isIcmp = protocol === "icmp" || protocol === "icmpv6";
  return {
    direction: random.pick(["in", "out", "both"]),
    action: random.chance(60) ? "allow" : "deny",
    ...(protocol !== undefined && { protocol }),
    ...(protocol !== "arp" && random.chance(30) && { remote: randomPrefix(random, round, protocol) }),
    ...(hasPorts && random.chance(50) && { remotePorts: randomRange(random) }),
    ...(hasPorts && random.chance(30) && { localPorts: randomRange(random) }),
    ...(isIcmp && random.chance(60) && { icmpType: random.pick(protocol === "icmp" ? [0, 3, 8, 11] : [1, 2, 128, 129, 135]) }),
    ...(random.chance(10) && { remoteMac: random.pick([macOf(random.below(NIC_NAMES.length)), STRANGER_MAC]) }),
  };
}

function randomPrefix(random: Random, round: number, protocol: FirewallRule["protocol"]): NonNullable<FirewallRule["remote"]> {
  const host = random.pick([0, 1, 2, 3, 4, 5, 6, 200]);
  const isIpv6 = protocol === "icmpv6" || (protocol !== "icmp" && random.chance(40));
  return isIpv6
    ? { address: ipv6Of(round, host), prefixLength: random.pick([0, 16, 64, 125, 126, 127, 128]) }
    : { address: ipv4Of(round, host), prefixLength: random.pick([0, 8, 24, 29, 30, 31, 32]) };
}

function randomRange(random: Random): { readonly first: number; readonly last: number } {
  const ports = [...LOCAL_PORTS, ...REMOTE_PORTS, 0, 1002];
  const edges = random.chance(40) ? [random.pick(ports)] : [random.pick(ports), random.pick(ports)];
  return { first: Math.min(...edges), last: Math.max(...edges) };
}
