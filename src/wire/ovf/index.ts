export { formatOvf } from "./format-ovf.ts";
export * from "./model.ts";
export { parseOvf } from "./parse-ovf.ts";
export { bytesPerUnit } from "./units.ts";
