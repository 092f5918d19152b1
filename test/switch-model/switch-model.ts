/**
 * A virtual switch in plain words: a frame that is sent into a port comes out of these ports, as these bytes. The oracle that the
 * compiled switch is held against; it shares nothing with the compiler but the types of the configuration. Pure but for the
 * connections that the ports' firewalls remember.
 *
 * Written from the paper («Virtual Switches» to «Virtual Switch Correctness») and the reference of ESXi's networking. What those
 * leave open is decided here so that less passes:
 * - A tag with VLAN 0 (priority tag) or 4095, an 802.1ad tag, and a second tag are refused at every port, guests' and uplinks'.
 * - A change of MAC address that is rejected leaves the port with the address of its configuration for what it sends, and nothing
 *   reaches it until its adapter is back at that address.
 * - A group's frame reaches the port whose adapter asked for that group, or of whose adapter nothing is known.
 * - Of two ports that claim one address in one VLAN, the one whose own it is goes first, then the one that was plugged in first.
 */
import type { NetworkConfig, NicPort, PortGroupConfig, SecurityPolicy, SwitchConfig } from "../../src/vmkernel/network/config.ts";
import { FirewallModel } from "./firewall-model.ts";
import { type EthernetFrame, isCustomerTag, isTag, readFrame, VLAN_MAX, writeFrame } from "./frame.ts";
import { carries, EST, securityOf, type Team, uplinksOf, VGT } from "./policies.ts";

export interface PluggedNic {
  /** What it is called in verdicts. */
  readonly name: string;
  readonly nic: NicPort;
  /** false: the virtual cable is out. */
  readonly connected: boolean;
}

export interface Verdict {
  readonly deliveries: readonly Delivery[];
  readonly drops: readonly Drop[];
}

export interface Delivery {
  /** A NIC's name, or an uplink's device. */
  readonly port: string;
  readonly frame: Buffer;
}

/** Why a port did not pass the frame on, for people. */
export interface Drop {
  readonly port: string;
  readonly because: DropReason;
}

export type DropReason =
  | "not connected"
  | "runt"
  | "tagged on an access port"
  | "no 802.1Q tag"
  | "two tags"
  | "priority tag or reserved VLAN"
  | "VLAN not carried"
  | "longer than the MTU"
  | "forged source"
  | "switch protocol"
  | "firewall"
  | "MAC address changed"
  | "not a group of its adapter"
  | "own address"
  | "unknown destination"
  | "uplink not in the team"
  | "reflected";

/** A NIC that is plugged into something. */
interface VmPort {
  readonly kind: "vm";
  readonly name: string;
  readonly nic: NicPort;
  readonly owner: SwitchConfig;
  readonly group: PortGroupConfig;
  readonly security: SecurityPolicy;
  readonly team: Team;
  readonly firewall: FirewallModel | undefined;
  /** Twelve hexadecimal digits: from which it may send, and by which it is found. */
  readonly address: string;
  /** Not while its adapter has an address that it may not have. */
  readonly receives: boolean;
}

interface UplinkPort {
  readonly kind: "uplink";
  readonly name: string;
  readonly owner: SwitchConfig;
}

type ModelPort = VmPort | UplinkPort;

/** A frame inside the switch. */
interface Passing {
  readonly frame: EthernetFrame;
  //= paper «Virtual Switch Correctness»
  //# VLAN data is carried outside the frame as it passes through the virtual switch. Filtering is a simple integer comparison.
  readonly vlan: number;
}

export class SwitchModel {
  readonly #ports = new Map<string, ModelPort>();
  readonly #firewalls = new Map<string, FirewallModel>();

