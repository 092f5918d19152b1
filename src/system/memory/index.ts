export * from "./mappings.ts";
export * from "./page-frames.ts";
