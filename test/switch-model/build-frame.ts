/** Frames from their parts, good and bad: every length and field can be made to lie. Pure. For the model's tests and random frames. */

export interface EthernetParts {
  /** Colon-separated. */
  readonly to: string;
  readonly from: string;
  /** Outermost first. */
  readonly tags?: readonly TagParts[];
  readonly type: number;
  readonly payload: Buffer;
}

export interface TagParts {
  readonly protocol?: number;
  readonly vlan: number;
  readonly priority?: number;
  /** That it goes first where there is no room. */
  readonly isDropEligible?: boolean;
}

const CUSTOMER_TAG = 0x8100;
export const IPV4 = 0x0800;
export const ARP = 0x0806;
export const IPV6 = 0x86dd;

export function ethernet({ to, from, tags = [], type, payload }: EthernetParts): Buffer {
  const tagged = tags.map(tagBytes);
  return Buffer.concat([macBytes(to), macBytes(from), ...tagged, be16(type), payload]);
}

function tagBytes({ protocol = CUSTOMER_TAG, vlan, priority = 0, isDropEligible = false }: TagParts): Buffer {
  return Buffer.concat([be16(protocol), be16((priority << 13) | (isDropEligible ? 0x1000 : 0) | vlan)]);
}

/** Addresses that were written before: tests use few of them, millions of times. */
const known = new Map<string, Buffer>();
const KNOWN_MAX = 10_000;

function remembered(address: string, read: (address: string) => Buffer): Buffer {
  const bytes = known.get(address) ?? read(address);
  if (known.size >= KNOWN_MAX) known.clear();
  known.set(address, bytes);
  return bytes;
}

export function macBytes(mac: string): Buffer {
  return remembered(mac, () => Buffer.from(mac.replaceAll(":", ""), "hex"));
}

export function be16(value: number): Buffer {
  return Buffer.from([(value >> 8) & 0xff, value & 0xff]);
}

export interface Ipv4Parts {
  readonly from: string;
  readonly to: string;
  readonly protocol: number;
  readonly payload: Buffer;
  readonly id?: number;
  /** In units of 8 bytes. */
  readonly fragmentOffset?: number;
  readonly moreFragments?: boolean;
  /** A multiple of 4 bytes. */
  readonly options?: Buffer;
  /** What the header says, where it lies. */
  readonly version?: number;
  readonly headerWords?: number;
  readonly totalBytes?: number;
}

export function ipv4(parts: Ipv4Parts): Buffer {
  const options = parts.options ?? Buffer.alloc(0);
  const header = Buffer.alloc(20);
  header.writeUInt8(((parts.version ?? 4) << 4) | ((parts.headerWords ?? 5 + options.length / 4) & 0xf), 0);
  header.writeUInt16BE(parts.totalBytes ?? 20 + options.length + parts.payload.length, 2);
  header.writeUInt16BE(parts.id ?? 1, 4);
  header.writeUInt16BE((parts.moreFragments ? 0x2000 : 0) | (parts.fragmentOffset ?? 0), 6);
  header.writeUInt8(64, 8);
  header.writeUInt8(parts.protocol, 9);
  ipv4Bytes(parts.from).copy(header, 12);
  ipv4Bytes(parts.to).copy(header, 16);
  return Buffer.concat([header, options, parts.payload]);
}

export function ipv4Bytes(address: string): Buffer {
  return remembered(address, () => Buffer.from(address.split(".").map(Number)));
}

export interface Ipv6Parts {
  readonly from: string;
  readonly to: string;
  /** Of the payload: that of its first extension header. */
  readonly next: number;
  readonly payload: Buffer;
  readonly version?: number;
  readonly payloadBytes?: number;
}

export function ipv6({ from, to, next, payload, version = 6, payloadBytes = payload.length }: Ipv6Parts): Buffer {
  const header = Buffer.alloc(40);
  header.writeUInt8(version << 4, 0);
  header.writeUInt16BE(payloadBytes, 4);
  header.writeUInt8(next, 6);
  header.writeUInt8(64, 7);
  ipv6Bytes(from).copy(header, 8);
  ipv6Bytes(to).copy(header, 24);
  return Buffer.concat([header, payload]);
}

/** @param address with "::" at most once, no dots */
export function ipv6Bytes(address: string): Buffer {
  return remembered(address, readIpv6);
}

function readIpv6(address: string): Buffer {
  const [head = "", tail] = address.split("::");
  const groups = (text: string): readonly number[] => (text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16)));
  const [before, after] = [groups(head), groups(tail ?? "")];
  return Buffer.concat([...before.map(be16), Buffer.alloc(16 - 2 * (before.length + after.length)), ...after.map(be16)]);
}

export interface ExtensionParts {
  /** Of what follows. */
  readonly next: number;
  /** Without its first two bytes; 6 bytes, or 8 more for each unit. */
  readonly body?: Buffer;
  /** In units of 8 bytes beyond the first, where it lies. */
  readonly units?: number;
}

/** Hop-by-hop, routing or destination options. */
export function extension({ next, body = Buffer.alloc(6), units = (body.length + 2) / 8 - 1 }: ExtensionParts): Buffer {
  return Buffer.concat([Buffer.from([next, units]), body]);
}

