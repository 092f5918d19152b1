export * from "./carrier.ts";
export * from "./listen.ts";
