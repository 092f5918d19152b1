/**
 * What every switch and port shall be, from the configuration, what is plugged in, and which links are up. Pure.
 * Doing it is `virtual-network.ts`.
 */
import { assert } from "../../base/index.ts";
import { isBare } from "./compile/compile-port.ts";
import type { Bandwidth, GuestShape, Neighbours, PortShape, UplinkShape } from "./compile/port-shape.ts";
import type { Connectee, Learned, NetworkConfig, NetworkPolicy, PortGroupConfig, PortNic, ShapedWay, SwitchConfig } from "./config.ts";
import { effectivePolicy } from "./effective-policy.ts";
import { portOfHostNic } from "./host-nic.ts";
import { isGroupMac } from "./mac.ts";
import type { Station } from "./plan-table.ts";
import { freeNumber, portId, SWITCH_NUMBER_MAX } from "./port-id.ts";
import { chooseUplink, listenedUplinks, type UplinkChoice, uplinksInUse } from "./teaming.ts";
import { carries, classifyVlans, shareVlan, TAGGED_VLANS, UNTAGGED, type VlanClasses, type VlanMode, vlanModeOf, WIRE } from "./vlan.ts";

/** Something that is plugged in, and the port that it got. */
export interface PluggedPort {
  readonly connectee: Connectee;
  readonly nic: PortNic;
  /** false: the virtual cable is out. */
  readonly connected: boolean;
  /** The tap, or the end of the host's own cable. */
  readonly device: string;
  /** Stays while it stays on its switch. */
  readonly switchNumber: number;
  readonly number: number;
}

export interface NetworkState {
  readonly config: NetworkConfig;
  /** In the order in which they were plugged in. */
  readonly ports: readonly PluggedPort[];
  /** By its device, what each of the host's own interfaces was told on its network. */
  readonly learned?: Readonly<Record<string, Learned>>;
  /** By their names; a switch keeps its number. */
  readonly switchNumbers: Readonly<Record<string, number>>;
}

/** Of ports whose port group is gone: no switch has it. */
export const NOWHERE = SWITCH_NUMBER_MAX;
/** The first two are not a port's, as on ESXi. */
const FIRST_PORT = 2;

/** Gives every switch and port its number, those that have one theirs. The host's own interfaces have ports as long as they are configured. */
export function settle({ config, ports: plugged, switchNumbers, learned: told }: NetworkState): NetworkState {
  const learned = stillLearned(config, told);
  const ports = withHostPorts({ config, ports: plugged, learned });
  const kept = Object.entries(switchNumbers).filter(([name]) => config.switches.some((one) => one.name === name));
  const numbers = new Map(kept);
  for (const { name } of config.switches) {
    if (!numbers.has(name)) numbers.set(name, freeNumber(new Set(numbers.values()), 1));
  }
  const taken = new TakenNumbers(ports);
  const settled = ports.map((port): PluggedPort => {
    const owner = findGroup(config, port.nic.portGroup)?.owner;
    const at = (owner && numbers.get(owner.name)) ?? NOWHERE;
    return port.switchNumber === at ? port : { ...port, switchNumber: at, number: taken.takeAt(at) };
  });
  return { config, ports: settled, switchNumbers: Object.fromEntries(numbers), ...(Object.keys(learned).length > 0 && { learned }) };
}

/** Numbers of ports, by the numbers of their switches. What a port had before it went to another switch is free with the next change. */
class TakenNumbers {
  readonly #taken = new Map<number, Set<number>>();
  /** All below are taken. */
  readonly #lowest = new Map<number, number>();

  constructor(ports: readonly PluggedPort[]) {
    for (const { switchNumber, number } of ports) this.#at(switchNumber).add(number);
  }

  takeAt(switchNumber: number): number {
    const taken = this.#at(switchNumber);
    const number = freeNumber(taken, this.#lowest.get(switchNumber) ?? FIRST_PORT);
    taken.add(number);
    this.#lowest.set(switchNumber, number + 1);
    return number;
  }

  #at(switchNumber: number): Set<number> {
    const taken = this.#taken.get(switchNumber) ?? new Set();
    this.#taken.set(switchNumber, taken);
    return taken;
  }
}

/** An interface that asks no more has nothing that it was told. */
function stillLearned({ hostNics = [] }: NetworkConfig, learned: NetworkState["learned"] = {}): Readonly<Record<string, Learned>> {
  const kept = hostNics.flatMap(({ device, dhcp, autoconf }) => {
    const { lease, autoconf: addresses } = learned[device] ?? {};
    const still: Learned = { ...(dhcp && lease && { lease }), ...(autoconf && addresses && { autoconf: addresses }) };
    return Object.keys(still).length > 0 ? [[device, still] as const] : [];
  });
  return Object.fromEntries(kept);
}

