/** IP addresses of links in the namespace that the calling thread is in. Source: rtnetlink(7). */
import { SystemError } from "../../base/index.ts";
import {
  decodeAddress,
  type LinkAddress,
  RTM_NEWADDR,
  requestAddress,
  requestAddresses,
  requestAddressRemoval,
} from "./address-message.ts";
import { askOfLink, requireLinkIndex } from "./link-requests.ts";
import { NetlinkSocket } from "./netlink-socket.ts";

/**
 * Gives a link an address, and with it the route to its network. An IPv6 address is in use once no other host has answered to it.
 * @param cidr "192.0.2.1/24", "2001:db8::1/64"
 */
export function addAddress(link: string, cidr: string): void {
  askOfLink(link, (index) => requestAddress(index, cidr), `giving the network link ${link} the address ${cidr}`);
}

export function removeAddress(link: string, cidr: string): void {
  askOfLink(link, (index) => requestAddressRemoval(index, cidr), `taking the address ${cidr} from the network link ${link}`);
}

/** @returns those that the kernel chose itself too, such as fe80::… */
export function listAddresses(link: string): string[] {
  return describeAddresses(link).map(({ address }) => address);
}

/** Those that another host on the link has, too. */
export function listDuplicates(link: string): string[] {
  return describeAddresses(link).flatMap(({ address, isDuplicate }) => (isDuplicate ? [address] : []));
}

function describeAddresses(link: string): readonly LinkAddress[] {
  try {
    const index = requireLinkIndex(link);
    using socket = new NetlinkSocket();
    return socket
      .list(requestAddresses())
      .filter(({ type }) => type === RTM_NEWADDR)
      .map(({ body }) => decodeAddress(body))
      .filter((found) => found.index === index);
  } catch (cause) {
    throw new SystemError(`listing the addresses of the network link ${link}`, { cause });
  }
}
