export * from "./config.ts";
export * from "./cpu-scheduler.ts";
export * from "./divide.ts";
export type { Place } from "./placing.ts";
export type { HostProcessors } from "./plan-cpu.ts";
export * from "./storage-io-control.ts";
