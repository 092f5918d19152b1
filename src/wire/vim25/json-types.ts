/**
 * How `_typeName` names a type in VI/JSON. Pure.
 * Source: the published OpenAPI document of the Virtual Infrastructure JSON API (vmware/vcf-api-specs, vi-json.yaml): the WSDL
 * names without a prefix, but "binary" where XML Schema says base64Binary.
 */
import { itemElementOf, readXsiType, xsiArrayTypeOf } from "./any-type.ts";
import type { TypeRef } from "./schema.ts";

export const TYPE_NAME = "_typeName";
/** What a value under anyType is boxed in, when it is no object of its own. */
export const BOXED_VALUE = "_value";

const NAME = /^[A-Za-z][A-Za-z0-9]{0,127}$/;

/** @param item not an array */
export function jsonTypeOf(item: TypeRef): string {
  return item.item === "base64Binary" ? "binary" : itemElementOf(item);
}

export function jsonArrayTypeOf(item: TypeRef): string {
  return item.item === "base64Binary" ? "ArrayOfBinary" : xsiArrayTypeOf(item);
}

/** @param name untrusted. @returns undefined when there is no type of that name */
export function readJsonType(name: string): TypeRef | undefined {
  if (!NAME.test(name)) return undefined;
  if (name === "binary") return readXsiType("base64Binary");
  if (name === "ArrayOfBinary") return readXsiType("ArrayOfBase64Binary");
  return readXsiType(name);
}