  /** Another configuration. What firewalls remember they keep, also while the cable is out, as long as their NIC is there and has one. */
  configure(config: NetworkConfig, nics: readonly PluggedNic[]): void {
    this.#ports.clear();
    for (const owner of config.switches)
      for (const device of owner.uplinks) this.#ports.set(device, { kind: "uplink", name: device, owner });
    for (const plugged of nics) {
      const port = this.#plug(config, plugged);
      if (port !== undefined) this.#ports.set(plugged.name, port);
    }
    const names = new Set(nics.map(({ name }) => name));
    for (const name of this.#firewalls.keys()) if (!names.has(name)) this.#firewalls.delete(name);
  }

  send(name: string, bytes: Buffer): Verdict {
    const frame = readFrame(bytes);
    if (frame === undefined) return refuse(name, "runt");
    const from = this.#ports.get(name);
    if (from === undefined) return refuse(name, "not connected");
    const vlan = from.kind === "vm" ? vlanFromGuest(from, frame) : vlanFromWire(frame);
    if (typeof vlan !== "number") return refuse(name, vlan.because);
    if (payloadBytes(frame) > from.owner.mtu) return refuse(name, "longer than the MTU");
    const passing = { frame, vlan };
    if (from.kind === "uplink") return this.#deliver(from, this.#fromUplink(from, passing), passing);
    const reason =
      judgeSender(from, frame) ?? (from.firewall?.lets("out", frame, trunkVlan(from, vlan)) === false ? "firewall" : undefined);
    return reason === undefined ? this.#deliver(from, this.#fromVm(from, passing), passing) : refuse(name, reason);
  }

  #plug(config: NetworkConfig, { name, nic, connected }: PluggedNic): VmPort | undefined {
    const owner = config.switches.find(({ portGroups }) => portGroups.some((group) => group.name === nic.portGroup));
    const group = owner?.portGroups.find((one) => one.name === nic.portGroup);
    if (owner === undefined || group === undefined || !connected) return undefined;
    const security = securityOf(owner.policy, group);
    const own = addressOf(nic, security);
    return {
      kind: "vm",
      name,
      nic,
      owner,
      group,
      security,
      team: uplinksOf(owner, group, own.address),
      firewall: this.#firewallOf(name, nic),
      ...own,
    };
  }

  #firewallOf(name: string, nic: NicPort): FirewallModel | undefined {
    if (nic.firewall === undefined) {
      this.#firewalls.delete(name);
      return undefined;
    }
    const firewall = this.#firewalls.get(name) ?? new FirewallModel();
    this.#firewalls.set(name, firewall);
    firewall.configure(nic.firewall);
    return firewall;
  }

  /** The ports of the same switch that frames of this VLAN may reach, in the order in which they were plugged in. */
  #members({ owner }: ModelPort, vlan: number): readonly VmPort[] {
    //= paper «Virtual Switch Isolation»
    //# every destination the switch looks up must match ports on the same virtual switch as the port where the frame originated, even
    //# if other virtual switches' lookup tables contain entries for that address.
    return [...this.#ports.values()]
      .filter((port) => port.kind === "vm")
      .filter((port) => port.owner === owner && carries(port.group, vlan));
  }

  #fromVm(from: VmPort, { frame, vlan }: Passing): Routes {
    const members = this.#members(from, vlan);
    const mirrors = members.filter(({ security }) => security.allowPromiscuous);
    if (frame.isGroup) return routes(from, [...members, ...uplinks(from.team.sendsBy(frame))]);
    const owner = claimant(frame.destination, members);
    if (owner === from) return routes(from, mirrors, "own address");
    if (owner !== undefined) return routes(from, [...mirrors, owner]);
    //= paper «Virtual Ports»
    //# no learning is required to populate forwarding tables.
    const uplink = from.team.sendsBy(frame);
    return routes(from, [...mirrors, ...uplinks(uplink)], uplink === undefined ? "unknown destination" : undefined);
  }

  #fromUplink(from: UplinkPort, { frame, vlan }: Passing): Routes {
    const members = this.#members(from, vlan);
    // What went out by one uplink, the wire may send back by another; everybody here has had it.
    if (from.owner.uplinks.length > 1 && claimant(frame.source, members)) return routes(from, [], "reflected");
    // The wire sends a group's frame to each uplink: the port takes the one that came by the uplink that it hears.
    if (frame.isGroup)
      return routes(
        from,
        members.filter(({ team }) => team.hears.includes(from.name)),
      );
    const mirrors = members.filter(({ security, team }) => security.allowPromiscuous && team.hears.includes(from.name));
    const owner = claimant(frame.destination, members);
    if (owner === undefined) return routes(from, mirrors, "unknown destination");
    return owner.team.all.includes(from.name) ? routes(from, [...mirrors, owner]) : routes(from, mirrors, "uplink not in the team");
  }

  #deliver(from: ModelPort, { to, because }: Routes, passing: Passing): Verdict {
    const deliveries: Delivery[] = [];
    const drops: Drop[] = because === undefined ? [] : [{ port: from.name, because }];
    for (const name of to) {
      const port = this.#ports.get(name);
      if (port === undefined) continue;
      const reason = port.kind === "vm" ? judgeReceiver(port, passing) : undefined;
      if (reason !== undefined) drops.push({ port: name, because: reason });
      else deliveries.push({ port: name, frame: asReceived(port, passing) });
    }
    return { deliveries, drops };
  }
}

/** Where a frame goes, each port once, and why it goes no further. */
interface Routes {
  readonly to: ReadonlySet<string>;
  readonly because: DropReason | undefined;
}

/** What the MTU is about: all behind the EtherType, or behind the tag's where there is one. */
function payloadBytes({ rest }: EthernetFrame): number {
  return rest.length - 2;
}

