export type { DiskLoad, MemoryLoad, NicLoad, ProcessorLoad } from "./parse-load.ts";
export * from "./read-load.ts";
