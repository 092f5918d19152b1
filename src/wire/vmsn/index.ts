export * from "./vmsn.ts";