function withHostPorts({
  config,
  ports: plugged,
  learned = {},
}: Pick<NetworkState, "config" | "ports" | "learned">): readonly PluggedPort[] {
  const ofHost = (config.hostNics ?? []).map((nic): PluggedPort => {
    const port = portOfHostNic(nic, learned[nic.device]);
    const before = plugged.find(({ device }) => device === port.device);
    return { ...port, connected: true, switchNumber: before?.switchNumber ?? 0, number: before?.number ?? 0 };
  });
  return [...plugged.filter(({ connectee }) => connectee.kind !== "host"), ...ofHost];
}

export interface NetworkPlan {
  readonly switches: readonly PlannedSwitch[];
  /** Ports that are on no switch: they pass nothing. */
  readonly homeless: readonly PlannedPort[];
}

export interface PlannedSwitch {
  readonly number: number;
  readonly config: SwitchConfig;
  readonly vlans: VlanClasses;
  /** What all its programs go by, as one text: programs of two generations do not share a table. */
  readonly generation: string;
  readonly ports: readonly PlannedPort[];
  readonly uplinks: readonly PlannedUplink[];
}

export interface PlannedPort {
  readonly id: number;
  readonly device: string;
  readonly connectee: Connectee;
  readonly nic: PortNic;
  readonly connected: boolean;
  readonly vlanId: number;
  readonly policy: NetworkPolicy;
  readonly blockedBecause?: string;
  readonly shape: PortShape;
  /** Where it is in the table: nowhere while it is blocked. */
  readonly station?: Omit<Station, "ifindex">;
  readonly choice: UplinkChoice;
}

export interface PlannedUplink {
  readonly id: number;
  readonly device: string;
  /** On its switch. */
  readonly number: number;
  readonly shape: UplinkShape;
}

/** What is known of the machine. */
export interface Surroundings {
  /** Whether the kernel takes loops whose end it cannot see. Else each is compiled for as many members as a switch has. */
  readonly hasOpenLoops: boolean;
  /** Whether what guests send to each other can skip tc: see `compile/express.ts`. */
  readonly hasExpress: boolean;
  /** Whether what a port's guest sends does; all does where absent. */
  readonly handsOver?: (device: string) => boolean;
  readonly hasLink: (device: string) => boolean;
  /** Whether an uplink with a link leads nowhere, as beacons tell; only teams that go by them ask. */
  readonly isLost?: (device: string) => boolean;
  /** Of each team, the uplinks in use until now: see {@link teamKey}. */
  readonly inUse: ReadonlyMap<string, readonly string[]>;
}

/** @param state settled */
export function planNetwork(state: NetworkState, surroundings: Surroundings): NetworkPlan {
  const switches = state.config.switches.map((config) => planSwitch(state, config, surroundings));
  const homeless = state.ports.filter(({ switchNumber }) => switchNumber === NOWHERE).map(planHomeless);
  return { switches, homeless };
}

function planSwitch(state: NetworkState, config: SwitchConfig, surroundings: Surroundings): PlannedSwitch {
  const number = state.switchNumbers[config.name];
  assert(number !== undefined, `the switch ${config.name} has a number`);
  const own = state.ports.filter(({ switchNumber }) => switchNumber === number);
  const groups = config.portGroups.map((group) => groupOf(config, group));
  const hostGroups = new Set((state.config.hostNics ?? []).map(({ portGroup }) => portGroup));
  const around: Around = {
    config,
    groups,
    hostGroups,
    ...(surroundings.hasOpenLoops ? {} : { membersMax: roundUp(own.length) }),
    surroundings,
  };
  return {
    number,
    config,
    vlans: classifyVlans(groups.map(({ mode }) => mode)),
    generation: JSON.stringify([around.membersMax, config.uplinks, groups.map(describeGroup)]),
    ports: own.map((port) => planPort(port, around)),
    uplinks: config.uplinks.map((device, at) => ({
      id: portId({ switchNumber: number, number: at + FIRST_PORT, isUplink: true }),
      device,
      number: at,
      shape: uplinkShape(at, around),
    })),
  };
}

function uplinkShape(number: number, around: Around): UplinkShape {
  const { mtu, uplinks } = around.config;
  return { kind: "uplink", number, mtu, hasSiblings: uplinks.length > 1, neighbours: neighboursOf(WIRE, around) };
}

interface Group {
  readonly name: string;
  readonly vlanId: number;
  readonly mode: VlanMode;
  readonly policy: NetworkPolicy;
}

interface Around {
  readonly config: SwitchConfig;
  readonly groups: readonly Group[];
  /** Names of port groups that an interface of the host is on. */
  readonly hostGroups: ReadonlySet<string>;
  readonly membersMax?: number;
  readonly surroundings: Surroundings;
}

