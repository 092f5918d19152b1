export { addAddress, listAddresses, removeAddress } from "./addresses.ts";
export { FrameSocket, sendFrame } from "./frames.ts";
export { type HeldTap, heldTaps } from "./held-taps.ts";
export { setHostRules } from "./host-rules.ts";
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
  linkIndex,
  listLinks,
  moveLink,
  removeQueue,
  setLink,
} from "./links.ts";
export { inNamespace, isNamespace, makeNamespace, namespaceId, openNamespace, removeNamespace, withEmptyNamespace } from "./namespaces.ts";
export { createTap, type TapOptions } from "./taps.ts";
export { LinkWatch, type LinkWatchOptions } from "./watch-links.ts";
