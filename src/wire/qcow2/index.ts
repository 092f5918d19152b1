export * from "./qcow2.ts";
