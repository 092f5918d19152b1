export * from "./ksm.ts";
export * from "./mappings.ts";
export * from "./page-frames.ts";
export * from "./program.ts";
export * from "./residency.ts";
export * from "./swap.ts";
export * from "./zero-memory.ts";
