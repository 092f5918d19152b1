export { ChainReader, type OpenLink, runsOf } from "./chain-data.ts";
export * from "./storage.ts";
export { PARTIAL_SUFFIX, type Upload, type UploadRules } from "./uploads.ts";
export { VM_LOG } from "./vm-logs.ts";
