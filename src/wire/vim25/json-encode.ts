/**
 * vim25 values to VI/JSON, in the words of the client's version. Pure.
 * What the client can't know is left out, as on the other wire; a value that does not fit the schema is a bug of ours and is
 * asserted. Every object says its type, also where the schema declares that very one: clients that are generated look for it.
 */
import { type Encoding, finishChunk, misfit } from "./encode.ts";
import { BOXED_VALUE, jsonArrayTypeOf, jsonTypeOf, TYPE_NAME } from "./json-types.ts";
import { isWordless, knownType, shapeOf, widen, widenTypeName } from "./known-types.ts";
import { show, writePrimitive } from "./primitives.ts";
import { dataObjectType, enumType, findType, isSubtype, type PrimitiveRef, type TypeRef, typeOf } from "./schema.ts";
import type { AnyValue, MoRef } from "./values.ts";

/**
 * Writes a value that is there: one, or an array of them.
 * @returns false, and nothing is written, when the client's version has no words for it
 */
export function writeJsonValue(encoding: Encoding, type: TypeRef, value: unknown): boolean {
  if (value === undefined) throw new Error("it is required and unset");
  return type.array ? writeItems(encoding, type, value) : writeItem(encoding, type, value, false);
}

/** An item that the client has no words for is left out; what is left is still a list. */
function writeItems(encoding: Encoding, type: TypeRef, value: unknown): true {
  if (!Array.isArray(value)) throw misfit(value, type);
  encoding.text += "[";
  let separator = "";
  value.forEach((item: unknown, index) => {
    encoding.path.push(index);
    const before = mark(encoding);
    encoding.text += separator;
    if (writeItem(encoding, type, item, false)) separator = ",";
    else rollBack(encoding, before);
    finishChunk(encoding);
    encoding.path.pop();
  });
  encoding.text += "]";
  return true;
}

/** @param boxed whether it stands under anyType, and must say its type */
function writeItem(encoding: Encoding, type: TypeRef, value: unknown, boxed: boolean): boolean {
  switch (type.kind) {
    case "primitive":
      return writeBoxed(encoding, jsonTypeOf(type), writeJsonPrimitive(encoding, type, value), boxed);
    case "enum":
      if (typeof value !== "string" || !enumType(type.item).values.has(value)) throw misfit(value, type);
      return writeBoxed(encoding, jsonTypeOf(knownType(encoding, type)), JSON.stringify(value), boxed);
    case "reference":
      return writeReference(encoding, type, value);
    case "dataObject":
      return writeDataObject(encoding, type, value, boxed);
    case "anyType":
      return writeAny(encoding, value);
    case "void":
      throw new Error("void has no value");
  }
}

function writeBoxed(encoding: Encoding, typeName: string, text: string | undefined, boxed: boolean): boolean {
  if (text === undefined) return false;
  encoding.text += boxed ? `{"${TYPE_NAME}":"${typeName}","${BOXED_VALUE}":${text}}` : text;
  return true;
}

/** @returns undefined when the client has no words for it */
function writeJsonPrimitive(encoding: Encoding, type: PrimitiveRef, value: unknown): string | undefined {
  switch (type.item) {
    case "string":
    case "MethodName":
    case "PropertyPath":
      if (typeof value !== "string") throw misfit(value, type);
      return JSON.stringify(value);
    case "TypeName": {
      const text = writePrimitive(type.item, value);
      const known = widenTypeName(encoding, text);
      return type.array && known !== text ? undefined : JSON.stringify(known); // in a list its base would be said once more
    }
    case "dateTime":
    case "base64Binary":
      return `"${writePrimitive(type.item, value)}"`;
    default:
      return writePrimitive(type.item, value);
  }
}

function writeReference(encoding: Encoding, type: TypeRef, value: unknown): boolean {
  const ref = value as Partial<MoRef> | null;
  if (typeof ref?.type !== "string" || typeof ref.value !== "string" || !isSubtype(ref.type, type.item)) throw misfit(value, type);
  const name = widen(encoding, ref.type);
  encoding.text += `{"${TYPE_NAME}":"ManagedObjectReference","type":"${name}","value":${JSON.stringify(ref.value)}}`;
  return true;
}

function writeDataObject(encoding: Encoding, type: TypeRef, value: unknown, boxed: boolean): boolean {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw misfit(value, type);
  const object = value as Readonly<Record<string, unknown>>;
  const runtime = object.$type ?? type.item;
  if (typeof runtime !== "string" || !isSubtype(runtime, type.item)) throw misfit(value, type);
  const { members } = dataObjectType(runtime);
  for (const property of Object.keys(object))
    if (property !== "$type" && !members.has(property)) throw new Error(`a ${runtime} has no property ${property}`);
  const { widened, known } = shapeOf(encoding, runtime);
  if (isWordless(widened, runtime) || (!boxed && !isSubtype(widened, type.item))) return false;
  const before = mark(encoding);
  encoding.text += `{"${TYPE_NAME}":"${widened}"`;
  for (const member of known) {
    const property = object[member.name];
    if (property === undefined && member.optional) continue;
    const beforeMember = mark(encoding);
    encoding.path.push(member.name);
    encoding.text += `,"${member.name}":`;
    const said = writeJsonValue(encoding, member.type, property);
    encoding.path.pop();
    if (said) continue;
    rollBack(encoding, member.optional ? beforeMember : before);
    if (!member.optional) return false; // then the whole can't be said either
  }
  encoding.text += "}";
  return true;
}

/** Writes what stands under anyType, with the type that it says it has. */
function writeAny(encoding: Encoding, value: unknown): boolean {
  const any = value as Partial<AnyValue> | null;
  const type = typeof any?.anyType === "string" ? findType(any.anyType) : undefined;
  if (any === null || type === undefined || type.text === "anyType")
    throw new Error(`${show(value)} does not say what type of the schema it has`);
  if (!type.array) return writeItem(encoding, type, any.value, true);
  const shown = knownType(encoding, typeOf(type.item));
  if (isWordless(shown.item, type.item)) return false;
  encoding.text += `{"${TYPE_NAME}":"${jsonArrayTypeOf(shown)}","${BOXED_VALUE}":`;
  writeItems(encoding, type, any.value);
  encoding.text += "}";
  return true;
}

/** Where a text was: what is written after it can be taken back. */
interface Mark {
  readonly chunks: number;
  readonly text: string;
}

function mark({ chunks, text }: Encoding): Mark {
  return { chunks: chunks.length, text };
}

function rollBack(encoding: Encoding, { chunks, text }: Mark): void {
  encoding.chunks.length = chunks;
  encoding.text = text;
}
