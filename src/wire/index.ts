export * from "./vim25/index.ts";
