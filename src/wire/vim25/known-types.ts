/**
 * What a client's version knows of the schema's types: the words that it can be answered in, on either wire. Pure.
 * A type newer than the version becomes its nearest known base. Source: the vSphere Web Services API on the wire.
 */
import { assert } from "../../base/index.ts";
import { dataObjectType, findType, lineageOf, type Member, type TypeRef, typeOf, versionOfType } from "./schema.ts";
import { knows } from "./versions.ts";

export interface Client {
  readonly version: string;
}

/** Whether all that a client could be told of a type is that it is data: clients can do nothing with that, and some fail on it. */
export function isWordless(widened: string, type: string): boolean {
  return widened === "DynamicData" && type !== widened;
}

/** What the client is told that a value under anyType is. */
export function knownType(client: Client, type: TypeRef): TypeRef {
  switch (type.kind) {
    case "enum":
      return isKnown(client, type) ? type : typeOf("string");
    case "dataObject":
      return typeOf(widen(client, type.item));
    default:
      return type;
  }
}

/** What a version knows of a type: the nearest base, and the members of that. */
export interface Shape {
  readonly widened: string;
  readonly known: readonly Member[];
}

/** By version and type: an inventory says the same few types thousands of times. As large as the schema at most, for each version. */
const shapes = new Map<string, Map<string, Shape>>();

export function shapeOf(client: Client, runtime: string): Shape {
  const ofVersion = shapes.get(client.version) ?? new Map<string, Shape>();
  shapes.set(client.version, ofVersion);
  const found = ofVersion.get(runtime);
  if (found !== undefined) return found;
  const widened = widen(client, runtime);
  const members = [...dataObjectType(widened).members.values()];
  const shape = { widened, known: members.filter((member) => knows(client.version, member.version)) };
  ofVersion.set(runtime, shape);
  return shape;
}

/** The nearest type to `name`, itself or a base, that the client's version knows. The roots are as old as the API. */
export function widen(client: Client, name: string): string {
  const known = lineageOf(name).find((candidate) => isKnown(client, typeOf(candidate)));
  assert(known !== undefined, `no version knows ${name}`);
  return known;
}

/** What the client is told where the value is a type's name: its nearest known base; an enumeration is a string to its elders. */
export function widenTypeName(client: Client, name: string): string {
  if (isKnown(client, findType(name))) return name;
  return lineageOf(name).find((base) => isKnown(client, typeOf(base))) ?? "string";
}

function isKnown(client: Client, type: TypeRef | undefined): boolean {
  const since = type === undefined ? undefined : versionOfType(type);
  return since === undefined || knows(client.version, since);
}
