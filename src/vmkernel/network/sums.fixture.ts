/** Checksums of TCP and UDP for tests, as a guest makes them or leaves them to its adapter. Source: RFC 1071, RFC 768, RFC 9293, RFC 8200. */
import { IPV4_TYPE } from "./frames.fixture.ts";

export const IPV6_TYPE = 0x86dd;
const [UDP, IP_AT] = [17, 14];

export function ipv6({ from, to, next, payload }: { from: string; to: string; next: number; payload: Buffer }): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt8(0x60, 0);
  header.writeUInt16BE(payload.length, 4);
  header.writeUInt8(next, 6);
  header.writeUInt8(64, 7);
  return Buffer.concat([header, ipv6Bytes(from), ipv6Bytes(to), payload]);
}

/** "fd00::1": one group, zeros, one group. */
function ipv6Bytes(address: string): Buffer {
  const bytes = Buffer.alloc(16);
  const [first = "", last = ""] = address.split("::");
  bytes.writeUInt16BE(Number.parseInt(first, 16), 0);
  bytes.writeUInt16BE(Number.parseInt(last, 16), 14);
  return bytes;
}

/**
 * A copy with its checksum.
 * @param kind "left": the sum of the pseudo-header alone, which the adapter is to complete (virtio 1.2 §5.1.6.2)
 */
export function withChecksum(frame: Buffer, kind: "whole" | "left"): Buffer<ArrayBuffer> {
  const { transport, pseudoHeader, at } = partsOf(frame);
  const summed = Buffer.from(frame);
  summed.writeUInt16BE(0, transport + at);
  const sum = kind === "left" ? onesSum(pseudoHeader) : ~onesSum(Buffer.concat([pseudoHeader, summed.subarray(transport)])) & 0xffff;
  summed.writeUInt16BE(sum, transport + at);
  return summed;
}

export function checksumOf(frame: Buffer): number {
  const { transport, at } = partsOf(frame);
  return frame.readUInt16BE(transport + at);
}

function partsOf(frame: Buffer) {
  const isIpv4 = frame.readUInt16BE(12) === IPV4_TYPE;
  const transport = IP_AT + (isIpv4 ? (frame.readUInt8(IP_AT) & 0xf) * 4 : 40);
  const protocol = frame.readUInt8(IP_AT + (isIpv4 ? 9 : 6));
  const addresses = isIpv4 ? frame.subarray(IP_AT + 12, IP_AT + 20) : frame.subarray(IP_AT + 8, IP_AT + 40);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(frame.length - transport);
  return { transport, pseudoHeader: Buffer.concat([addresses, Buffer.from([0, protocol]), length]), at: protocol === UDP ? 6 : 16 };
}

function onesSum(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += at + 1 < bytes.length ? bytes.readUInt16BE(at) : bytes.readUInt8(at) << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}
