/** IP routes by links of the namespace that the calling thread is in. Source: rtnetlink(7). */
import { SystemError } from "../../base/index.ts";
import type { NetlinkRequest } from "./link-message.ts";
import { linkIndex } from "./links.ts";
import { askNetlink, NetlinkSocket } from "./netlink-socket.ts";
import { decodeRoute, type Route, RTM_NEWROUTE, requestRoute, requestRouteRemoval, requestRoutes } from "./route-message.ts";

/** @throws {SystemError} also when its gateway is on no network of the link */
export function addRoute(link: string, route: Route): void {
  ask(link, (index) => requestRoute(index, route), `making the route to ${route.destination} by the network link ${link}`);
}

export function removeRoute(link: string, route: Route): void {
  ask(link, (index) => requestRouteRemoval(index, route), `removing the route to ${route.destination} by the network link ${link}`);
}

/** Those of the main table, but for those that come with the link's addresses. */
export function listRoutes(link: string): Route[] {
  try {
    const own = indexOf(link);
    using socket = new NetlinkSocket();
    const routes = socket.list(requestRoutes()).flatMap(({ type, body }) => (type === RTM_NEWROUTE ? (decodeRoute(body) ?? []) : []));
    return routes.flatMap(({ index, ...route }) => (index === own ? [route] : []));
  } catch (cause) {
    throw new SystemError(`listing the routes by the network link ${link}`, { cause });
  }
}

function ask(link: string, request: (index: number) => NetlinkRequest, what: string): void {
  try {
    askNetlink(request(indexOf(link)));
  } catch (cause) {
    throw new SystemError(what, { cause });
  }
}

function indexOf(link: string): number {
  const index = linkIndex(link);
  if (index === undefined) throw new SystemError("there is no such link");
  return index;
}
