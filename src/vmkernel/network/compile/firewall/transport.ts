/**
 * What becomes of a packet before any rule is asked: it belongs to a connection and passes, it belongs to none and cannot, or the rules
 * judge it. Pure. Source: RFC 9293, RFC 768, RFC 792, RFC 4443.
 */
import type { PortBuilder } from "../port-builder.ts";
import { echoKind, findConnection, renewConnection, renewTcp } from "./connections.ts";
import { copyAddresses, needWithin } from "./packet.ts";
import { type Direction, type Family, FLOW, FLOW_BYTES, ICMP, otherDirection, PLACES, PROTOCOL, TCP, UDP_BYTES, YES } from "./places.ts";

export interface TransportExits {
  readonly malformed: string;
  readonly refuse: string;
  /** It belongs to something that was let through. */
  readonly known: string;
  readonly rules: string;
}

export interface Judged {
  readonly family: Family;
  readonly direction: Direction;
  readonly exits: TransportExits;
}

/** r7 is where the header begins. */
export function judgeTransport(builder: PortBuilder, judged: Judged): void {
  const [tcp, udp, icmp] = ["tcp", "udp", "icmp"].map((name) => builder.freshLabel(name)) as [string, string, string];
  builder
    .load(1, "r2", "r10", PLACES.flow + FLOW.protocol)
    .jumpIf("eq", "r2", PROTOCOL.tcp, tcp)
    .jumpIf("eq", "r2", PROTOCOL.udp, udp);
  builder.jumpIf("eq", "r2", judged.family.icmp, icmp).jump(judged.exits.rules);
  builder.label(tcp);
  judgeTcp(builder, judged);
  builder.label(udp);
  judgeUdp(builder, judged);
  builder.label(icmp);
  judgeIcmp(builder, judged);
}

/** Only a segment that opens a connection is judged by the rules: all others belong to one, or are probes. */
function judgeTcp(builder: PortBuilder, { direction, exits }: Judged): void {
  const unknown = builder.freshLabel("unknown");
  readHeader(builder, TCP.bytes, exits.malformed);
  keepPorts(builder, direction);
  findConnection(builder, PLACES.flow, unknown);
  renewTcp(builder, exits.known);
  builder
    .label(unknown)
    .load(1, "r2", "r10", PLACES.segment + TCP.flagsAt)
    .and("r2", TCP.syn | TCP.ack);
  builder.jumpIf("eq", "r2", TCP.syn, exits.rules).jump(exits.refuse);
}

function judgeUdp(builder: PortBuilder, { direction, exits }: Judged): void {
  readHeader(builder, UDP_BYTES, exits.malformed);
  keepPorts(builder, direction);
  findConnection(builder, PLACES.flow, exits.rules);
  renewConnection(builder, exits.known);
}

/** A header that does not fit, into the packet or into its first fragment, hides what it is. */
function readHeader(builder: PortBuilder, bytes: number, malformed: string): void {
  needWithin(builder, bytes, malformed);
  builder.copyOut("r7", PLACES.segment, bytes, malformed);
}

function keepPorts(builder: PortBuilder, direction: Direction): void {
  copyPorts(builder, { direction, from: PLACES.segment, to: PLACES.flow });
  builder.storeImmediate(1, "r10", PLACES.makesConnection, YES);
}

function copyPorts(builder: PortBuilder, { direction, from, to }: { direction: Direction; from: number; to: number }): void {
  const [source, destination] = direction === "out" ? [FLOW.localPort, FLOW.remotePort] : [FLOW.remotePort, FLOW.localPort];
  builder.load(2, "r2", "r10", from).store(2, "r10", to + source, "r2");
  builder.load(2, "r2", "r10", from + 2).store(2, "r10", to + destination, "r2");
}

function judgeIcmp(builder: PortBuilder, judged: Judged): void {
  const { family, direction, exits } = judged;
  const [request, reply, error] = ["request", "reply", "error"].map((name) => builder.freshLabel(name)) as [string, string, string];
  readHeader(builder, ICMP.bytes, exits.malformed);
  builder.load(1, "r2", "r10", PLACES.segment + ICMP.typeAt);
  builder.jumpIf("eq", "r2", family.echoRequest, request).jumpIf("eq", "r2", family.echoReply, reply);
  for (const type of family.errors) builder.jumpIf("eq", "r2", type, error);
  builder.jump(exits.rules);
  builder.label(request).storeImmediate(1, "r10", PLACES.makesConnection, YES);
  nameEcho(builder, { kind: echoKind(family, direction), from: PLACES.segment, to: PLACES.flow });
  findConnection(builder, PLACES.flow, exits.rules);
  renewConnection(builder, exits.known);
  builder.label(reply);
  nameEcho(builder, { kind: echoKind(family, otherDirection(direction)), from: PLACES.segment, to: PLACES.flow });
  findConnection(builder, PLACES.flow, exits.rules);
  renewConnection(builder, exits.known);
  builder.label(error);
  judgeError(builder, judged);
}

