/**
 * Reads a packet's headers onto the stack, or drops it as malformed: IPv4 with options, IPv6 with its extension headers, fragments. Pure.
 * Where it ends r7 is where what the IP header is before begins, from the frame's first byte.
 * Source: RFC 791, RFC 8200; RFC 1858 and RFC 3128 for what is done with fragments.
 */
import type { PortBuilder } from "../port-builder.ts";
import {
  type Direction,
  ETHERNET_BYTES,
  type Family,
  FLOW,
  FLOW_BYTES,
  FLOW_KIND,
  IPV4,
  IPV6,
  NO,
  PLACES,
  PROTOCOL,
  YES,
} from "./places.ts";

const IPV4_FIELDS = { totalAt: 2, idAt: 4, fragmentAt: 6 } as const;
const FRAGMENT_BITS = 0x3fff; // more fragments, and the offset
const FRAGMENT_OFFSET_BITS = 0x1fff;
const IPV6_PAYLOAD_AT = 4;
/** Hop-by-hop options, routing, destination options; fragment. */
const EXTENSIONS = [0, 43, 60];
const FRAGMENT_HEADER = 44;
const EXTENSION_BYTES = 8;
/** Senders have a few of them; more is an attack on who reads them. */
const EXTENSIONS_MAX = 8;

/** Goes on only with `bytes` within the packet from r7 on. r2 and r3 are lost. */
export function needWithin(builder: PortBuilder, bytes: number, failed: string): void {
  builder.mov("r2", "r7").add("r2", bytes).load(8, "r3", "r10", PLACES.end).jumpIf("gt", "r2", "r3", failed);
}

/** Every place on the stack that may be read before something is written there. */
export function clearPlaces(builder: PortBuilder): void {
  for (let at = 0; at < FLOW_BYTES; at += 8) builder.storeImmediate(8, "r10", PLACES.flow + at, 0);
  builder.storeImmediate(1, "r10", PLACES.isFirstFragment, NO).storeImmediate(1, "r10", PLACES.makesConnection, NO);
  builder.storeImmediate(4, "r10", PLACES.fragmentId, UNSAID).storeImmediate(1, "r10", PLACES.segment, UNSAID);
}

/** No type of ICMP, and no matter. */
const UNSAID = 0xff;

export interface PacketExits {
  readonly malformed: string;
  readonly laterFragment: string;
}

export function readIpv4(builder: PortBuilder, direction: Direction, { malformed, laterFragment }: PacketExits): void {
  const whole = builder.freshLabel("whole");
  builder.copyOut(ETHERNET_BYTES, PLACES.header, IPV4.headerBytes, malformed);
  builder.load(1, "r7", "r10", PLACES.header).mov("r2", "r7").rsh("r2", 4).jumpIf("ne", "r2", 4, malformed);
  builder.and("r7", 0xf).lsh("r7", 2).jumpIf("lt", "r7", IPV4.headerBytes, malformed);
  builder
    .load(2, "r2", "r10", PLACES.header + IPV4_FIELDS.totalAt)
    .be16("r2")
    .jumpIf("lt", "r2", "r7", malformed);
  keepEnd(builder, malformed);
  builder.add("r7", ETHERNET_BYTES);
  keepFlow(builder, direction, IPV4);
  builder
    .load(2, "r3", "r10", PLACES.header + IPV4_FIELDS.fragmentAt)
    .be16("r3")
    .and("r3", FRAGMENT_BITS)
    .jumpIf("eq", "r3", 0, whole);
  builder.load(2, "r2", "r10", PLACES.header + IPV4_FIELDS.idAt).store(4, "r10", PLACES.fragmentId, "r2");
  builder.and("r3", FRAGMENT_OFFSET_BITS).jumpIf("ne", "r3", 0, laterFragment);
  builder.storeImmediate(1, "r10", PLACES.isFirstFragment, YES).label(whole);
}

export function readIpv6(builder: PortBuilder, direction: Direction, exits: PacketExits): void {
  const { malformed } = exits;
  builder.copyOut(ETHERNET_BYTES, PLACES.header, IPV6.headerBytes, malformed);
  builder.load(1, "r2", "r10", PLACES.header).rsh("r2", 4).jumpIf("ne", "r2", 6, malformed);
  builder
    .load(2, "r2", "r10", PLACES.header + IPV6_PAYLOAD_AT)
    .be16("r2")
    .add("r2", IPV6.headerBytes);
  keepEnd(builder, malformed);
  keepFlow(builder, direction, IPV6);
  builder.mov("r7", ETHERNET_BYTES + IPV6.headerBytes);
  skipExtensions(builder, exits);
}

