export * from "./fault.ts";
export * from "./json-messages.ts";
export * from "./json-operation.ts";
export { isJsonNumber, isJsonObject, JSON_REQUEST_LIMITS, type JsonValue, parseJson } from "./json-parse.ts";
export {
  type DecodedRequest,
  decodeRequest,
  decodeResponse,
  encodeFault,
  encodeRequest,
  encodeResponse,
  faultToLocalized,
  type Request as VimRequest,
  type Response as VimResponse,
} from "./messages.ts";
export * from "./privileges.ts";
export * from "./schema.ts";
export type * from "./types.generated.ts";
export * from "./values.ts";
export * from "./versions.ts";
