export * from "./fault.ts";
export type * from "./types.generated.ts";
export * from "./values.ts";