/** The flow is that of an echo's identifier, in whose place the ports are. */
function nameEcho(builder: PortBuilder, { kind, from, to }: { kind: number; from: number; to: number }): void {
  builder.load(2, "r2", "r10", from + ICMP.identifierAt);
  builder.store(2, "r10", to + FLOW.remotePort, "r2").store(2, "r10", to + FLOW.localPort, "r2");
  builder.storeImmediate(1, "r10", to + FLOW.kind, kind);
}

const QUOTED_BYTES = 8; // RFC 792: an error quotes the header and 64 bits of what follows it
const IPV4_FRAGMENT_AT = 6;
const FRAGMENT_OFFSET_BITS = 0x1fff;

/** An error passes if what it quotes went the other way and was let through. Else the rules judge it. */
function judgeError(builder: PortBuilder, judged: Judged): void {
  const { family, direction, exits } = judged;
  const [ports, echo, find] = ["ports", "echo", "find"].map((name) => builder.freshLabel(name)) as [string, string, string];
  const [quotedWay, unrelated] = [otherDirection(direction), exits.rules];
  builder.add("r7", ICMP.bytes);
  readQuotedHeader(builder, family, unrelated);
  for (let at = 0; at < FLOW_BYTES; at += 8) builder.storeImmediate(8, "r10", PLACES.quoted + at, 0);
  copyAddresses(builder, { family, direction: quotedWay, from: PLACES.header, to: PLACES.quoted });
  refuseOtherReceiver(builder, judged);
  builder.load(2, "r2", "r10", PLACES.flow + FLOW.vlan).store(2, "r10", PLACES.quoted + FLOW.vlan, "r2");
  builder.storeImmediate(1, "r10", PLACES.quoted + FLOW.kind, family.version);
  builder.load(1, "r2", "r10", PLACES.header + family.protocolAt).store(1, "r10", PLACES.quoted + FLOW.protocol, "r2");
  builder.jumpIf("eq", "r2", PROTOCOL.tcp, ports).jumpIf("eq", "r2", PROTOCOL.udp, ports);
  builder.jumpIf("eq", "r2", family.icmp, echo).jump(unrelated);
  builder.label(echo).load(1, "r2", "r10", PLACES.connection).jumpIf("ne", "r2", family.echoRequest, unrelated);
  nameEcho(builder, { kind: echoKind(family, quotedWay), from: PLACES.connection, to: PLACES.quoted });
  builder.jump(find).label(ports);
  copyPorts(builder, { direction: quotedWay, from: PLACES.connection, to: PLACES.quoted });
  builder.label(find);
  findConnection(builder, PLACES.quoted, unrelated);
  builder.jump(exits.known);
}

/** The header that is quoted takes the place of the packet's own, and what follows it that of a connection to be written. */
function readQuotedHeader(builder: PortBuilder, family: Family, unrelated: string): void {
  needWithin(builder, family.headerBytes, unrelated);
  builder.copyOut("r7", PLACES.header, family.headerBytes, unrelated);
  builder.load(1, "r2", "r10", PLACES.header).mov("r3", "r2").rsh("r3", 4).jumpIf("ne", "r3", family.version, unrelated);
  if (family.version === 6) builder.add("r7", family.headerBytes);
  else {
    builder.and("r2", 0xf).lsh("r2", 2).jumpIf("lt", "r2", family.headerBytes, unrelated).add("r7", "r2");
    builder
      .load(2, "r2", "r10", PLACES.header + IPV4_FRAGMENT_AT)
      .be16("r2")
      .and("r2", FRAGMENT_OFFSET_BITS)
      .jumpIf("ne", "r2", 0, unrelated);
  }
  needWithin(builder, QUOTED_BYTES, unrelated);
  builder.copyOut("r7", PLACES.connection, QUOTED_BYTES, unrelated);
}

/** Who gets the error is who sent what it quotes. */
function refuseOtherReceiver(builder: PortBuilder, { family, direction, exits }: Judged): void {
  const receiver = direction === "in" ? FLOW.local : FLOW.remote;
  for (let at = 0; at < family.addressBytes; at += 4) {
    builder.load(4, "r2", "r10", PLACES.flow + receiver + at).load(4, "r3", "r10", PLACES.quoted + receiver + at);
    builder.jumpIf("ne", "r2", "r3", exits.rules);
  }
}
