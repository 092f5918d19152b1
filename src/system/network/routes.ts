/** IP routes by links of the namespace that the calling thread is in. Source: rtnetlink(7). */
import { SystemError } from "../../base/index.ts";
import { askOfLink, requireLinkIndex } from "./link-requests.ts";
import { NetlinkSocket } from "./netlink-socket.ts";
import { decodeRoute, type Route, RTM_NEWROUTE, requestRoute, requestRouteRemoval, requestRoutes } from "./route-message.ts";

/** @throws {SystemError} also when its gateway is on no network of the link */
export function addRoute(link: string, route: Route): void {
  askOfLink(link, (index) => requestRoute(index, route), `making the route to ${route.destination} by the network link ${link}`);
}

export function removeRoute(link: string, route: Route): void {
  askOfLink(link, (index) => requestRouteRemoval(index, route), `removing the route to ${route.destination} by the network link ${link}`);
}

/** Those of the main table, but for those that come with the link's addresses. */
export function listRoutes(link: string): Route[] {
  try {
    const own = requireLinkIndex(link);
    using socket = new NetlinkSocket();
    const routes = socket.list(requestRoutes()).flatMap(({ type, body }) => (type === RTM_NEWROUTE ? (decodeRoute(body) ?? []) : []));
    return routes.flatMap(({ index, ...route }) => (index === own ? [route] : []));
  } catch (cause) {
    throw new SystemError(`listing the routes by the network link ${link}`, { cause });
  }
}
