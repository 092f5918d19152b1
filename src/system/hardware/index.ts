export * from "./hardware.ts";
export type { Processors } from "./parse-cpuinfo.ts";
