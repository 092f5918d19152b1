export type * from "./attachments.ts";
export type { Controls } from "./controls.ts";
export * from "./describe-host.ts";
export * from "./file-door-client.ts";
export * from "./file-door-server.ts";
export * from "./firewall/index.ts";
export { GUEST_VARIABLES_MAX, type GuestVariable, refuseGuestVariable } from "./guest-variables.ts";
export { type HostNetwork, NoNetwork } from "./host-network.ts";
export * from "./isolation.ts";
export * from "./isolation-hostd.ts";
export * from "./isolation-probe.ts";
export type * from "./machine.ts";
export { PAGE_RUNS_MAX } from "./memory/page-map.ts";
export * from "./monitors.ts";
export * from "./network/index.ts";
export * from "./perform-request.ts";
export { hostLogFile } from "./read-log.ts";
export * from "./remember-accelerator.ts";
export * from "./resources/config.ts";
export { MEMORY_STATES } from "./resources/memory-state.ts";
export { worstCaseMemory } from "./resources/plan-memory.ts";
export type * from "./rpc.ts";
export * from "./rpc-client.ts";
export * from "./rpc-server.ts";
export * from "./services/index.ts";
export * from "./storage/index.ts";
export { type HostNetworkParts, openHostNetwork } from "./switched-network.ts";
export {
  type Accelerator,
  CPU_REGISTER_BITS,
  type CpuRegister,
  chooseAccelerator,
  cpuFeatureAt,
  describeVmmHost,
  endTrials,
  expectedDevices,
  type HostLimits,
  hostCgroup,
  keyOfDeviceId,
  LOG_KEEP_OLD,
  LOG_ROTATE_BYTES,
  MEMORY_MODULE_STEP_MIB,
  overheadBytes,
  pickUid,
  planMachineChange,
  QEMU,
  type Refusal,
  refusalFault,
  refuseGrowth,
  type SelfTestPlace,
  startSandboxed,
  testAccelerators,
  type VmmHost,
} from "./vmm/index.ts";
