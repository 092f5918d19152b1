export * from "./cgroup.ts";
export type { CgroupLimits, Controller } from "./hierarchies.ts";
