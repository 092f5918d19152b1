export * from "./check-machine.ts";
export * from "./expected-devices.ts";
export * from "./parse-machine.ts";
