/**
 * vim25 values to XML, in the words of the client's version. Pure.
 * What the client can't know is left out: properties newer than its version; types newer than it become their nearest known base.
 * A value that does not fit the schema is a bug of ours and is asserted, with the path to it: no half-right message leaves.
 * Source: the vSphere Web Services API on the wire.
 */
import { messageOf } from "../../base/index.ts";
import { escapeText } from "../soap/escape.ts";
import { itemElementOf, xsiArrayTypeOf, xsiTypeOf } from "./any-type.ts";
import { isWordless, knownType, shapeOf, widen, widenTypeName } from "./known-types.ts";
import { show, writePrimitive } from "./primitives.ts";
import { dataObjectType, enumType, findType, isSubtype, type Member, type PrimitiveRef, type TypeRef, typeOf } from "./schema.ts";
import type { AnyValue, MoRef } from "./values.ts";
import { knows } from "./versions.ts";

/** A text in the making. */
export interface Encoding {
  /** What is done, as UTF-8. */
  readonly chunks: Buffer[];
  /** What comes next. */
  text: string;
  /** The client's. */
  readonly version: string;
  /** The value being written: where a failure happened. */
  readonly path: (string | number)[];
}

/** A string that grows is a tree of its pieces to the engine: one of a whole inventory would be millions of them to collect. */
const CHUNK_CHARACTERS = 32 * 1024;

/**
 * Writes with `write` and returns the text as UTF-8.
 * @throws an assertion with the path to the value that does not fit
 */
export function encode(version: string, write: (encoding: Encoding) => void): Buffer {
  const encoding: Encoding = { chunks: [], text: "", version, path: [] };
  try {
    write(encoding);
  } catch (error) {
    const path = encoding.path.map((step, index) => (typeof step === "number" ? `[${step}]` : `${index === 0 ? "" : "."}${step}`));
    throw new Error(`encoding ${path.join("")}: ${messageOf(error)}`, { cause: error });
  }
  return Buffer.concat([...encoding.chunks, Buffer.from(encoding.text)]);
}

/** Called between the items of a list, where a text may grow without end. */
export function finishChunk(encoding: Encoding): void {
  if (encoding.text.length < CHUNK_CHARACTERS) return;
  encoding.chunks.push(Buffer.from(encoding.text));
  encoding.text = "";
}

/**
 * Writes one property or argument; nothing when it is unset, or newer than the client.
 * @returns false when the client's version has no words for something that must be there: then the whole has none either
 */
export function writeMember(encoding: Encoding, member: Member, value: unknown): boolean {
  if (!knows(encoding.version, member.version)) return true;
  if (value === undefined && member.optional) return true;
  return writeValue(encoding, member.name, member.type, value) || member.optional;
}

/**
 * Writes a value that is there: an element, or one for each item of an array.
 * @returns false, and nothing is written, when the client's version has no words for it
 */
export function writeValue(encoding: Encoding, name: string, type: TypeRef, value: unknown): boolean {
  encoding.path.push(name);
  if (value === undefined) throw new Error("it is required and unset");
  const said = type.array ? writeItems(encoding, name, type, value, false) : writeItem(encoding, name, type, value, false);
  encoding.path.pop();
  return said;
}

/** An item that the client has no words for is left out; what is left is still a list. */
function writeItems(encoding: Encoding, name: string, type: TypeRef, value: unknown, named: boolean): true {
  if (!Array.isArray(value)) throw misfit(value, type);
  value.forEach((item: unknown, index) => {
    encoding.path.push(index);
    writeItem(encoding, name, type, item, named);
    finishChunk(encoding);
    encoding.path.pop();
  });
  return true;
}

