/**
 * What the model's firewall reads of a packet: protocol, addresses, ports, fragment, flags; IPv4, IPv6 with its extension headers. Pure.
 * Source: RFC 791, RFC 8200, RFC 792, RFC 4443, RFC 9293.
 */

/** Behind an Ethernet header without tags. */
export type Packet =
  | { readonly kind: "arp" }
  | { readonly kind: "other" }
  /** Headers that contradict themselves or the frame, or that are cut short. */
  | { readonly kind: "malformed" }
  | IpPacket;

export interface IpPacket {
  readonly kind: "ip";
  readonly version: 4 | 6;
  readonly protocol: number;
  /** Hexadecimal. */
  readonly source: string;
  readonly destination: string;
  readonly fragment: Fragment;
  readonly transport: Transport;
}

export type Fragment =
  | { readonly kind: "whole" }
  | { readonly kind: "first"; readonly id: string }
  /** In units of 8 bytes. */
  | { readonly kind: "later"; readonly id: string; readonly offset: number };

export type Transport =
  | { readonly kind: "tcp"; readonly sourcePort: number; readonly destinationPort: number; readonly opens: boolean }
  | { readonly kind: "udp"; readonly sourcePort: number; readonly destinationPort: number }
  | { readonly kind: "icmp"; readonly type: number; readonly identifier: number; readonly quoted: Buffer }
  /** Another protocol, or a fragment without its head. */
  | { readonly kind: "opaque" };

export const TCP = 6;
export const UDP = 17;
export const ICMP = 1;
export const ICMPV6 = 58;

const IPV4 = 0x0800;
const ARP = 0x0806;
const IPV6 = 0x86dd;
const IPV4_HEADER_BYTES = 20;
const IPV6_HEADER_BYTES = 40;
/** RFC 792: an error quotes the header and 64 bits of the data. */
const QUOTED_BODY_BYTES = 8;
const SYN_WITHOUT_ACK = 0x02;
const SYN_AND_ACK = 0x12;
/** Hop-by-hop, routing, destination options; with the fragment header these are what senders use. More than this many is an attack. */
const EXTENSIONS: ReadonlySet<number> = new Set([0, 43, 60]);
const FRAGMENT_HEADER = 44;
const EXTENSION_HEADERS_MAX = 8;
const MALFORMED = { kind: "malformed" } as const;
const WHOLE = { kind: "whole" } as const;

/** @param rest from the EtherType on */
export function readPacket(rest: Buffer): Packet {
  const type = rest.readUInt16BE(0);
  if (type === ARP) return { kind: "arp" };
  if (type === IPV4) return readIpv4(rest.subarray(2)) ?? MALFORMED;
  if (type === IPV6) return readIpv6(rest.subarray(2)) ?? MALFORMED;
  return { kind: "other" };
}

/**
 * The packet that an ICMP error quotes: its headers and as little as eight bytes behind them, however long it says it is.
 * @returns undefined where it is no packet, or a later fragment
 */
export function readQuoted(version: 4 | 6, quoted: Buffer): IpPacket | undefined {
  if (quoted.length < (version === 4 ? IPV4_HEADER_BYTES : IPV6_HEADER_BYTES) || quoted.readUInt8(0) >> 4 !== version) return undefined;
  if (version === 4) {
    const isLater = (quoted.readUInt16BE(6) & 0x1fff) !== 0;
    const headerBytes = (quoted.readUInt8(0) & 0xf) * 4;
    return isLater || headerBytes < IPV4_HEADER_BYTES ? undefined : quotedPacket(quoted, quoted.readUInt8(9), headerBytes);
  }
  return quotedPacket(quoted, quoted.readUInt8(6), IPV6_HEADER_BYTES);
}

function quotedPacket(quoted: Buffer, protocol: number, headerBytes: number): IpPacket | undefined {
  const version = headerBytes === IPV6_HEADER_BYTES && quoted.readUInt8(0) >> 4 === 6 ? 6 : 4;
  const body = quoted.subarray(headerBytes);
  if (body.length < QUOTED_BODY_BYTES) return undefined;
  const [sourcePort, destinationPort] = [body.readUInt16BE(0), body.readUInt16BE(2)];
  const packet = { kind: "ip", version, protocol, ...addressesOf(version, quoted), fragment: WHOLE } as const;
  if (protocol === TCP) return { ...packet, transport: { kind: "tcp", sourcePort, destinationPort, opens: false } };
  if (protocol === UDP) return { ...packet, transport: { kind: "udp", sourcePort, destinationPort } };
  if (!isIcmp(version, protocol)) return undefined;
  return { ...packet, transport: { kind: "icmp", type: body.readUInt8(0), identifier: body.readUInt16BE(4), quoted: body.subarray(8) } };
}

