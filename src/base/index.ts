export * from "./brand.ts";
export * from "./clock.ts";
export * from "./datastore-path.ts";
export * from "./deferred.ts";
export * from "./fault.ts";
export * from "./host-paths.ts";
export * from "./turns.ts";
export * from "./undo.ts";
