export * from "./cgroup.ts";
export type { CgroupLimits, Controller, CpuPortion } from "./hierarchies.ts";
export { memoryLimitOfMachine } from "./memory-limit.ts";
export type { MemoryPortion, MemoryUse } from "./memory-portion.ts";
export { compressedMemory, readMemoryUse, setMemoryPortion } from "./memory-use.ts";
