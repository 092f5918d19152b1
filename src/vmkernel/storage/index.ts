export * from "./storage.ts";
export { PARTIAL_SUFFIX, type Upload, type UploadRules } from "./uploads.ts";
