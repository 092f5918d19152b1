export { itemElementOf, xsiArrayTypeOf } from "./any-type.ts";
export * from "./fault.ts";
export * from "./json-messages.ts";
export * from "./json-operation.ts";
export { BOXED_VALUE, jsonArrayTypeOf, jsonTypeOf, TYPE_NAME } from "./json-types.ts";
export {
  type DecodedRequest,
  decodeRequest,
  decodeResponse,
  encodeFault,
  encodeObject,
  encodeRequest,
  encodeResponse,
  faultToLocalized,
  type Request as VimRequest,
  type Response as VimResponse,
} from "./messages.ts";
export * from "./privileges.ts";
export * from "./schema.ts";
export { schemaRows } from "./schema-rows.ts";
export type * from "./types.generated.ts";
export { type UndeclaredMethods, undeclaredManagedObjects, undeclaredMethods, type VirtualDiskInfo } from "./undeclared.ts";
export type * from "./undeclared-esxcli.ts";
export * from "./values.ts";
export * from "./versions.ts";
