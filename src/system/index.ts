export * from "./cgroups/index.ts";
export * from "./files/index.ts";
export * from "./sockets/index.ts";
