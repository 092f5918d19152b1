/**
 * A vNIC's firewall in plain words. Rules are tried in their order, the first that matches decides, else `otherwise` does; what
 * belongs to something that was let through passes without being asked. Keeps connections; pure but for these.
 * Paper «Virtual Machine Networks» (vNIC-level firewall).
 *
 * What is left open there is decided so that less passes:
 * - Malformed packets never pass (see {@link readPacket}); neither does a first fragment too short for the header of its protocol.
 * - A later fragment passes where its first one did before it, in the same direction; else never: it has no ports to be judged by.
 *   One of TCP that begins with the flags never does (RFC 3128).
 * - TCP: only a segment with SYN and without ACK is judged by the rules. All others pass by their connection or not at all.
 * - UDP: a datagram that passed lets those between the same addresses and ports pass, both ways.
 * - ICMP: an echo request that passed lets its replies pass. An error passes that quotes a packet of a
 *   connection to whom that is from. All others are judged.
 * - Rules with addresses, ports or ICMP types match IP alone.
 * - At a trunk, connections in two VLANs are two.
 * Time is left out: what is remembered lasts as long as a test.
 */
import type { Firewall, FirewallRule } from "../../src/vmkernel/network/config.ts";
import type { EthernetFrame } from "./frame.ts";
import { ICMP, ICMPV6, type IpPacket, type Packet, readPacket, readQuoted, TCP, UDP } from "./packet.ts";

export type Direction = "in" | "out";

/** A packet as the guest sees it. */
interface Seen {
  readonly direction: Direction;
  /** Of a trunk's frame, else 0. */
  readonly vlan: number;
  readonly packet: Packet;
  readonly remoteMac: string;
}

export class FirewallModel {
  #firewall: Firewall = { rules: [], otherwise: "deny" };
  readonly #known = new Set<string>();

  /** Other rules; connections stay. */
  configure(firewall: Firewall): void {
    this.#firewall = firewall;
  }

  lets(direction: Direction, frame: EthernetFrame, vlan: number): boolean {
    const packet = readPacket(frame.rest);
    const seen = { direction, vlan, packet, remoteMac: direction === "in" ? frame.source : frame.destination };
    if (packet.kind === "malformed") return false;
    if (packet.kind !== "ip") return this.#rulesLet(seen);
    if (packet.fragment.kind === "later") return !changesFlags(packet) && this.#known.has(fragmentKey(seen, packet));
    const passes = this.#letsWhole(seen, packet);
    if (passes && packet.fragment.kind === "first") this.#known.add(fragmentKey(seen, packet));
    return passes;
  }

