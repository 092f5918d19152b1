/**
 * Property paths: `summary.runtime.powerState`, `config.hardware.device[4000].backing`, `config.extraConfig["guestinfo.b"].value`.
 * What a path may say is decided by the schema, before anything is read. Pure. Source: the vSphere Web Services API on the wire.
 */
import { dataObjectType, fault, findManagedObjectType, type Member, subtypesOf, type TypeRef, typeOf } from "../../wire/index.ts";

/** What tells one item of an array from the others: its property `key`. */
export type ArrayKey = string | number;

export interface PathStep {
  readonly name: string;
  /** Which item of the array that `name` is; undefined for the property itself. */
  readonly key: ArrayKey | undefined;
}

/** A path that the schema allows for some managed object type. */
export interface PropertyPath {
  /** As the client wrote it: the answer uses its words. */
  readonly text: string;
  /** At least one. */
  readonly steps: readonly PathStep[];
}

const PATH_CHARACTERS_MAX = 1024; // extraConfig keys are the longest part, and far shorter
const SHOWN_CHARACTERS_MAX = 128; // of a refused path, in the fault's message

/** `name`, `name[17]` or `name["key"]`, and the dot before the next step. A quote or backslash within a key has a backslash before it. */
const STEP = /([A-Za-z_]\w*)(?:\[(?:(-?\d{1,15})|"((?:[^"\\]|\\.)*)")\])?(\.|$)/y;

/**
 * Reads a path that starts at a managed object.
 * @param type the managed object type that the client names for it; must exist
 * @param text untrusted
 * @throws {Fault} InvalidProperty, when no object of that type can have such a property
 */
export function checkPath(type: string, text: string): PropertyPath {
  const steps = parseSteps(text);
  if (steps === undefined || typesAt(type, steps).length === 0) throw invalidProperty(text);
  return { text, steps };
}

/**
 * Reads a path that leads to other managed objects.
 * @throws {Fault} InvalidProperty, also when the property is there and refers to nothing
 */
export function checkReferencePath(type: string, text: string): PropertyPath {
  const path = checkPath(type, text);
  if (!typesAt(type, path.steps).some(({ kind }) => kind === "reference")) throw invalidProperty(text);
  return path;
}

/** The path of one top-level property. */
export function topLevelPath(name: string): PropertyPath {
  return { text: name, steps: [{ name, key: undefined }] };
}

/** `device[4000]` or `extraConfig["guestinfo.b"]`, as {@link checkPath} reads it. */
export function formatKeyed(array: string, key: ArrayKey): string {
  return typeof key === "number" ? `${array}[${key}]` : `${array}["${key.replace(/["\\]/g, "\\$&")}"]`;
}

/** The type of an array type's keys, or undefined when its items have none: `config.systemFile[0]` names nothing. */
export function keyTypeOf(array: TypeRef): "number" | "string" | undefined {
  if (!array.array || array.kind !== "dataObject") return undefined;
  const key = dataObjectType(array.item).members.get("key")?.type;
  if (key === undefined || key.array || key.kind !== "primitive") return undefined;
  return key.item === "int" || key.item === "long" || key.item === "short" || key.item === "byte" ? "number" : "string";
}

export function invalidProperty(text: string) {
  return fault("InvalidProperty", `There is no property ${text.slice(0, SHOWN_CHARACTERS_MAX)}.`, {
    name: text.slice(0, PATH_CHARACTERS_MAX),
  });
}

function parseSteps(text: string): readonly PathStep[] | undefined {
  if (text.length > PATH_CHARACTERS_MAX) return undefined;
  const steps: PathStep[] = [];
  STEP.lastIndex = 0;
  for (;;) {
    const match = STEP.exec(text);
    if (match === null) return undefined; // which also covers nothing after a dot
    const [, name = "", number, quoted, end] = match;
    steps.push({ name, key: number !== undefined ? Number(number) : quoted?.replace(/\\(["\\])/g, "$1") });
    if (end === "") return steps;
  }
}

/** What types the property at the end may have: several, where subclasses declare it differently; none when there is no such path. */
function typesAt(type: string, [first, ...rest]: readonly PathStep[]): readonly TypeRef[] {
  const property = first === undefined ? undefined : findManagedObjectType(type)?.properties.get(first.name);
  if (first === undefined || property === undefined) return [];
  let types = itemsBy(first.key, [property]);
  for (const { name, key } of rest) types = itemsBy(key, membersNamed(types, name));
  return types;
}

function membersNamed(types: readonly TypeRef[], name: string): readonly Member[] {
  const found = new Map<string, Member>();
  for (const { kind, array, item } of types) {
    // A path ends at an array, and at anyType: what is in there is known only once it is read.
    if (kind !== "dataObject" || array) continue;
    for (const subtype of subtypesOf(item)) {
      const member = dataObjectType(subtype).members.get(name);
      if (member !== undefined) found.set(member.type.text, member);
    }
  }
  return [...found.values()];
}

function itemsBy(key: ArrayKey | undefined, members: readonly Member[]): readonly TypeRef[] {
  if (key === undefined) return members.map(({ type }) => type);
  return members.filter(({ type }) => keyTypeOf(type) === typeof key).map(({ type }) => typeOf(type.item));
}