export function fragmentHeader(parts: { next: number; offset: number; more: boolean; id: number }): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt8(parts.next, 0);
  bytes.writeUInt16BE((parts.offset << 3) | (parts.more ? 1 : 0), 2);
  bytes.writeUInt32BE(parts.id, 4);
  return bytes;
}

export interface Ports {
  readonly source: number;
  readonly destination: number;
}

export const TCP_FLAGS = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16 } as const;

export function tcp({ source, destination }: Ports, flags: number, data = Buffer.alloc(0)): Buffer {
  const header = Buffer.alloc(20);
  header.writeUInt16BE(source, 0);
  header.writeUInt16BE(destination, 2);
  header.writeUInt8(5 << 4, 12);
  header.writeUInt8(flags, 13);
  return Buffer.concat([header, data]);
}

export function udp({ source, destination }: Ports, data = Buffer.alloc(0)): Buffer {
  return Buffer.concat([be16(source), be16(destination), be16(8 + data.length), be16(0), data]);
}

/** @param rest what follows type, code and checksum: identifier and sequence, or four unused bytes and the packet that is quoted */
export function icmp(type: number, rest: Buffer): Buffer {
  return Buffer.concat([Buffer.from([type, 0, 0, 0]), rest]);
}

export function echo(type: number, identifier: number): Buffer {
  return icmp(type, Buffer.concat([be16(identifier), be16(1)]));
}

export function arp(parts: { operation: number; senderMac: string; senderIp: string; targetMac: string; targetIp: string }): Buffer {
  const fixed = Buffer.from([0, 1, 8, 0, 6, 4]);
  const sender = [macBytes(parts.senderMac), ipv4Bytes(parts.senderIp)];
  return Buffer.concat([fixed, be16(parts.operation), ...sender, macBytes(parts.targetMac), ipv4Bytes(parts.targetIp)]);
}

/** 802.3: the field behind the addresses is a length, a logical link header follows. */
export function llc(parts: { to: string; from: string; header: Buffer; data?: Buffer; length?: number }): Buffer {
  const payload = Buffer.concat([parts.header, parts.data ?? Buffer.alloc(38)]);
  return ethernet({ to: parts.to, from: parts.from, type: parts.length ?? payload.length, payload });
}

export const STP_LLC = Buffer.from("424203", "hex");
/** Cisco's organisation, and the protocols under it that switches use. */
export const CDP_SNAP = Buffer.from("aaaa0300000c2000", "hex");
export const DTP_SNAP = Buffer.from("aaaa0300000c2004", "hex");

/** Where a checksum is in a frame: what it covers begins there, and it lies so many bytes further. */
export interface ChecksumPlace {
  readonly start: number;
  readonly offset: number;
}

const CHECKSUM_OFFSETS: ReadonlyMap<number, number> = new Map([
  [6, 16],
  [17, 6],
]);

/** @returns undefined where what follows an Ethernet header is no whole packet of TCP or UDP without options */
export function checksumPlace(frame: Buffer, ipAt: number): ChecksumPlace | undefined {
  const packet = frame.subarray(ipAt);
  const isIpv4 = frame.readUInt16BE(ipAt - 2) === IPV4;
  if (packet.length < (isIpv4 ? 20 : 40) || packet.readUInt8(0) !== (isIpv4 ? 0x45 : 0x60)) return undefined;
  const [header, protocol, length] = isIpv4
    ? [20, packet.readUInt8(9), packet.readUInt16BE(2)]
    : [40, packet.readUInt8(6), 40 + packet.readUInt16BE(4)];
  const offset = CHECKSUM_OFFSETS.get(protocol);
  if (offset === undefined || length !== packet.length || length < header + offset + 2) return undefined;
  return isIpv4 && (packet.readUInt16BE(6) & 0x3fff) !== 0 ? undefined : { start: ipAt + header, offset };
}

/** A copy with its checksum. @param kind "left": what a guest has there that leaves it to its adapter, the pseudo-header's sum */
export function withSum(frame: Buffer, { start, offset }: ChecksumPlace, kind: "whole" | "left"): Buffer {
  const [copy, isIpv4] = [Buffer.from(frame), frame.readUInt8(start - 20) === 0x45 && frame.readUInt16BE(start - 22) === IPV4];
  const addresses = copy.subarray(start - (isIpv4 ? 8 : 32), start);
  const pseudoHeader = Buffer.concat([addresses, be16(copy.length - start), be16(offset === 6 ? 17 : 6)]);
  copy.writeUInt16BE(0, start + offset);
  const sum = onesComplementSum(kind === "left" ? pseudoHeader : Buffer.concat([pseudoHeader, copy.subarray(start)]));
  copy.writeUInt16BE(kind === "left" ? sum : ~sum & 0xffff || 0xffff, start + offset);
  return copy;
}

function onesComplementSum(bytes: Buffer): number {
  let sum = 0;
  for (const [at, byte] of bytes.entries()) sum += at % 2 === 0 ? byte << 8 : byte;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}
