export * from "./vmsd.ts";
