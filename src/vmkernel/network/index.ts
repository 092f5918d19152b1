export { Beacons } from "./beacons.ts";
export { type CarriedConnection, encodeConnections, parseConnections } from "./carried-connections.ts";
export { checkConfig } from "./check-config.ts";
export { chooseNameServers } from "./choose-name-servers.ts";
export { type CompiledPort, type CompiledProgram, compilePort } from "./compile/compile-port.ts";
export { GROUP_CLOCK_AT, readCounters } from "./compile/counters.ts";
export type { PortShape } from "./compile/port-shape.ts";
export type * from "./config.ts";
export type * from "./description.ts";
export { ExpressPorts } from "./express-ports.ts";
export { type HostNeighbour, listHostNeighbours } from "./host-neighbours.ts";
export { checkHostNics, cidrOf, HOST_ADDRESSES_MAX, HOST_DEVICE, HOST_MTU, HOST_NICS_MAX, NETSTACK } from "./host-nic.ts";
export { netstackNamespace, netstacksIn } from "./host-nics.ts";
export type { KernelFeatures } from "./kernel-features.ts";
export { Neighbours } from "./neighbours.ts";
export {
  type NetworkPlan,
  type NetworkState,
  type PlannedPort,
  type PlannedSwitch,
  type PluggedPort,
  planNetwork,
  settle,
} from "./plan-network.ts";
export {
  type ConfigureOptions,
  networkNamespace,
  type PortAttachment,
  VirtualNetwork,
  type VirtualNetworkParts,
} from "./virtual-network.ts";
export { VGT_ID } from "./vlan.ts";