/** @param named whether xsi:type is written even where it is the declared type: under anyType */
function writeItem(encoding: Encoding, name: string, type: TypeRef, value: unknown, named: boolean): boolean {
  switch (type.kind) {
    case "primitive":
      return writePrimitiveElement(encoding, name, type, value, named);
    case "enum":
      if (typeof value !== "string" || !enumType(type.item).values.has(value)) throw misfit(value, type);
      encoding.text += named ? `<${name} xsi:type="${xsiTypeOf(knownType(encoding, type))}">` : `<${name}>`;
      encoding.text += `${escapeText(value)}</${name}>`;
      return true;
    case "reference":
      return writeReference(encoding, name, type, value, named);
    case "dataObject":
      return writeDataObject(encoding, name, type, value, named);
    case "anyType":
      return writeAny(encoding, name, value);
    case "void":
      throw new Error("void has no value");
  }
}

function writePrimitiveElement(encoding: Encoding, name: string, type: PrimitiveRef, value: unknown, named: boolean): boolean {
  let text = writePrimitive(type.item, value);
  if (type.item === "TypeName") {
    const known = widenTypeName(encoding, text);
    if (type.array && known !== text) return false; // its base would be said once more
    text = known;
  }
  encoding.text += named ? `<${name} xsi:type="${xsiTypeOf(type)}">${text}</${name}>` : `<${name}>${text}</${name}>`;
  return true;
}

function writeReference(encoding: Encoding, name: string, type: TypeRef, value: unknown, named: boolean): boolean {
  const ref = value as Partial<MoRef> | null;
  if (typeof ref?.type !== "string" || typeof ref.value !== "string" || !isSubtype(ref.type, type.item)) throw misfit(value, type);
  const xsiType = named ? ` xsi:type="${xsiTypeOf(type)}"` : "";
  encoding.text += `<${name} type="${widen(encoding, ref.type)}"${xsiType}>${escapeText(ref.value)}</${name}>`;
  return true;
}

function writeDataObject(encoding: Encoding, name: string, type: TypeRef, value: unknown, named: boolean): boolean {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw misfit(value, type);
  const object = value as Readonly<Record<string, unknown>>;
  const runtime = object.$type ?? type.item;
  if (typeof runtime !== "string" || !isSubtype(runtime, type.item)) throw misfit(value, type);
  const { members } = dataObjectType(runtime);
  for (const property of Object.keys(object))
    if (property !== "$type" && !members.has(property)) throw new Error(`a ${runtime} has no property ${property}`);
  const { widened, known } = shapeOf(encoding, runtime);
  if (isWordless(widened, runtime) || (!named && !isSubtype(widened, type.item))) return false;
  const { text: textBefore, chunks } = encoding;
  const chunksBefore = chunks.length;
  encoding.text += named || widened !== type.item ? `<${name} xsi:type="${widened}">` : `<${name}>`;
  for (const member of known) {
    const property = object[member.name];
    if (property === undefined && member.optional) continue;
    if (writeValue(encoding, member.name, member.type, property) || member.optional) continue;
    chunks.length = chunksBefore;
    encoding.text = textBefore;
    return false;
  }
  encoding.text += `</${name}>`;
  return true;
}

/** Writes what stands under anyType, with the type that it says it has. */
function writeAny(encoding: Encoding, name: string, value: unknown): boolean {
  const any = value as Partial<AnyValue> | null;
  const type = typeof any?.anyType === "string" ? findType(any.anyType) : undefined;
  if (any === null || type === undefined || type.text === "anyType")
    throw new Error(`${show(value)} does not say what type of the schema it has`);
  if (!type.array) return writeItem(encoding, name, type, any.value, true);
  const item = typeOf(type.item);
  const shown = knownType(encoding, item);
  if (isWordless(shown.item, item.item)) return false;
  encoding.text += `<${name} xsi:type="${xsiArrayTypeOf(shown)}">`;
  writeItems(encoding, itemElementOf(shown), item, any.value, true);
  encoding.text += `</${name}>`;
  return true;
}

/** A bug of ours. Its message is only put together when there is one: this runs for every value of every answer. */
export function misfit(value: unknown, type: TypeRef): Error {
  return new Error(`${show(value)} is no ${type.text}`);
}
