export * from "./lines.ts";
export * from "./qmp/index.ts";
export * from "./vim25/index.ts";
