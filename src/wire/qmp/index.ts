export * from "./qmp.ts";
