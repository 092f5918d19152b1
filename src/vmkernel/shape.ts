/**
 * Reads values of a known shape out of JSON that another process sent (untrusted). Pure.
 * Each reader names where it stood when it refuses, as vim25 InvalidArgument does.
 */
import { type DatastorePath, type Fault, isSafePath, parseVmId, type VmId } from "../base/index.ts";
import { fault } from "../wire/index.ts";

/** A JSON object, and where in the whole it was found: "machine.devices[3]". */
export interface Shape {
  readonly at: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

const DATASTORE_NAME_MAX = 42; // as base/datastore-path.ts

export function invalid(at: string, problem: string): Fault {
  return fault("InvalidArgument", `${at} ${problem}.`, { invalidProperty: at });
}

export function asShape(value: unknown, at: string): Shape {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw invalid(at, "is not an object");
  return { at, fields: value as Readonly<Record<string, unknown>> };
}

export function readShape(shape: Shape, name: string): Shape {
  return asShape(fieldOf(shape, name), pathOf(shape, name));
}

export function readText(shape: Shape, name: string, bounds: { readonly max: number; readonly pattern?: RegExp }): string {
  return asText(fieldOf(shape, name), pathOf(shape, name), bounds);
}

function asText(value: unknown, at: string, { max, pattern }: { readonly max: number; readonly pattern?: RegExp }): string {
  if (typeof value !== "string") throw invalid(at, "is not a text");
  if (value.length > max) throw invalid(at, `is longer than ${max} characters`);
  if (pattern !== undefined && !pattern.test(value)) throw invalid(at, "does not have the form that it must have");
  return value;
}

export function readInteger(shape: Shape, name: string, bounds: { readonly min: number; readonly max: number }): number {
  return asInteger(fieldOf(shape, name), pathOf(shape, name), bounds);
}

function asInteger(value: unknown, at: string, { min, max }: { readonly min: number; readonly max: number }): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value)) throw invalid(at, "is not a whole number");
  if (value < min || value > max) throw invalid(at, `is not between ${min} and ${max}`);
  return value;
}

export function readOneOf<const T extends string>(shape: Shape, name: string, allowed: readonly T[]): T {
  const value = fieldOf(shape, name);
  const found = allowed.find((candidate) => candidate === value);
  if (found === undefined) throw invalid(pathOf(shape, name), `is not one of ${allowed.join(", ")}`);
  return found;
}

export function readOptionalFlag(shape: Shape, name: string): boolean {
  const value = fieldOf(shape, name);
  if (value !== undefined && typeof value !== "boolean") throw invalid(pathOf(shape, name), "is neither true nor false");
  return value === true;
}

export function readFlag(shape: Shape, name: string): boolean {
  if (fieldOf(shape, name) === undefined) throw invalid(pathOf(shape, name), "is neither true nor false");
  return readOptionalFlag(shape, name);
}

export function readShapes(shape: Shape, name: string, countMax: number): Shape[] {
  return readList(shape, name, countMax).map((value, index) => asShape(value, `${pathOf(shape, name)}[${index}]`));
}

export function readTexts(
  shape: Shape,
  name: string,
  { countMax, ...bounds }: { readonly max: number; readonly pattern?: RegExp; readonly countMax: number },
): string[] {
  return readList(shape, name, countMax).map((value, index) => asText(value, `${pathOf(shape, name)}[${index}]`, bounds));
}

export function readIntegers(
  shape: Shape,
  name: string,
  bounds: { readonly min: number; readonly max: number; readonly countMax: number },
): number[] {
  return readList(shape, name, bounds.countMax).map((value, index) => asInteger(value, `${pathOf(shape, name)}[${index}]`, bounds));
}

export function readVmId(shape: Shape, name: string): VmId {
  const id = parseVmId(readText(shape, name, { max: 9 }));
  if (id === undefined) throw invalid(pathOf(shape, name), "is not the id of a VM");
  return id;
}

export function readPath(shape: Shape, name: string): DatastorePath {
  const path = readShape(shape, name);
  const datastore = readText(path, "datastore", { max: DATASTORE_NAME_MAX, pattern: /^[^/[\]\p{Cc}]+$/u });
  if (datastore === "." || datastore === "..") throw invalid(`${path.at}.datastore`, "is not a datastore's name");
  const relative = readText(path, "path", { max: 2048 });
  if (!isSafePath(relative)) throw invalid(`${path.at}.path`, "leaves the datastore");
  return { datastore, path: relative };
}

/** The field as `read` reads it, or undefined when it is not there. */
export function readOptional<T>(shape: Shape, name: string, read: (shape: Shape, name: string) => T): T | undefined {
  return fieldOf(shape, name) === undefined ? undefined : read(shape, name);
}

function readList(shape: Shape, name: string, countMax: number): readonly unknown[] {
  const value = fieldOf(shape, name);
  if (!Array.isArray(value)) throw invalid(pathOf(shape, name), "is not a list");
  if (value.length > countMax) throw invalid(pathOf(shape, name), `has more than ${countMax} entries`);
  return value;
}

// Own fields only: what "__proto__" or "constructor" would answer did not come from the sender.
function fieldOf({ fields }: Shape, name: string): unknown {
  return Object.hasOwn(fields, name) ? fields[name] : undefined;
}

function pathOf({ at }: Shape, name: string): string {
  return `${at}.${name}`;
}
