/**
 * Network links in messages of rtnetlink: what one is like, and how it shall be. Pure.
 * Source: rtnetlink(7), Linux include/uapi/linux/if_link.h and if.h.
 */
import { assert, SystemError } from "../../base/index.ts";
import { checkLinkName } from "./link-name.ts";
import {
  attribute,
  attributeText,
  decodeAttributes,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  NLM_F_REPLACE,
  nestedAttribute,
} from "./netlink-message.ts";

export const RTM_NEWLINK = 16;
export const RTM_DELLINK = 17;
const RTM_GETLINK = 18;
const RTM_SETLINK = 19;
const RTM_NEWQDISC = 36;
const TCA_KIND = 1;
const TC_H_ROOT = 0xffff_ffff;

const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_QDISC = 6;
const IFLA_LINKINFO = 18;
const IFLA_NET_NS_PID = 19;
const IFLA_NET_NS_FD = 28;
const IFLA_EXT_MASK = 29;
const IFLA_XDP = 43;
const IFLA_PARENT_DEV_NAME = 56;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const VETH_INFO_PEER = 1;
/** IFLA_XDP_DRV_PROG_ID, IFLA_XDP_SKB_PROG_ID, IFLA_XDP_HW_PROG_ID. */
const XDP_PROGRAM_IDS = [5, 6, 7];
/** The list then has a fifth of the bytes. */
const RTEXT_FILTER_SKIP_STATS = 8;

const IFF_UP = 0x1;
const IFF_PROMISC = 0x100;
const IFF_ALLMULTI = 0x200;
/** Only ever set while the link is up. */
const IFF_LOWER_UP = 0x10000;

/** struct ifinfomsg: | family:u8 | 0:u8 | type:u16 | index:i32 | flags:u32 | which flags to change:u32 | */
const LINK_HEADER_BYTES = 16;

/** A network interface: a tap, an end of a veth pair, an adapter. */
export interface Link {
  readonly name: string;
  readonly index: number;
  /** "02:00:00:00:00:01"; "" where it has no address, as a tunnel of layer 3. */
  readonly mac: string;
  readonly mtu: number;
  readonly isUp: boolean;
  /** Something is at the other end; false as long as the link is down. */
  readonly hasCarrier: boolean;
  readonly isPromiscuous: boolean;
  readonly takesAllMulticast: boolean;
  /** "tun" for taps, "veth", "bridge"; undefined for adapters. */
  readonly kind: string | undefined;
  /** What it is the adapter of, "0000:00:1f.6"; undefined for what is made of software, and before Linux 5.14. */
  readonly device: string | undefined;
  /** What frames wait in before they leave by it: "pfifo_fast", "noqueue"; "noop" as long as it was never up. */
  readonly queue: string | undefined;
  /** Of the programs that see what comes in before the kernel makes packets of it; at most one for each mode. */
  readonly xdpPrograms: readonly number[];
}

export interface LinkSettings {
  readonly up?: boolean;
  readonly mtu?: number;
  readonly mac?: string;
  readonly promiscuous?: boolean;
  readonly allMulticast?: boolean;
}

/** A request without the number that it gets when it is sent. */
export interface NetlinkRequest {
  readonly type: number;
  /** Beyond those that every request has. */
  readonly flags: number;
  readonly body: Buffer;
}

/** Body of a message of type RTM_NEWLINK or RTM_DELLINK. */
export function decodeLink(body: Buffer): Link {
  if (body.length < LINK_HEADER_BYTES) throw new SystemError("a message about a network link is cut short");
  const flags = body.readUInt32LE(8);
  const attributes = decodeAttributes(body.subarray(LINK_HEADER_BYTES));
  const text = (of: ReadonlyMap<number, Buffer>, type: number): string | undefined => {
    const value = of.get(type);
    return value === undefined ? undefined : attributeText(value);
  };
  const name = text(attributes, IFLA_IFNAME);
  const mtu = attributes.get(IFLA_MTU);
  if (name === undefined || mtu === undefined) throw new SystemError("a message about a network link has no name or MTU");
  return {
    name,
    index: body.readInt32LE(4),
    mac: formatMac(attributes.get(IFLA_ADDRESS) ?? Buffer.alloc(0)),
    mtu: mtu.readUInt32LE(),
    isUp: (flags & IFF_UP) !== 0,
    hasCarrier: (flags & IFF_LOWER_UP) !== 0,
    isPromiscuous: (flags & IFF_PROMISC) !== 0,
    takesAllMulticast: (flags & IFF_ALLMULTI) !== 0,
    kind: text(decodeAttributes(attributes.get(IFLA_LINKINFO) ?? Buffer.alloc(0)), IFLA_INFO_KIND),
    device: text(attributes, IFLA_PARENT_DEV_NAME),
    queue: text(attributes, IFLA_QDISC),
    xdpPrograms: xdpProgramsIn(decodeAttributes(attributes.get(IFLA_XDP) ?? Buffer.alloc(0))),
  };
}

