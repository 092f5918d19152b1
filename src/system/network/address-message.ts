/** IP addresses of links in messages of rtnetlink. Pure. Source: rtnetlink(7), Linux include/uapi/linux/if_addr.h. */
import { isIPv4, isIPv6 } from "node:net";
import { SystemError } from "../../base/index.ts";
import { tcpAddress } from "../sockets/address.ts";
import type { NetlinkRequest } from "./link-message.ts";
import { attribute, decodeAttributes, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL } from "./netlink-message.ts";

export const RTM_NEWADDR = 20;
const RTM_DELADDR = 21;
const RTM_GETADDR = 22;

const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_BROADCAST = 4;
const IFA_F_DADFAILED = 0x08;

const AF_UNSPEC = 0;
const AF_INET = 2;
const AF_INET6 = 10;

/** struct ifaddrmsg: | family:u8 | prefix length:u8 | flags:u8 | scope:u8 | index of the link:u32 | */
const ADDRESS_HEADER_BYTES = 8;

/** An address with the length of its network's prefix: "192.0.2.1/24", "2001:db8::1/64". */
export interface LinkAddress {
  readonly index: number;
  readonly address: string;
  /** Of IPv6: another host on the link has it, so the kernel does not use it. RFC 4862 §5.4. */
  readonly isDuplicate: boolean;
}

interface Cidr {
  readonly family: number;
  readonly bytes: Buffer;
  readonly prefixLength: number;
}

/** @throws {SystemError} when the text is no address with a prefix length */
export function parseCidr(text: string): Cidr {
  const [, host = "", length = ""] = /^([0-9a-fA-F.:]+)\/(\d{1,3})$/.exec(text) ?? [];
  const prefixLength = Number(length);
  if (isIPv4(host) && prefixLength <= 32) return { family: AF_INET, bytes: tcpAddress(host, 0).bytes.subarray(4, 8), prefixLength };
  if (isIPv6(host) && prefixLength <= 128) return { family: AF_INET6, bytes: tcpAddress(host, 0).bytes.subarray(8, 24), prefixLength };
  throw new SystemError(`${JSON.stringify(text)} is no IP address with the length of its prefix`);
}

export function requestAddress(index: number, cidr: string): NetlinkRequest {
  const parsed = parseCidr(cidr);
  const broadcast = parsed.family === AF_INET && parsed.prefixLength < 31 ? [attribute(IFA_BROADCAST, broadcastOf(parsed))] : [];
  const body = Buffer.concat([addressBody(index, parsed), ...broadcast]);
  return { type: RTM_NEWADDR, flags: NLM_F_CREATE | NLM_F_EXCL, body };
}

export function requestAddressRemoval(index: number, cidr: string): NetlinkRequest {
  return { type: RTM_DELADDR, flags: 0, body: addressBody(index, parseCidr(cidr)) };
}

export function requestAddresses(): NetlinkRequest {
  return { type: RTM_GETADDR, flags: NLM_F_DUMP, body: addressHeader(AF_UNSPEC, 0, 0) };
}

/** Body of a message of type RTM_NEWADDR. */
export function decodeAddress(body: Buffer): LinkAddress {
  if (body.length < ADDRESS_HEADER_BYTES) throw new SystemError("a message about an IP address is cut short");
  const attributes = decodeAttributes(body.subarray(ADDRESS_HEADER_BYTES));
  // Where both are there IFA_ADDRESS is the other end of a link that has but two.
  const bytes = attributes.get(IFA_LOCAL) ?? attributes.get(IFA_ADDRESS);
  if (bytes === undefined) throw new SystemError("a message about an IP address has none");
  const isDuplicate = (body.readUInt8(2) & IFA_F_DADFAILED) !== 0;
  return { index: body.readUInt32LE(4), address: `${formatAddress(bytes)}/${body.readUInt8(1)}`, isDuplicate };
}

function addressHeader(family: number, prefixLength: number, index: number): Buffer {
  const header = Buffer.alloc(ADDRESS_HEADER_BYTES);
  header.writeUInt8(family, 0);
  header.writeUInt8(prefixLength, 1);
  header.writeUInt32LE(index, 4);
  return header;
}

function addressBody(index: number, { family, bytes, prefixLength }: Cidr): Buffer {
  return Buffer.concat([addressHeader(family, prefixLength, index), attribute(IFA_LOCAL, bytes), attribute(IFA_ADDRESS, bytes)]);
}

function broadcastOf({ bytes, prefixLength }: Cidr): Buffer {
  const broadcast = Buffer.alloc(4);
  broadcast.writeUInt32BE((bytes.readUInt32BE() | (0xffffffff >>> prefixLength)) >>> 0);
  return broadcast;
}

export function formatAddress(bytes: Buffer): string {
  if (bytes.length === 4) return [...bytes].join(".");
  const groups = Array.from({ length: 8 }, (_, n) => bytes.readUInt16BE(2 * n).toString(16));
  return new URL(`http://[${groups.join(":")}]`).hostname.slice(1, -1); // the short form, RFC 5952
}
