export * from "./spaced-uuid.ts";
export * from "./vmx.ts";