function xdpProgramsIn(attributes: ReadonlyMap<number, Buffer>): readonly number[] {
  return XDP_PROGRAM_IDS.flatMap((type) => attributes.get(type)?.readUInt32LE() ?? []);
}

export function requestLinks(): NetlinkRequest {
  return { type: RTM_GETLINK, flags: NLM_F_DUMP, body: Buffer.concat([linkHeader({}), attribute(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS)]) };
}

export function requestLink(name: string): NetlinkRequest {
  return { type: RTM_GETLINK, flags: 0, body: Buffer.concat([named(name), attribute(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS)]) };
}

export function requestLinkChange(name: string, settings: LinkSettings): NetlinkRequest {
  const { mtu, mac } = settings;
  const attributes = [
    ...(mtu === undefined ? [] : [attribute(IFLA_MTU, mtu)]),
    ...(mac === undefined ? [] : [attribute(IFLA_ADDRESS, parseMac(mac))]),
  ];
  return { type: RTM_SETLINK, flags: 0, body: Buffer.concat([named(name, flagsOf(settings)), ...attributes]) };
}

export function requestLinkRemoval(name: string): NetlinkRequest {
  return { type: RTM_DELLINK, flags: 0, body: named(name) };
}

/** Two links that are each other's cable. */
export function requestVeth(one: string, other: string): NetlinkRequest {
  const peer = attribute(VETH_INFO_PEER, named(other));
  const info = nestedAttribute(IFLA_LINKINFO, [attribute(IFLA_INFO_KIND, "veth"), nestedAttribute(IFLA_INFO_DATA, [peer])]);
  return { type: RTM_NEWLINK, flags: NLM_F_CREATE | NLM_F_EXCL, body: Buffer.concat([named(one), info]) };
}

/** Where a link moves to: the namespace that a descriptor is open on, or that a process is in. */
export type NamespaceTarget = { readonly kind: "fd"; readonly fd: number } | { readonly kind: "pid"; readonly pid: number };

export function requestLinkMove(name: string, to: NamespaceTarget): NetlinkRequest {
  const target = to.kind === "fd" ? attribute(IFLA_NET_NS_FD, to.fd) : attribute(IFLA_NET_NS_PID, to.pid);
  return { type: RTM_SETLINK, flags: 0, body: Buffer.concat([named(name), target]) };
}

/** struct tcmsg: | family:u8, padded to 4 | ifindex:i32 | handle:u32 | parent:u32 | info:u32 | */
const QUEUE_HEADER_BYTES = 20;

export function requestNoQueue(index: number): NetlinkRequest {
  const header = Buffer.alloc(QUEUE_HEADER_BYTES);
  header.writeInt32LE(index, 4);
  header.writeUInt32LE(TC_H_ROOT, 12);
  return { type: RTM_NEWQDISC, flags: NLM_F_CREATE | NLM_F_REPLACE, body: Buffer.concat([header, attribute(TCA_KIND, "noqueue")]) };
}

interface FlagChange {
  readonly flags?: number;
  readonly change?: number;
}

function flagsOf({ up, promiscuous, allMulticast }: LinkSettings): FlagChange {
  const wanted = [
    { flag: IFF_UP, on: up },
    { flag: IFF_PROMISC, on: promiscuous },
    { flag: IFF_ALLMULTI, on: allMulticast },
  ].filter(({ on }) => on !== undefined);
  const union = (flags: readonly { readonly flag: number }[]) => flags.reduce((all, { flag }) => all | flag, 0);
  return { flags: union(wanted.filter(({ on }) => on)), change: union(wanted) };
}

function linkHeader({ flags = 0, change = 0 }: FlagChange): Buffer {
  const header = Buffer.alloc(LINK_HEADER_BYTES);
  header.writeUInt32LE(flags, 8);
  header.writeUInt32LE(change, 12);
  return header;
}

function named(name: string, flags: FlagChange = {}): Buffer {
  checkLinkName(name);
  return Buffer.concat([linkHeader(flags), attribute(IFLA_IFNAME, name)]);
}

export function parseMac(text: string): Buffer {
  assert(/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(text), `${text} is a MAC address`);
  return Buffer.from(text.replaceAll(":", ""), "hex");
}

export function formatMac(bytes: Buffer): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(":");
}
