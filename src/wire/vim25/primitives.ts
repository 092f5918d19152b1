/**
 * Primitive values as text, both ways. Pure.
 * Source: XML Schema part 2, the vSphere Web Services API on the wire. A host speaks of bytes and shorts as Java does, signed: PCI vendor 0x8086
 * travels as -32634. Both forms are accepted, and what is written and read is always the signed one.
 */
import { escapeText } from "../soap/escape.ts";
import { findType, type Primitive } from "./schema.ts";

/** Said of text that is no value of its type: [why]. Our own values never are, see {@link writePrimitive}. */
export type Refusal = { readonly refused: string };

const SCALAR_CHARACTERS_MAX = 64; // no number, date or boolean is longer; keeps the patterns below cheap on hostile text
const INTEGER = /^[+-]?[0-9]+$/;
const NUMBER = /^[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$/;
const DATE_TIME = /^(?!0000)([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})?$/;
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** Inclusive. A long ends where a JavaScript number stops being exact; nothing that vim25 counts comes near. */
const INTEGER_RANGES = {
  byte: [-0x80, 0xff],
  short: [-0x8000, 0xffff],
  int: [-0x8000_0000, 0x7fff_ffff],
  long: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
} as const;
type IntegerType = keyof typeof INTEGER_RANGES;

/** @param text untrusted: what is between the tags */
export function readPrimitive(type: Primitive, text: string): string | number | boolean | Date | Uint8Array | Refusal {
  switch (type) {
    case "string":
    case "MethodName":
    case "PropertyPath":
      return text;
    case "TypeName":
      return readTypeName(text);
    case "base64Binary":
      return readBase64(text);
    default:
  }
  const scalar = text.trim();
  if (scalar.length > SCALAR_CHARACTERS_MAX) return { refused: `is no ${type}` };
  switch (type) {
    case "boolean":
      return readBoolean(scalar);
    case "byte":
    case "short":
    case "int":
    case "long":
      return readInteger(type, scalar);
    case "float":
    case "double":
      return NUMBER.test(scalar) && Number.isFinite(Number(scalar)) ? Number(scalar) : { refused: `is no ${type}` };
    case "dateTime":
      return readDateTime(scalar);
  }
}

function readTypeName(text: string): string | Refusal {
  const name = text.slice(text.indexOf(":") + 1).trim(); // some clients qualify it, with any prefix
  return findType(name) === undefined ? { refused: "names no type" } : name;
}

function readBoolean(text: string): boolean | Refusal {
  if (text === "true" || text === "1") return true;
  if (text === "false" || text === "0") return false;
  return { refused: "is neither true nor false" };
}

function readInteger(type: IntegerType, text: string): number | Refusal {
  const value = INTEGER.test(text) ? Number(text) : Number.NaN;
  return isInRange(type, value) ? signed(type, value) : { refused: `is no ${type}` };
}

function isInRange(type: IntegerType, value: number): boolean {
  const [least, most] = INTEGER_RANGES[type];
  return Number.isInteger(value) && value >= least && value <= most;
}

function signed(type: IntegerType, value: number): number {
  if (type === "byte" && value > 0x7f) return value - 0x100;
  if (type === "short" && value > 0x7fff) return value - 0x1_0000;
  return value === 0 ? 0 : value; // never -0
}

/** A time without an offset is UTC. */
function readDateTime(text: string): Date | Refusal {
  const refusal = { refused: "is no dateTime" };
  const match = DATE_TIME.exec(text);
  if (match === null) return refusal;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [number, number, number, number, number, number];
  const milliseconds = Math.trunc(Number(`0${match[7] ?? ""}`) * 1000);
  const time = new Date(0);
  time.setUTCFullYear(year, month - 1, day);
  time.setUTCHours(hour, minute, second, milliseconds);
  // A day or an hour that there isn't rolls over into the next, and so reads back differently.
  if (time.toISOString().slice(0, 19) !== text.slice(0, 19)) return refusal;
  const offset = /^([+-])([0-9]{2}):([0-9]{2})$/.exec(match[8] ?? "Z");
  if (offset === null) return time;
  const minutes = Number(offset[2]) * 60 + Number(offset[3]);
  if (minutes > 14 * 60) return refusal; // XML Schema's limit
  return new Date(time.getTime() - (offset[1] === "-" ? -minutes : minutes) * 60_000);
}

function readBase64(text: string): Uint8Array | Refusal {
  const compact = text.replace(/[ \t\r\n]+/g, "");
  if (compact.length % 4 !== 0 || !BASE64.test(compact)) return { refused: "is no base64" };
  return new Uint8Array(Buffer.from(compact, "base64"));
}

/**
 * The text of a value, escaped.
 * @throws when `value` is none of `type`: a bug of ours
 */
export function writePrimitive(type: Primitive, value: unknown): string {
  switch (type) {
    case "string":
    case "MethodName":
    case "PropertyPath":
      if (typeof value === "string") return escapeText(value);
      break;
    case "TypeName":
      if (typeof value === "string" && findType(value) !== undefined) return value;
      break;
    case "boolean":
      if (typeof value === "boolean") return value ? "true" : "false";
      break;
    case "byte":
    case "short":
    case "int":
    case "long":
      if (typeof value === "number" && isInRange(type, value)) return String(signed(type, value));
      break;
    case "float":
    case "double":
      if (typeof value === "number" && Number.isFinite(value)) return String(value);
      break;
    case "dateTime":
      if (value instanceof Date && !Number.isNaN(value.getTime())) return writeDateTime(value);
      break;
    case "base64Binary":
      if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64");
      break;
  }
  throw new Error(`${show(value)} is no ${type}`);
}

function writeDateTime(value: Date): string {
  const text = value.toISOString();
  if (!/^(?!0000)[0-9]{4}-/.test(text)) throw new Error(`${text} is out of the years that a dateTime can say`);
  return text;
}

/** A value in an assertion's message: enough to know it by. */
export function show(value: unknown): string {
  if (value instanceof Date) return "a date";
  if (Array.isArray(value)) return "an array";
  if (typeof value === "object" && value !== null) {
    const { $type, type } = value as { $type?: unknown; type?: unknown };
    return typeof $type === "string" ? `a ${$type}` : typeof type === "string" ? `a ${type}` : "an object";
  }
  return String(value).slice(0, 60);
}
