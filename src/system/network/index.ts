export { addAddress, listAddresses, listDuplicates, removeAddress } from "./addresses.ts";
export { type FilterInstruction, FrameSocket, type FrameSocketOptions, sendFrame } from "./frames.ts";
export { type HeldTap, heldTaps } from "./held-taps.ts";
export { followRouters, followsRouters, setHostRules } from "./host-rules.ts";
export type { IpNeighbour, NeighbourState } from "./ip-neighbour-message.ts";
export { addIpNeighbour, listIpNeighbours } from "./ip-neighbours.ts";
export type { Link, LinkSettings } from "./link-message.ts";
export { checkLinkName } from "./link-name.ts";
export { type LinkSpeed, readLinkSpeed } from "./link-speed.ts";
export {
  createVeth,
  deleteLink,
  disableIpv6,
  enableIpv6,
  fetchLink,
  findLink,
  hasIpv6,
  linkIndex,
  listLinks,
  moveLink,
  removeQueue,
  setLink,
} from "./links.ts";
export { inNamespace, isNamespace, makeNamespace, namespaceId, openNamespace, removeNamespace, withEmptyNamespace } from "./namespaces.ts";
export type { Route } from "./route-message.ts";
export { addRoute, listRoutes, removeRoute } from "./routes.ts";
export { createTap, type TapOptions, tryTap } from "./taps.ts";
export { LinkWatch, type LinkWatchOptions } from "./watch-links.ts";