function addressesOf(version: 4 | 6, bytes: Buffer): { readonly source: string; readonly destination: string } {
  const [start, length] = version === 4 ? [12, 4] : [8, 16];
  return {
    source: bytes.toString("hex", start, start + length),
    destination: bytes.toString("hex", start + length, start + 2 * length),
  };
}

function isIcmp(version: 4 | 6, protocol: number): boolean {
  return protocol === (version === 4 ? ICMP : ICMPV6);
}

function readIpv4(bytes: Buffer): IpPacket | undefined {
  if (bytes.length < IPV4_HEADER_BYTES || bytes.readUInt8(0) >> 4 !== 4) return undefined;
  const headerBytes = (bytes.readUInt8(0) & 0xf) * 4;
  const total = bytes.readUInt16BE(2);
  if (headerBytes < IPV4_HEADER_BYTES || total < headerBytes || total > bytes.length) return undefined;
  const protocol = bytes.readUInt8(9);
  const fragment = fragmentOf(bytes.readUInt16BE(6) & 0x1fff, (bytes.readUInt16BE(6) & 0x2000) !== 0, bytes.toString("hex", 4, 6));
  const transport = readTransport(4, protocol, fragment, bytes.subarray(headerBytes, total));
  return transport && { kind: "ip", version: 4, protocol, ...addressesOf(4, bytes), fragment, transport };
}

function readIpv6(bytes: Buffer): IpPacket | undefined {
  if (bytes.length < IPV6_HEADER_BYTES || bytes.readUInt8(0) >> 4 !== 6) return undefined;
  const total = IPV6_HEADER_BYTES + bytes.readUInt16BE(4);
  if (total > bytes.length) return undefined;
  const upper = skipExtensions(bytes.subarray(0, total), bytes.readUInt8(6));
  if (upper === undefined) return undefined;
  const { protocol, fragment, body } = upper;
  const transport = readTransport(6, protocol, fragment, body);
  return transport && { kind: "ip", version: 6, protocol, ...addressesOf(6, bytes), fragment, transport };
}

interface Upper {
  readonly protocol: number;
  readonly fragment: Fragment;
  readonly body: Buffer;
}

function skipExtensions(packet: Buffer, firstHeader: number): Upper | undefined {
  let [protocol, offset] = [firstHeader, IPV6_HEADER_BYTES];
  let fragment: Fragment = WHOLE;
  for (let count = 0; EXTENSIONS.has(protocol) || protocol === FRAGMENT_HEADER; count++) {
    if (count === EXTENSION_HEADERS_MAX || packet.length < offset + 8) return undefined;
    const next = packet.readUInt8(offset);
    if (protocol === FRAGMENT_HEADER) {
      if (fragment.kind !== "whole") return undefined;
      const field = packet.readUInt16BE(offset + 2);
      fragment = fragmentOf(field >> 3, (field & 1) === 1, packet.toString("hex", offset + 4, offset + 8));
      offset += 8;
    } else {
      offset += (packet.readUInt8(offset + 1) + 1) * 8;
    }
    protocol = next;
    // What follows in a later fragment is payload, not headers.
    if (fragment.kind === "later") break;
  }
  return offset > packet.length ? undefined : { protocol, fragment, body: packet.subarray(offset) };
}

function fragmentOf(offset: number, hasMore: boolean, id: string): Fragment {
  if (offset > 0) return { kind: "later", id, offset };
  return hasMore ? { kind: "first", id } : WHOLE;
}

/** A head that does not fit into a first fragment hides what it is: malformed. */
function readTransport(version: 4 | 6, protocol: number, fragment: Fragment, body: Buffer): Transport | undefined {
  if (fragment.kind === "later") return { kind: "opaque" };
  if (protocol === TCP) {
    if (body.length < 20) return undefined;
    const opens = (body.readUInt8(13) & SYN_AND_ACK) === SYN_WITHOUT_ACK;
    return { kind: "tcp", sourcePort: body.readUInt16BE(0), destinationPort: body.readUInt16BE(2), opens };
  }
  if (protocol === UDP) {
    if (body.length < 8) return undefined;
    return { kind: "udp", sourcePort: body.readUInt16BE(0), destinationPort: body.readUInt16BE(2) };
  }
  if (!isIcmp(version, protocol)) return { kind: "opaque" };
  if (body.length < 8) return undefined;
  return { kind: "icmp", type: body.readUInt8(0), identifier: body.readUInt16BE(4), quoted: body.subarray(8) };
}
