export { type CompiledPort, type CompiledProgram, compilePort } from "./compile/compile-port.ts";
export type { PortShape } from "./compile/port-shape.ts";
export type * from "./config.ts";
export type * from "./description.ts";
export {
  type NetworkPlan,
  type NetworkState,
  type PlannedPort,
  type PlannedSwitch,
  type PluggedPort,
  planNetwork,
  settle,
} from "./plan-network.ts";
export { networkNamespace, type PortAttachment, VirtualNetwork, type VirtualNetworkParts } from "./virtual-network.ts";
