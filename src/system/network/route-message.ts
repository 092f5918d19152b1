/** IP routes in messages of rtnetlink: those of the main table that lead somewhere by one link. Pure. Source: rtnetlink(7), rtnetlink.h. */
import { isIPv6 } from "node:net";
import { SystemError } from "../../base/index.ts";
import { tcpAddress } from "../sockets/address.ts";
import { formatAddress, parseCidr } from "./address-message.ts";
import type { NetlinkRequest } from "./link-message.ts";
import { attribute, decodeAttributes, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL } from "./netlink-message.ts";

export const RTM_NEWROUTE = 24;
const RTM_DELROUTE = 25;
const RTM_GETROUTE = 26;

const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_PRIORITY = 6;
const RTA_PREFSRC = 7;

const RT_TABLE_MAIN = 254;
const RTN_UNICAST = 1;
const RT_SCOPE_UNIVERSE = 0;
const RT_SCOPE_LINK = 253;
const RT_SCOPE_NOWHERE = 255;
/** Of the kernel's own, which come with a link's addresses. */
const RTPROT_KERNEL = 2;
const RTPROT_STATIC = 4;
const AF_UNSPEC = 0;
const AF_INET = 2;
const AF_INET6 = 10;

/** struct rtmsg: | family | destination's bits | source's bits | tos | table | protocol | scope | type | flags:u32 |, a byte each. */
const ROUTE_HEADER_BYTES = 12;

export interface Route {
  /** "0.0.0.0/0" and "::/0" lead everywhere. */
  readonly destination: string;
  /** Absent where the destination is on the link itself. */
  readonly gateway?: string;
  /** The address that the machine speaks from, where it is said. */
  readonly source?: string;
  /** The lower goes first; as the kernel chooses where absent. */
  readonly metric?: number;
  /** Who made it, a number of rtnetlink(7); an administrator where absent. */
  readonly protocol?: number;
}

/** A route with the link that it leads by. */
export interface LinkRoute extends Route {
  readonly index: number;
}

export function requestRoutes(): NetlinkRequest {
  return { type: RTM_GETROUTE, flags: NLM_F_DUMP, body: Buffer.alloc(ROUTE_HEADER_BYTES, AF_UNSPEC) };
}

export function requestRoute(index: number, route: Route): NetlinkRequest {
  return { type: RTM_NEWROUTE, flags: NLM_F_CREATE | NLM_F_EXCL, body: routeBody(index, route) };
}

export function requestRouteRemoval(index: number, route: Route): NetlinkRequest {
  return { type: RTM_DELROUTE, flags: 0, body: routeBody(index, route, RT_SCOPE_NOWHERE) };
}

function routeBody(index: number, route: Route, scope = route.gateway === undefined ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE): Buffer {
  const { destination, gateway, source, metric, protocol = RTPROT_STATIC } = route;
  const { family, bytes, prefixLength } = parseCidr(destination);
  const header = Buffer.alloc(ROUTE_HEADER_BYTES);
  header.writeUInt8(family, 0);
  header.writeUInt8(prefixLength, 1);
  header.writeUInt8(RT_TABLE_MAIN, 4);
  header.writeUInt8(protocol, 5);
  header.writeUInt8(family === AF_INET6 && scope === RT_SCOPE_LINK ? RT_SCOPE_UNIVERSE : scope, 6);
  header.writeUInt8(RTN_UNICAST, 7);
  return Buffer.concat([
    header,
    ...(prefixLength > 0 ? [attribute(RTA_DST, bytes)] : []),
    attribute(RTA_OIF, index),
    ...(gateway === undefined ? [] : [attribute(RTA_GATEWAY, addressBytes(gateway))]),
    ...(source === undefined ? [] : [attribute(RTA_PREFSRC, addressBytes(source))]),
    ...(metric === undefined ? [] : [attribute(RTA_PRIORITY, metric)]),
  ]);
}

/**
 * Body of a message of type RTM_NEWROUTE.
 * @returns undefined for a route that is not one of the main table by one link, and for one that the kernel makes by itself
 */
export function decodeRoute(body: Buffer): LinkRoute | undefined {
  if (body.length < ROUTE_HEADER_BYTES) throw new SystemError("a message about a route is cut short");
  const [family, bits, , , table, protocol, , type] = body;
  if (family !== AF_INET && family !== AF_INET6) return undefined;
  if (table !== RT_TABLE_MAIN || type !== RTN_UNICAST || protocol === RTPROT_KERNEL) return undefined;
  const attributes = decodeAttributes(body.subarray(ROUTE_HEADER_BYTES));
  const index = attributes.get(RTA_OIF)?.readUInt32LE();
  if (index === undefined) return undefined;
  const [gateway, source, metric] = [
    attributes.get(RTA_GATEWAY),
    attributes.get(RTA_PREFSRC),
    attributes.get(RTA_PRIORITY)?.readUInt32LE(),
  ];
  const network = attributes.get(RTA_DST) ?? Buffer.alloc(family === AF_INET ? 4 : 16);
  return {
    index,
    destination: `${formatAddress(network)}/${bits}`,
    ...(gateway && { gateway: formatAddress(gateway) }),
    ...(source && { source: formatAddress(source) }),
    ...(metric !== undefined && { metric }),
    ...(protocol !== RTPROT_STATIC && { protocol }),
  };
}

function addressBytes(address: string): Buffer {
  const { bytes } = tcpAddress(address, 0);
  return isIPv6(address) ? bytes.subarray(8, 24) : bytes.subarray(4, 8);
}