function groupOf(owner: SwitchConfig, group: PortGroupConfig): Group {
  const policy = effectivePolicy(owner.policy, group.overrides);
  return { name: group.name, vlanId: group.vlanId, mode: vlanModeOf(group), policy };
}

function describeGroup({ mode, policy }: Group): unknown {
  return [mode, policy.security.allowPromiscuous, policy.teaming.policy];
}

/** Bounds of the loops over members where those need one; it is compiled for as many as there are ports, rounded up. */
const MEMBERS = [16, 64, 256, 1024, 4000];

function roundUp(ports: number): number {
  const bound = MEMBERS.find((max) => ports <= max);
  assert(bound !== undefined, `a switch has at most ${MEMBERS.at(-1)} ports, not ${ports}`);
  return bound;
}

function planPort(plugged: PluggedPort, around: Around): PlannedPort {
  const { nic, connected } = plugged;
  const group = around.groups.find(({ name }) => name === nic.portGroup);
  assert(group !== undefined, `the port group ${nic.portGroup} is on the switch of its port`);
  const base = { ...baseOf(plugged), vlanId: group.vlanId, policy: group.policy };
  const blockedBecause = isForHost(plugged, around) ? `The port group ${group.name} is the host's own.` : undefined;
  if (blockedBecause !== undefined) return { ...base, blockedBecause, choice: NO_CHOICE, shape: { kind: "blocked" } };
  if (!connected) return { ...base, choice: NO_CHOICE, shape: { kind: "blocked" } };
  const choice = chooseUplink(group.policy.teaming.policy, teamOf(group, around), plugged.number);
  const shape = shapeOf(plugged, group, around);
  return { ...base, choice, shape, station: { ...stationOf(plugged, group, choice, around), isBare: isBare(shape) } };
}

/** A port group is the host's or virtual machines', whoever asks: a guest is on none where an interface of the host is. */
function isForHost({ connectee, nic }: PluggedPort, { hostGroups }: Around): boolean {
  return connectee.kind !== "host" && hostGroups.has(nic.portGroup);
}

/** Of a port that has no port group to have one from. */
const NO_POLICY: NetworkPolicy = {
  security: { allowPromiscuous: false, macChanges: false, forgedTransmits: false, blockSwitchProtocols: true },
  shaping: { enabled: false, averageBandwidth: 0, peakBandwidth: 0, burstSize: 0 },
  teaming: {
    policy: "failover_explicit",
    notifySwitches: false,
    rollingOrder: false,
    checkBeacon: false,
    active: [],
    standby: [],
  },
};

const NO_CHOICE: UplinkChoice = { kind: "none" };

function planHomeless(plugged: PluggedPort): PlannedPort {
  const { portGroup } = plugged.nic;
  const blockedBecause = portGroup === "" ? "Its adapter names no network." : `There is no port group ${portGroup}.`;
  return { ...baseOf(plugged), vlanId: UNTAGGED, policy: NO_POLICY, blockedBecause, choice: NO_CHOICE, shape: { kind: "blocked" } };
}

function baseOf({ connectee, nic, connected, device, switchNumber, number }: PluggedPort) {
  return { id: portId({ switchNumber, number, isUplink: false }), device, connectee, nic, connected };
}

//= paper «Virtual Ports»
//# A virtual port can ignore any requests from the virtual Ethernet adapter that would violate the layer 2 security policy in effect
//# for the port.
function addressOf({ initialMac, effectiveMac }: PortNic, { policy }: Group): string {
  return policy.security.macChanges ? effectiveMac : initialMac;
}

function shapeOf({ connectee, nic, number, device }: PluggedPort, group: Group, around: Around): GuestShape {
  const { hasExpress, handsOver = () => true } = around.surroundings;
  const { security, shaping, teaming } = group.policy;
  const inbound = shaping.inbound?.enabled ? shaping.inbound : undefined;
  return {
    kind: "guest",
    number,
    mtu: around.config.mtu,
    mode: group.mode,
    // The host itself never speaks by another address, whatever its port group lets guests do.
    ...((!security.forgedTransmits || connectee.kind === "host") && { sourceMac: addressOf(nic, group) }),
    isDeaf: addressOf(nic, group) !== nic.effectiveMac,
    blocksSwitchProtocols: security.blockSwitchProtocols,
    ...(shaping.enabled && { outbound: bandwidthOf(shaping) }),
    ...(inbound && { inbound: bandwidthOf(inbound) }),
    ...(nic.firewall && { firewall: nic.firewall }),
    ...(nic.ip && { ownAddresses: nic.ip }),
    // One that may see every frame sees those of every group, for what its guest asks of the adapter is not all that it looks for.
    ...(nic.groups && !security.allowPromiscuous && { groups: nic.groups }),
    // The host's own interfaces are no taps.
    hasExpress: hasExpress && connectee.kind === "virtualMachine",
    handsOver: handsOver(device),
    uplinks: around.config.uplinks.length === 0 ? "none" : HASHES[teaming.policy],
    neighbours: neighboursOf(group.mode, around),
  };
}

