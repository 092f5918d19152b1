/**
 * How xsi:type names a type, where the schema says anyType or a base. Pure. Source: the vSphere Web Services API on the wire.
 * The prefix is literally `xsd:`, because clients compare the text; vim25 types stand bare in the default namespace.
 */
import { findType, type Primitive, type TypeRef, typeOf } from "./schema.ts";

const REFERENCE = "ManagedObjectReference";

/** The name of a type that is not an array. */
export function xsiTypeOf(type: TypeRef): string {
  switch (type.kind) {
    case "primitive":
      return `xsd:${xsdNameOf(type.item)}`;
    case "reference":
      return REFERENCE;
    default:
      return type.item;
  }
}

/** The name of an array of `item`s: ArrayOfString, ArrayOfVirtualDevice, ArrayOfManagedObjectReference. */
export function xsiArrayTypeOf(item: TypeRef): string {
  const name = itemElementOf(item);
  return `ArrayOf${name.charAt(0).toUpperCase()}${name.slice(1)}`;
}

/** What an item's element is called in an array under anyType. */
export function itemElementOf(item: TypeRef): string {
  switch (item.kind) {
    case "primitive":
      return xsdNameOf(item.item);
    case "reference":
      return REFERENCE;
    default:
      return item.item;
  }
}

/** Names of types, methods and properties are strings to XML Schema. */
function xsdNameOf(type: Primitive): string {
  return type === "TypeName" || type === "MethodName" || type === "PropertyPath" ? "string" : type;
}

/**
 * The type that an xsi:type names.
 * @param text untrusted: with any prefix, or none
 * @returns undefined when there is none of that name
 */
export function readXsiType(text: string): TypeRef | undefined {
  const name = text.slice(text.indexOf(":") + 1).trim();
  if (name.startsWith("ArrayOf")) {
    const item = name.slice("ArrayOf".length);
    const type = readItemType(item) ?? readItemType(item.charAt(0).toLowerCase() + item.slice(1));
    return type === undefined ? undefined : typeOf(`${type.item}[]`);
  }
  return readItemType(name);
}

function readItemType(name: string): TypeRef | undefined {
  if (name === REFERENCE) return typeOf("ManagedObject");
  if (name === "anyURI") return typeOf("string");
  const type = findType(name);
  return type === undefined || type.array || type.kind === "void" ? undefined : type;
}
