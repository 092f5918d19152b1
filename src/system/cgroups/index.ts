export * from "./cgroup.ts";
export type { CgroupLimits, Controller, CpuPortion } from "./hierarchies.ts";
export { memoryLimitOfMachine } from "./memory-limit.ts";