const HASHES = {
  loadbalance_srcid: "fixed",
  failover_explicit: "fixed",
  loadbalance_srcmac: "sourceMac",
  loadbalance_ip: "addresses",
} as const;

function bandwidthOf({ averageBandwidth, peakBandwidth, burstSize }: ShapedWay): Bandwidth {
  return { average: averageBandwidth, peak: peakBandwidth, burstBytes: burstSize };
}

/** By port groups, whether or not anything is plugged into them: a NIC that comes changes no other port's program. */
function neighboursOf(mode: VlanMode, { groups, membersMax }: Around): Neighbours {
  const mirrors = groups.filter(({ policy }) => policy.security.allowPromiscuous);
  return {
    untagged: groups.some((group) => meetUntagged(mode, group.mode)),
    tagged: groups.some((group) => meetTagged(mode, group.mode)),
    untaggedMirrors: mirrors.some((group) => meetUntagged(mode, group.mode)),
    taggedMirrors: mirrors.some((group) => meetTagged(mode, group.mode)),
    ...(membersMax !== undefined && { membersMax }),
  };
}

function meetUntagged(mode: VlanMode, other: VlanMode): boolean {
  return other.kind === "vgt" ? carries(mode, UNTAGGED) && carries(other, UNTAGGED) : shareVlan(mode, other);
}

function meetTagged(mode: VlanMode, other: VlanMode): boolean {
  return other.kind === "vgt" && shareVlan(mode, other, TAGGED_VLANS);
}

function stationOf(
  { connectee, nic, number }: PluggedPort,
  group: Group,
  choice: UplinkChoice,
  { config }: Around,
): Omit<Station, "ifindex" | "isBare"> {
  const mac = addressOf(nic, group);
  const numbersOf = (devices: readonly string[]): readonly number[] => devices.map((device) => config.uplinks.indexOf(device));
  const { active, standby } = group.policy.teaming;
  return {
    number,
    mode: group.mode,
    // A guest may give its adapter a group's address, which is nobody's own.
    ...(isGroupMac(mac) ? {} : { mac }),
    isOwnMac: mac === nic.initialMac,
    isPromiscuous: group.policy.security.allowPromiscuous && connectee.kind !== "host",
    team: numbersOf(slotsOf(choice)),
    listensTo: numbersOf(listenedUplinks(choice, mac)),
    accepts: numbersOf([...active, ...standby]),
  };
}

function slotsOf(choice: UplinkChoice): readonly string[] {
  if (choice.kind === "none") return [];
  return choice.kind === "fixed" ? [choice.uplink] : choice.slots;
}

function teamOf({ policy }: Group, { config, surroundings }: Around): readonly string[] {
  const before = surroundings.inUse.get(teamKey(config, policy)) ?? [];
  return uplinksInUse(policy.teaming, leadsBy(policy, surroundings), before);
}

/** Whether an uplink can be used, for teams of this policy. */
function leadsBy({ teaming }: NetworkPolicy, { hasLink, isLost = () => false }: Surroundings): Surroundings["hasLink"] {
  return (device) => hasLink(device) && !(teaming.checkBeacon && isLost(device));
}

function teamKey({ name }: SwitchConfig, { teaming }: NetworkPolicy): string {
  return JSON.stringify([name, teaming.active, teaming.standby, ...(teaming.checkBeacon ? ["beacons"] : [])]);
}

/** What is in use from now on, for what is planned after this. */
export function teamsInUse({ switches }: NetworkConfig, surroundings: Surroundings): ReadonlyMap<string, readonly string[]> {
  const teams = new Map<string, readonly string[]>();
  for (const config of switches) {
    for (const policy of [config.policy, ...config.portGroups.map(({ overrides }) => effectivePolicy(config.policy, overrides))]) {
      const key = teamKey(config, policy);
      teams.set(key, uplinksInUse(policy.teaming, leadsBy(policy, surroundings), surroundings.inUse.get(key) ?? []));
    }
  }
  return teams;
}

function findGroup({ switches }: NetworkConfig, name: string): { owner: SwitchConfig; group: PortGroupConfig } | undefined {
  for (const owner of switches) {
    const group = owner.portGroups.find((one) => one.name === name);
    if (group !== undefined) return { owner, group };
  }
  return undefined;
}
