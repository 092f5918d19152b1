export * from "./base-disk.ts";
export * from "./child-disk.ts";
export * from "./descriptor.ts";
