export * from "./cgroups/index.ts";
export * from "./files/index.ts";
export * from "./hardware/index.ts";
export { createMemoryFile, errnoCode } from "./libc.ts";
export * from "./load/index.ts";
export * from "./network/index.ts";
export * from "./probes/index.ts";
export * from "./processes/index.ts";
export * from "./sockets/index.ts";