/** r2 is how long the packet says that it is, with its header. */
function keepEnd(builder: PortBuilder, malformed: string): void {
  builder.loadLength().sub("r3", ETHERNET_BYTES).jumpIf("gt", "r2", "r3", malformed);
  builder.add("r2", ETHERNET_BYTES).store(8, "r10", PLACES.end, "r2");
}

function keepFlow(builder: PortBuilder, direction: Direction, family: Family): void {
  copyAddresses(builder, { family, direction, from: PLACES.header, to: PLACES.flow });
  builder.load(1, "r2", "r10", PLACES.header + family.protocolAt).store(1, "r10", PLACES.flow + FLOW.protocol, "r2");
  builder.storeImmediate(1, "r10", PLACES.flow + FLOW.kind, family.version === 4 ? FLOW_KIND.ipv4 : FLOW_KIND.ipv6);
}

export interface AddressCopy {
  readonly family: Family;
  /** Which way the packet went. */
  readonly direction: Direction;
  /** An IP header on the stack. */
  readonly from: number;
  /** A flow on the stack. */
  readonly to: number;
}

export function copyAddresses(builder: PortBuilder, { family, direction, from, to }: AddressCopy): void {
  const { sourceAt, addressBytes } = family;
  const [source, destination] = direction === "out" ? [FLOW.local, FLOW.remote] : [FLOW.remote, FLOW.local];
  for (let at = 0; at < addressBytes; at += 4) {
    builder.load(4, "r3", "r10", from + sourceAt + at).store(4, "r10", to + source + at, "r3");
    builder.load(4, "r3", "r10", from + sourceAt + addressBytes + at).store(4, "r10", to + destination + at, "r3");
  }
}

/** Header by header, as far as one of them is a protocol. */
function skipExtensions(builder: PortBuilder, { malformed, laterFragment }: PacketExits): void {
  const upper = builder.freshLabel("upper");
  for (let count = 0; count <= EXTENSIONS_MAX; count++) {
    const [extension, fragment, next] = [builder.freshLabel("extension"), builder.freshLabel("fragment"), builder.freshLabel("next")];
    builder.load(1, "r2", "r10", PLACES.flow + FLOW.protocol);
    for (const kind of EXTENSIONS) builder.jumpIf("eq", "r2", kind, count < EXTENSIONS_MAX ? extension : malformed);
    builder.jumpIf("ne", "r2", FRAGMENT_HEADER, upper);
    if (count === EXTENSIONS_MAX) builder.jump(malformed);
    else {
      builder.label(fragment);
      readFragmentHeader(builder, malformed, laterFragment);
      builder.jump(next).label(extension);
      readExtension(builder, malformed);
      builder.label(next);
    }
  }
  builder.label(upper);
  needWithin(builder, 0, malformed);
}

function readExtension(builder: PortBuilder, malformed: string): void {
  copyExtension(builder, malformed);
  builder
    .load(1, "r2", "r10", PLACES.segment + 1)
    .add("r2", 1)
    .lsh("r2", 3)
    .add("r7", "r2");
}

function readFragmentHeader(builder: PortBuilder, malformed: string, laterFragment: string): void {
  const whole = builder.freshLabel("whole");
  // A fragment of a fragment.
  builder.load(1, "r2", "r10", PLACES.isFirstFragment).jumpIf("eq", "r2", YES, malformed);
  copyExtension(builder, malformed);
  builder
    .add("r7", EXTENSION_BYTES)
    .load(4, "r2", "r10", PLACES.segment + 4)
    .store(4, "r10", PLACES.fragmentId, "r2");
  builder
    .load(2, "r2", "r10", PLACES.segment + 2)
    .be16("r2")
    .mov("r3", "r2")
    .rsh("r3", 3)
    .jumpIf("ne", "r3", 0, laterFragment);
  builder.and("r2", 1).jumpIf("eq", "r2", 0, whole).storeImmediate(1, "r10", PLACES.isFirstFragment, YES).label(whole);
}

function copyExtension(builder: PortBuilder, malformed: string): void {
  needWithin(builder, EXTENSION_BYTES, malformed);
  builder.copyOut("r7", PLACES.segment, EXTENSION_BYTES, malformed);
  builder.load(1, "r2", "r10", PLACES.segment).store(1, "r10", PLACES.flow + FLOW.protocol, "r2");
}

/**
 * The second 8 bytes of a TCP header have its flags: a fragment that begins with them would change what the first one was judged by.
 * r3 is the fragment's offset.
 */
export function refuseFlagsApart(builder: PortBuilder, refuse: string): void {
  const fine = builder.freshLabel("fine");
  builder
    .load(1, "r2", "r10", PLACES.flow + FLOW.protocol)
    .jumpIf("ne", "r2", PROTOCOL.tcp, fine)
    .jumpIf("eq", "r3", 1, refuse)
    .label(fine);
}
