export * from "./commands.ts";
export * from "./kernel.ts";
