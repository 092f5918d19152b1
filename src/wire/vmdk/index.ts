export * from "./base-disk.ts";
export * from "./descriptor.ts";
