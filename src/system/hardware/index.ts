export * from "./devices.ts";
export * from "./hardware.ts";
export type { Processors } from "./parse-cpuinfo.ts";
export type { Resolver } from "./parse-machine.ts";
export * from "./topology.ts";