  #letsWhole(seen: Seen, packet: IpPacket): boolean {
    const replyTo = answered(seen, packet);
    if (replyTo !== undefined && this.#known.has(replyTo)) return true;
    if (packet.transport.kind === "tcp" && !packet.transport.opens) return false;
    if (!this.#rulesLet(seen)) return false;
    const connection = opened(seen, packet);
    if (connection !== undefined) this.#known.add(connection);
    return true;
  }

  #rulesLet(seen: Seen): boolean {
    const rule = this.#firewall.rules.find((one) => matches(one, seen));
    return (rule?.action ?? this.#firewall.otherwise) === "allow";
  }
}

/** The flags are in the second 8 bytes of TCP's header. */
function changesFlags({ protocol, fragment }: IpPacket): boolean {
  return protocol === TCP && fragment.kind === "later" && fragment.offset === 1;
}

/** Which way a packet goes, and in which VLAN. */
type Way = Pick<Seen, "direction" | "vlan">;

function fragmentKey({ direction, vlan }: Way, { version, protocol, source, destination, fragment }: IpPacket): string {
  const id = fragment.kind === "whole" ? "" : fragment.id;
  return ["fragment", direction, vlan, version, protocol, source, destination, id].join(" ");
}

/** What a packet that the rules let through makes known. */
function opened(way: Way, packet: IpPacket): string | undefined {
  const { transport } = packet;
  switch (transport.kind) {
    case "tcp":
    case "udp":
      return connectionKey(way, packet, transport.sourcePort, transport.destinationPort);
    case "icmp":
      return isEchoRequest(packet, transport.type) ? echoKey(way, packet, transport.identifier) : undefined;
    case "opaque":
      return undefined;
  }
}

/** What must be known for a packet to pass unasked. */
function answered(way: Way, packet: IpPacket): string | undefined {
  const { transport } = packet;
  if (transport.kind !== "icmp") return opened(way, packet);
  if (isEchoRequest(packet, transport.type)) return echoKey(way, packet, transport.identifier);
  const back = { ...way, direction: way.direction === "in" ? "out" : "in" } as const;
  if (isEchoReply(packet, transport.type)) return echoKey(back, turned(packet), transport.identifier);
  const quoted = isError(packet, transport.type) ? readQuoted(packet.version, transport.quoted) : undefined;
  return quoted?.source === packet.destination ? opened(back, quoted) : undefined;
}

function turned(packet: IpPacket): IpPacket {
  return { ...packet, source: packet.destination, destination: packet.source };
}

/** The same in both directions: by the guest's end and the other one. */
function connectionKey({ direction, vlan }: Way, packet: IpPacket, sourcePort: number, destinationPort: number): string {
  const [from, to] = [`${packet.source} ${sourcePort}`, `${packet.destination} ${destinationPort}`];
  const [local, remote] = direction === "out" ? [from, to] : [to, from];
  return ["connection", vlan, packet.version, packet.protocol, local, remote].join(" ");
}

function echoKey({ direction, vlan }: Way, { version, source, destination }: IpPacket, identifier: number): string {
  return ["echo", direction, vlan, version, source, destination, identifier].join(" ");
}

function isEchoRequest({ version }: IpPacket, type: number): boolean {
  return type === (version === 4 ? 8 : 128);
}

function isEchoReply({ version }: IpPacket, type: number): boolean {
  return type === (version === 4 ? 0 : 129);
}

/** Destination unreachable, (packet too big,) time exceeded, parameter problem. */
function isError({ version }: IpPacket, type: number): boolean {
  return (version === 4 ? [3, 11, 12] : [1, 2, 3, 4]).includes(type);
}

function matches(rule: FirewallRule, { direction, packet, remoteMac }: Seen): boolean {
  if (rule.direction !== "both" && rule.direction !== direction) return false;
  if (rule.remoteMac !== undefined && rule.remoteMac.replaceAll(":", "") !== remoteMac) return false;
  if (rule.protocol === "arp") return packet.kind === "arp" && !asksForIp(rule);
  if (packet.kind !== "ip") return rule.protocol === undefined && !asksForIp(rule);
  return matchesIp(rule, direction, packet);
}

function asksForIp({ remote, remotePorts, localPorts, icmpType }: FirewallRule): boolean {
  return remote !== undefined || remotePorts !== undefined || localPorts !== undefined || icmpType !== undefined;
}

function matchesIp(rule: FirewallRule, direction: Direction, packet: IpPacket): boolean {
  if (rule.protocol !== undefined && protocolNumber(rule.protocol) !== packet.protocol) return false;
  const remote = direction === "in" ? packet.source : packet.destination;
  if (rule.remote !== undefined && !isWithin(remote, rule.remote)) return false;
  const { transport } = packet;
  if (rule.icmpType !== undefined && !(transport.kind === "icmp" && transport.type === rule.icmpType)) return false;
  if (rule.remotePorts === undefined && rule.localPorts === undefined) return true;
  if (transport.kind !== "tcp" && transport.kind !== "udp") return false;
  const { sourcePort, destinationPort } = transport;
  const [localPort, remotePort] = direction === "out" ? [sourcePort, destinationPort] : [destinationPort, sourcePort];
  return isAmong(remotePort, rule.remotePorts) && isAmong(localPort, rule.localPorts);
}

function protocolNumber(protocol: NonNullable<FirewallRule["protocol"]>): number {
  switch (protocol) {
    case "tcp":
      return TCP;
    case "udp":
      return UDP;
    case "icmp":
      return ICMP;
    case "icmpv6":
      return ICMPV6;
    case "arp":
      throw new Error("ARP has no number among IP's protocols");
    default:
      return protocol;
  }
}

function isAmong(port: number, range: { readonly first: number; readonly last: number } | undefined): boolean {
  return range === undefined || (range.first <= port && port <= range.last);
}

/** @param address hexadecimal, as the packet has it */
function isWithin(address: string, { address: prefix, prefixLength }: NonNullable<FirewallRule["remote"]>): boolean {
  const own = prefixBits(prefix);
  return own.length === address.length * 4 && bitsOf(address).slice(0, prefixLength) === own.slice(0, prefixLength);
}

/** Random tests have new ones in each round. */
const KNOWN_PREFIXES_MAX = 10_000;
const knownPrefixes = new Map<string, string>();

function prefixBits(text: string): string {
  const bits = knownPrefixes.get(text) ?? bitsOf(text.includes(":") ? hexOfIpv6(text) : hexOfIpv4(text));
  if (knownPrefixes.size >= KNOWN_PREFIXES_MAX) knownPrefixes.clear();
  knownPrefixes.set(text, bits);
  return bits;
}

function bitsOf(hex: string): string {
  return [...hex].map((digit) => Number.parseInt(digit, 16).toString(2).padStart(4, "0")).join("");
}

function hexOfIpv4(text: string): string {
  return text
    .split(".")
    .map((part) => Number(part).toString(16).padStart(2, "0"))
    .join("");
}

function hexOfIpv6(text: string): string {
  const [head = "", tail] = text.split("::");
  const [before, after] = [groupsOf(head), groupsOf(tail ?? "")];
  const missing = tail === undefined ? 0 : 8 - before.length - after.length;
  return [...before, ...Array.from({ length: missing }, () => "0000"), ...after].join("");
}

function groupsOf(text: string): readonly string[] {
  return text === "" ? [] : text.split(":").map((group) => group.padStart(4, "0"));
}