function routes(from: ModelPort, to: readonly { readonly name: string }[], because?: DropReason): Routes {
  return { to: new Set(to.map(({ name }) => name).filter((name) => name !== from.name)), because };
}

function uplinks(device: string | undefined): readonly { readonly name: string }[] {
  return device === undefined ? [] : [{ name: device }];
}

function refuse(port: string, because: DropReason): Verdict {
  return { deliveries: [], drops: [{ port, because }] };
}

//= paper «Virtual Ports»
//# A virtual port can ignore any requests from the virtual Ethernet adapter that would violate the layer 2 security policy in effect
//# for the port.
function addressOf(nic: NicPort, security: SecurityPolicy): { readonly address: string; readonly receives: boolean } {
  const [initial, effective] = [digits(nic.initialMac), digits(nic.effectiveMac)];
  if (security.macChanges) return { address: effective, receives: true };
  return { address: initial, receives: effective === initial };
}

function digits(mac: string): string {
  return mac.replaceAll(":", "");
}

function claimant(destination: string, ports: readonly VmPort[]): VmPort | undefined {
  const claims = ports.filter(({ address }) => address === destination);
  return claims.find(({ nic }) => digits(nic.initialMac) === destination) ?? claims[0];
}

interface Refusal {
  readonly because: DropReason;
}

function vlanFromGuest(from: VmPort, frame: EthernetFrame): number | Refusal {
  const { group } = from;
  if (group.vlanId === VGT) {
    const vlan = vlanFromWire(frame);
    return typeof vlan !== "number" || carries(group, vlan) ? vlan : { because: "VLAN not carried" };
  }
  //= paper «Virtual Switch VLANs»
  //# It also ensures that frames on one VLAN do not leak into another VLAN.
  if (frame.tag !== undefined) return { because: "tagged on an access port" };
  return group.vlanId;
}

/** Where frames may be tagged: a trunk, and the wire. */
function vlanFromWire({ tag, type }: EthernetFrame): number | Refusal {
  //= paper «Virtual Switch Correctness»
  //# Virtual switches have no support for native VLAN.
  if (tag === undefined) return EST;
  if (!isCustomerTag(tag.protocol)) return { because: "no 802.1Q tag" };
  if (isTag(type)) return { because: "two tags" };
  if (tag.vlan === 0 || tag.vlan > VLAN_MAX) return { because: "priority tag or reserved VLAN" };
  return tag.vlan;
}

function judgeSender(from: VmPort, frame: EthernetFrame): DropReason | undefined {
  //= paper «Virtual Ports»
  //# the virtual switch port can essentially authoritatively detect what is "burned into ROM"—actually, stored in the configuration
  //# file, outside the control of the guest OS.
  if (!from.security.forgedTransmits && frame.source !== from.address) return "forged source";
  //= paper «Virtual Switch Correctness»
  //# Virtual switches have no dynamic trunking support.
  if (from.security.blockSwitchProtocols && isSwitchProtocol(frame)) return "switch protocol";
  return undefined;
}

/** By its destination: STP, LACP, LLDP and their like (01:80:c2:00:00:0x), CDP, DTP, VTP, PAgP and UDLD (…:cc), PVST+ (…:cd). */
function isSwitchProtocol({ destination }: EthernetFrame): boolean {
  return destination.startsWith("0180c200000") || destination === "01000ccccccc" || destination === "01000ccccccd";
}

function judgeReceiver(port: VmPort, { frame, vlan }: Passing): DropReason | undefined {
  if (!port.receives) return "MAC address changed";
  if (!asksFor(port, frame)) return "not a group of its adapter";
  return port.firewall?.lets("in", frame, trunkVlan(port, vlan)) === false ? "firewall" : undefined;
}

/** Of what is sent to many a port gets what its adapter asked for; one that may listen to everything gets it. */
function asksFor({ nic: { groups }, security }: VmPort, { isGroup, destination }: EthernetFrame): boolean {
  if (!isGroup || groups === undefined || security.allowPromiscuous) return true;
  if (destination === "ffffffffffff") return groups.broadcast;
  return groups.multicast === "all" || groups.multicast.some((mac) => digits(mac) === destination);
}

/** An access port's guest does not know of its VLAN. */
function trunkVlan({ group }: VmPort, vlan: number): number {
  return group.vlanId === VGT ? vlan : 0;
}

/** The frame as the port's mode shows it to what is plugged in there. */
function asReceived(port: ModelPort, { frame, vlan }: Passing): Buffer {
  //= paper «Virtual Switch VLANs»
  //# The virtual switch port group tags all outbound frames and removes tags for all inbound frames.
  const isTrunk = port.kind === "uplink" || port.group.vlanId === VGT;
  if (!isTrunk || vlan === EST) return writeFrame(frame, undefined);
  return writeFrame(frame, frame.tag?.control ?? vlan);
}
