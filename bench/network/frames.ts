/** Frames that the measured switches pass on, each with the virtio header that taps of VMs have. Pure. Source: RFC 768, 791, 9293. */
import { VNET_HEADER_BYTES } from "./bursts.mjs";

const ETHERNET_BYTES = 14;
const IPV4_BYTES = 20;
const UDP = 17;
const TCP = 6;
const L4_AT = ETHERNET_BYTES + IPV4_BYTES;
/** VIRTIO_NET_HDR_F_NEEDS_CSUM, VIRTIO_NET_HDR_GSO_TCPV4 of Linux include/uapi/linux/virtio_net.h. */
const NEEDS_CHECKSUM = 1;
const GSO_TCPV4 = 1;

export interface FrameParts {
  /** Of a measured VM, by its number: see {@link macOf}. */
  readonly from: number;
  readonly to: number | "everybody";
  /** From the destination address on. */
  readonly bytes: number;
  readonly sourcePort?: number;
  readonly destinationPort?: number;
}

/** What a rule of the measured firewalls lets through: the last one. */
export const OPEN_PORT = 20_000;
export const SMALL_BYTES = 60;
export const SEGMENT_BYTES = 60_000;
const SEGMENT_PAYLOAD_BYTES = 1448;

/** Whose frames are who's: 00:50:56:00:hh:ll. */
export function macOf(vm: number): string {
  return [0, 0x50, 0x56, 0, vm >> 8, vm & 0xff].map((byte) => byte.toString(16).padStart(2, "0")).join(":");
}

/** As guests send them: the checksum is left to the adapter, and the sum of the pseudo-header is where that shall put it. */
export function udpFrame(parts: FrameParts): Buffer {
  const frame = ipFrame(parts, UDP);
  frame.writeUInt16BE(parts.bytes - L4_AT, VNET_HEADER_BYTES + L4_AT + 4);
  frame.writeUInt8(NEEDS_CHECKSUM, 0);
  frame.writeUInt16LE(L4_AT, 6);
  frame.writeUInt16LE(6, 8); // the checksum's place in UDP's header
  leaveChecksum(frame);
  return frame;
}

function leaveChecksum(frame: Buffer): void {
  const at = VNET_HEADER_BYTES + ETHERNET_BYTES;
  const pseudoHeader = Buffer.concat([
    frame.subarray(at + 12, at + IPV4_BYTES),
    Buffer.from([0, UDP]),
    frame.subarray(at + IPV4_BYTES + 4, at + IPV4_BYTES + 6),
  ]);
  frame.writeUInt16BE(~ipChecksum(pseudoHeader) & 0xffff, at + IPV4_BYTES + 6);
}

/** A datagram of a connection that nobody has seen yet. */
export function renewConnection(frame: Buffer, connection: number): void {
  const at = VNET_HEADER_BYTES + ETHERNET_BYTES;
  frame.writeUInt16BE(1 + (connection & 0x7fff), VNET_HEADER_BYTES + L4_AT);
  frame.writeUInt16BE(connection >>> 15, at + 14); // the low half of the sender's address
  frame.writeUInt16BE(0, at + 10);
  frame.writeUInt16BE(ipChecksum(frame.subarray(at, at + IPV4_BYTES)), at + 10);
  leaveChecksum(frame);
}

/** As a guest with segmentation offload sends it: one large frame, to be cut or delivered whole. */
export function tcpSegment(parts: FrameParts): Buffer {
  const frame = ipFrame(parts, TCP);
  const at = VNET_HEADER_BYTES + L4_AT;
  frame.writeUInt8(5 << 4, at + 12); // five words of header
  frame.writeUInt8(0x10, at + 13); // ACK
  frame.writeUInt16BE(1024, at + 14);
  frame.writeUInt8(NEEDS_CHECKSUM, 0);
  frame.writeUInt8(GSO_TCPV4, 1);
  frame.writeUInt16LE(L4_AT + 20, 2);
  frame.writeUInt16LE(SEGMENT_PAYLOAD_BYTES, 4);
  frame.writeUInt16LE(L4_AT, 6);
  frame.writeUInt16LE(16, 8); // the checksum's place in TCP's header
  return frame;
}

function ipFrame({ from, to, bytes, sourcePort = 10_000, destinationPort = OPEN_PORT }: FrameParts, protocol: number): Buffer {
  const frame = Buffer.alloc(VNET_HEADER_BYTES + bytes);
  const destination = to === "everybody" ? "ff:ff:ff:ff:ff:ff" : macOf(to);
  frame.write((destination + macOf(from)).replaceAll(":", ""), VNET_HEADER_BYTES, "hex");
  frame.writeUInt16BE(0x0800, VNET_HEADER_BYTES + 12);
  const ip = frame.subarray(VNET_HEADER_BYTES + ETHERNET_BYTES);
  ip.writeUInt8(0x45, 0);
  ip.writeUInt16BE(bytes - ETHERNET_BYTES, 2);
  ip.writeUInt8(64, 8);
  ip.writeUInt8(protocol, 9);
  ip.writeUInt32BE(0x0a000000 + from, 12);
  ip.writeUInt32BE(to === "everybody" ? 0xffffffff : 0x0a000000 + to, 16);
  ip.writeUInt16BE(ipChecksum(ip.subarray(0, IPV4_BYTES)), 10);
  ip.writeUInt16BE(sourcePort, IPV4_BYTES);
  ip.writeUInt16BE(destinationPort, IPV4_BYTES + 2);
  return frame;
}

function ipChecksum(header: Buffer): number {
  let sum = 0;
  for (let at = 0; at < header.length; at += 2) sum += header.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
