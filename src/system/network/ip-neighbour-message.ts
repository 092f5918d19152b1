/** The kernel's tables of ARP and of neighbour discovery, in messages of rtnetlink. Pure. Source: rtnetlink(7), include/uapi/linux/neighbour.h. */
import { SystemError } from "../../base/index.ts";
import { formatAddress } from "./address-message.ts";
import { formatMac, type NetlinkRequest } from "./link-message.ts";
import { attribute, decodeAttributes, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL } from "./netlink-message.ts";

export const RTM_NEWNEIGH = 28;
const RTM_GETNEIGH = 30;

const NDA_DST = 1;
const NDA_LLADDR = 2;
const NTF_ROUTER = 0x80;
const AF_INET = 2;
const AF_INET6 = 10;

/** NUD_*: what the kernel knows of a neighbour. "static": it was told, and asks nobody. */
const STATES = {
  incomplete: 0x01,
  reachable: 0x02,
  stale: 0x04,
  delay: 0x08,
  probe: 0x10,
  failed: 0x20,
  noarp: 0x40,
  static: 0x80,
} as const;
export type NeighbourState = keyof typeof STATES;

/** struct ndmsg: | family:u8 | 0:u24 | index of the link:s32 | state:u16 | flags:u8 | type:u8 | */
const NEIGHBOUR_HEADER_BYTES = 12;

/** Who else is on a link, by an address of IP. */
export interface IpNeighbour {
  readonly index: number;
  readonly address: string;
  /** Absent while nobody has answered. */
  readonly mac?: string;
  readonly state: NeighbourState;
  /** It has told that it is one. */
  readonly isRouter: boolean;
}

export function requestIpNeighbours(): NetlinkRequest {
  return { type: RTM_GETNEIGH, flags: NLM_F_DUMP, body: Buffer.alloc(NEIGHBOUR_HEADER_BYTES) };
}

/** For good: nobody is asked. @param address as bytes, of IPv4 or IPv6 */
export function requestStaticNeighbour(index: number, address: Buffer, mac: Buffer): NetlinkRequest {
  const header = Buffer.alloc(NEIGHBOUR_HEADER_BYTES);
  header.writeUInt8(address.length === 4 ? AF_INET : AF_INET6, 0);
  header.writeInt32LE(index, 4);
  header.writeUInt16LE(STATES.static, 8);
  const body = Buffer.concat([header, attribute(NDA_DST, address), attribute(NDA_LLADDR, mac)]);
  return { type: RTM_NEWNEIGH, flags: NLM_F_CREATE | NLM_F_EXCL, body };
}

/** Body of a message of type RTM_NEWNEIGH. @returns undefined for a bridge's, which is of no address of IP */
export function decodeIpNeighbour(body: Buffer): IpNeighbour | undefined {
  if (body.length < NEIGHBOUR_HEADER_BYTES) throw new SystemError("a message about a neighbour is cut short");
  const attributes = decodeAttributes(body.subarray(NEIGHBOUR_HEADER_BYTES));
  const [address, mac] = [attributes.get(NDA_DST), attributes.get(NDA_LLADDR)];
  const [bits, flags] = [body.readUInt16LE(8), body.readUInt8(10)];
  const state = (Object.keys(STATES) as NeighbourState[]).find((name) => (bits & STATES[name]) !== 0);
  const bytes = { [AF_INET]: 4, [AF_INET6]: 16 }[body.readUInt8(0)];
  if (address === undefined || address.length !== bytes || state === undefined) return undefined;
  return {
    index: body.readInt32LE(4),
    address: formatAddress(address),
    ...(mac?.length === 6 && { mac: formatMac(mac) }),
    state,
    isRouter: (flags & NTF_ROUTER) !== 0,
  };
}
