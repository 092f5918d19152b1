/** Frames for tests, from what is special about them. */
import { macBytes } from "./mac.ts";

export const BROADCAST = "ff:ff:ff:ff:ff:ff";
const PAYLOAD = Buffer.alloc(46, 0x55);
/** An EtherType that nobody speaks. */
const EXPERIMENT = 0x88b5;

export interface FrameParts {
  readonly to: string;
  readonly from: string;
  /** Of each tag, outermost first; 0x8100 where no other is said. */
  readonly tags?: readonly { readonly control: number; readonly protocol?: number }[];
  readonly type?: number;
  readonly payload?: Buffer;
}

export function frame({ to, from, tags = [], type = EXPERIMENT, payload = PAYLOAD }: FrameParts): Buffer {
  const tagged = tags.map(({ control, protocol = 0x8100 }) => Buffer.concat([be16(protocol), be16(control)]));
  return Buffer.concat([macBytes(to), macBytes(from), ...tagged, be16(type), payload]);
}

export interface PacketParts {
  readonly from: string;
  readonly to: string;
  readonly protocol: number;
  readonly payload: Buffer;
  readonly id?: number;
  /** In units of 8 bytes. */
  readonly offset?: number;
  readonly more?: boolean;
}

export const IPV4_TYPE = 0x0800;
export const ARP_TYPE = 0x0806;

export function ipv4({ from, to, protocol, payload, id = 1, offset = 0, more = false }: PacketParts): Buffer {
  const header = Buffer.from([0x45, 0, 0, 0, 0, 0, 0, 0, 64, protocol, 0, 0, ...from.split(".").map(Number), ...to.split(".").map(Number)]);
  header.writeUInt16BE(20 + payload.length, 2);
  header.writeUInt16BE(id, 4);
  header.writeUInt16BE((more ? 0x2000 : 0) | offset, 6);
  return Buffer.concat([header, payload]);
}

export const PROTOCOLS = { icmp: 1, tcp: 6, udp: 17 } as const;

export function udp(source: number, destination: number, data = Buffer.alloc(8)): Buffer {
  return Buffer.concat([be16(source), be16(destination), be16(8 + data.length), be16(0), data]);
}

export const SYN = 2;
export const ACK = 16;

export function tcp(source: number, destination: number, flags: number): Buffer {
  return Buffer.concat([be16(source), be16(destination), Buffer.alloc(8), Buffer.from([0x50, flags]), Buffer.alloc(6)]);
}

/** @param rest behind the checksum */
export function icmp(type: number, rest: Buffer): Buffer {
  return Buffer.concat([Buffer.from([type, 0, 0, 0]), rest]);
}

function be16(value: number): Buffer {
  return Buffer.from([value >> 8, value & 0xff]);
}
