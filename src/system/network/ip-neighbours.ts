/** Who else is on the links of the namespace that the calling thread is in, as its kernel has found out. Source: rtnetlink(7), arp(7). */
import { SystemError } from "../../base/index.ts";
import { parseCidr } from "./address-message.ts";
import { decodeIpNeighbour, type IpNeighbour, RTM_NEWNEIGH, requestIpNeighbours, requestStaticNeighbour } from "./ip-neighbour-message.ts";
import { parseMac } from "./link-message.ts";
import { askOfLink } from "./link-requests.ts";
import { NetlinkSocket } from "./netlink-socket.ts";

export function listIpNeighbours(): readonly IpNeighbour[] {
  try {
    using socket = new NetlinkSocket();
    return socket
      .list(requestIpNeighbours())
      .filter(({ type }) => type === RTM_NEWNEIGH)
      .flatMap(({ body }) => decodeIpNeighbour(body) ?? []);
  } catch (cause) {
    throw new SystemError("listing the neighbours of network links", { cause });
  }
}

/** Tells a link who has an address: nobody is asked then. */
export function addIpNeighbour(link: string, address: string, mac: string): void {
  const { bytes } = parseCidr(`${address}/${address.includes(":") ? 128 : 32}`);
  askOfLink(link, (index) => requestStaticNeighbour(index, bytes, parseMac(mac)), `telling the network link ${link} who has ${address}`);
}
