export type * from "./config.ts";
export type * from "./description.ts";
export { type PortAttachment, VirtualNetwork, type VirtualNetworkParts } from "./virtual-network.ts";
