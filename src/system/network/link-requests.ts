/** Requests about what a link has, which name it by its index. */
import { SystemError } from "../../base/index.ts";
import type { NetlinkRequest } from "./link-message.ts";
import { linkIndex } from "./links.ts";
import { askNetlink } from "./netlink-socket.ts";

/** @param what is done, for the error: "giving the network link eth0 the address 192.0.2.1/24" */
export function askOfLink(link: string, request: (index: number) => NetlinkRequest, what: string): void {
  try {
    askNetlink(request(requireLinkIndex(link)));
  } catch (cause) {
    throw new SystemError(what, { cause });
  }
}

export function requireLinkIndex(link: string): number {
  const index = linkIndex(link);
  if (index === undefined) throw new SystemError("there is no such link");
  return index;
}
