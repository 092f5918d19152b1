/**
 * VI/JSON to vim25 values, by the schema: the same values that XML decodes to. Pure.
 * Everything here may be hostile. Names become keys only when the schema has them. Whatever does not fit is InvalidArgument with
 * the path to it. A null is the same as nothing, and an optional array without items is unset, as on the other wire.
 */
import type { Fault } from "../../base/index.ts";
import { fault } from "./fault.ts";
import { isJsonNumber, isJsonObject, type JsonObject, type JsonValue } from "./json-parse.ts";
import { BOXED_VALUE, readJsonType, TYPE_NAME } from "./json-types.ts";
import { readPrimitive } from "./primitives.ts";
import { dataObjectType, enumType, isSubtype, type Member, type Primitive, type TypeRef } from "./schema.ts";
import type { AnyValue, MoRef } from "./values.ts";

const PATH_CHARACTERS_MAX = 256; // a name in a hostile document may be megabytes long
const MOID_CHARACTERS_MAX = 1024; // the longest, a datastore's path, is far shorter
const REFERENCE_MEMBERS: ReadonlySet<string> = new Set([TYPE_NAME, "type", "value", "serverGuid"]);

/**
 * Reads the members of a data object, or the arguments of a method; `_typeName` is the caller's matter.
 * @param path of the whole; "" for a method's arguments
 * @returns only what was there, and an empty array for a required one
 */
export function readJsonMembers(object: JsonObject, members: ReadonlyMap<string, Member>, path: string): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const [name, value] of object) {
    if (name === TYPE_NAME) continue;
    const member = members.get(name);
    if (member === undefined) throw refuse(join(path, name), "is not known here");
    if (value === null || (member.optional && Array.isArray(value) && value.length === 0)) continue;
    values[member.name] = readJsonValue(value, member.type, join(path, member.name));
  }
  for (const { name, type, optional } of members.values()) {
    if (optional || values[name] !== undefined) continue;
    if (!type.array) throw refuse(join(path, name), "is required");
    values[name] = [];
  }
  return values;
}

/** Reads a value, or an array of them, as `type` says. */
export function readJsonValue(value: JsonValue, type: TypeRef, path: string): unknown {
  if (!type.array) return readItem(value, type, path);
  if (!Array.isArray(value)) throw refuse(path, `is no array of ${type.item}`);
  return value.map((item: JsonValue, index) => readItem(item, type, `${path}[${index}]`));
}

function readItem(value: JsonValue, type: TypeRef, path: string): unknown {
  switch (type.kind) {
    case "primitive":
      return readJsonPrimitive(value, type.item, path);
    case "enum":
      if (typeof value !== "string" || !enumType(type.item).values.has(value)) throw refuse(path, `is no ${type.item}`);
      return value;
    case "reference":
      return readReference(value, type.item, path);
    case "dataObject":
      return readDataObject(value, type.item, path);
    case "anyType":
      return readAny(value, path);
    case "void":
      throw refuse(path, "has no value here");
  }
}

/** Numbers and booleans are JSON's own; a number in quotes is a string. */
function readJsonPrimitive(value: JsonValue, type: Primitive, path: string): unknown {
  const text = textOfPrimitive(value, type);
  if (text === undefined) throw refuse(path, `is no ${type}`);
  const read = readPrimitive(type, text);
  if (typeof read === "object" && "refused" in read) throw refuse(path, read.refused);
  return read;
}

function textOfPrimitive(value: JsonValue, type: Primitive): string | undefined {
  switch (type) {
    case "boolean":
      return typeof value === "boolean" ? String(value) : undefined;
    case "byte":
    case "short":
    case "int":
    case "long":
    case "float":
    case "double":
      return isJsonNumber(value) ? value.number : undefined;
    case "string":
    case "MethodName":
    case "PropertyPath":
    case "TypeName":
    case "dateTime":
    case "base64Binary":
      return typeof value === "string" ? value : undefined;
  }
}

function readReference(value: JsonValue, declared: string, path: string): MoRef {
  const object = objectOf(value, declared, path);
  const named = typeNameOf(object, path);
  if (named !== undefined && (named.kind !== "reference" || named.array || object.get(TYPE_NAME) !== "ManagedObjectReference"))
    throw refuse(path, `is a ${named.text}, and ${declared} is expected`);
  for (const name of object.keys()) if (!REFERENCE_MEMBERS.has(name)) throw refuse(join(path, name), "is not known here");
  const type = object.get("type");
  const moid = object.get("value");
  // A client that holds a base class may say so, as on the other wire.
  if (typeof type !== "string" || !isSubtype(type, "ManagedObject") || !(isSubtype(type, declared) || isSubtype(declared, type)))
    throw refuse(path, `refers to no ${declared}`);
  if (typeof moid !== "string") throw refuse(path, "refers to nothing");
  return { type: isSubtype(type, declared) ? type : declared, value: checkMoid(moid, path) };
}

/** An id as it was sent: spaces belong to it. */
function checkMoid(moid: string, path: string): string {
  if (moid === "" || moid.length > MOID_CHARACTERS_MAX) throw refuse(path, "refers to nothing");
  return moid;
}

function readDataObject(value: JsonValue, declared: string, path: string): Record<string, unknown> {
  const object = objectOf(value, declared, path);
  const named = typeNameOf(object, path);
  if (named !== undefined && (named.kind !== "dataObject" || named.array || !isSubtype(named.item, declared)))
    throw refuse(path, `is a ${named.text}, and ${declared} is expected`);
  const runtime = named?.item ?? declared;
  return { $type: runtime, ...readJsonMembers(object, dataObjectType(runtime).members, path) };
}

function readAny(value: JsonValue, path: string): AnyValue {
  const object = isJsonObject(value) ? value : undefined;
  const type = object === undefined ? undefined : typeNameOf(object, path);
  if (object === undefined || type === undefined || type.text === "anyType") throw refuse(path, "does not say what type it has");
  if (!type.array && type.kind === "dataObject") return { anyType: type.text, value: readDataObject(object, type.item, path) };
  if (!type.array && type.kind === "reference") {
    const reference = readReference(object, type.item, path);
    return { anyType: reference.type, value: reference };
  }
  return { anyType: type.text, value: readJsonValue(unbox(object, path), type, path) };
}

function unbox(object: JsonObject, path: string): JsonValue {
  for (const name of object.keys()) if (name !== TYPE_NAME && name !== BOXED_VALUE) throw refuse(join(path, name), "is not known here");
  const value = object.get(BOXED_VALUE);
  if (value === undefined) throw refuse(path, `has no ${BOXED_VALUE}`);
  return value;
}

function objectOf(value: JsonValue, declared: string, path: string): JsonObject {
  if (!isJsonObject(value)) throw refuse(path, `is no ${declared}`);
  return value;
}

function typeNameOf(object: JsonObject, path: string): TypeRef | undefined {
  const name = object.get(TYPE_NAME);
  if (name === undefined) return undefined;
  const type = typeof name === "string" ? readJsonType(name) : undefined;
  if (type === undefined) throw refuse(path, "has a type that is not known here");
  return type;
}

function join(path: string, name: string): string {
  return path === "" ? name : `${path}.${name}`;
}

function refuse(path: string, problem: string): Fault {
  const shown = path.slice(0, PATH_CHARACTERS_MAX);
  return fault("InvalidArgument", `A specified parameter was not correct: ${shown} ${problem}.`, { invalidProperty: shown });
}
