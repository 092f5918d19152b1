export * from "./files/index.ts";
export * from "./sockets/index.ts";
