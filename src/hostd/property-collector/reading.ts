/**
 * Reads properties of one object, with the type that each value has. Source: the vSphere Web Services API on the wire.
 * No side effect; pure as far as the object is.
 */
import { Fault } from "../../base/index.ts";
import { type AnyValue, dataObjectType, type MoRef, managedObjectType, type TypeRef, typeOf } from "../../wire/index.ts";
import type { ManagedObjectInstance } from "../managed-object.ts";
import type { PathStep, PropertyPath } from "./property-path.ts";
import type { PropertySource } from "./source.ts";

/** What came of reading one path. */
export type Reading =
  | { readonly kind: "set"; readonly value: AnyValue }
  /** The property has no value, or its array no item of that key. */
  | { readonly kind: "unset" }
  /** Something on the way to the property has no value, or is of a type without it. */
  | { readonly kind: "cutOff" }
  /** The session may not read it, or reading it failed. */
  | { readonly kind: "refused"; readonly fault: Fault };

/** By the path's text, in the order in which they were asked for. */
export type Readings = ReadonlyMap<string, Reading>;

/** Reads every path; each top-level property once, so that nested paths agree with each other. */
export function readPaths(source: PropertySource, object: ManagedObjectInstance, paths: readonly PropertyPath[]): Readings {
  const refusal = source.refusal(object.ref);
  if (refusal !== undefined) {
    const refused: Reading = { kind: "refused", fault: refusal };
    return new Map(paths.map(({ text }) => [text, refused]));
  }
  const topLevel = new Map<string, Property>();
  return new Map(paths.map((path) => [path.text, readPath(source, object, path, topLevel)]));
}

/** The objects that a property refers to; none when it may not be read. */
export function readReferences(source: PropertySource, object: ManagedObjectInstance, path: PropertyPath): readonly MoRef[] {
  const reading = readPaths(source, object, [path]).get(path.text);
  if (reading?.kind !== "set") return [];
  const type = typeOf(reading.value.anyType);
  if (type.kind !== "reference") return [];
  return type.array ? (reading.value.value as readonly MoRef[]) : [reading.value.value as MoRef];
}

/** A top-level property as the object gave it. */
type Property = { readonly kind: "read"; readonly value: unknown } | Extract<Reading, { kind: "refused" }>;

function readPath(
  source: PropertySource,
  object: ManagedObjectInstance,
  { steps }: PropertyPath,
  topLevel: Map<string, Property>,
): Reading {
  const [first, ...rest] = steps;
  const member = first === undefined ? undefined : managedObjectType(object.ref.type).properties.get(first.name);
  if (first === undefined || member === undefined) return { kind: "cutOff" };
  const property = topLevel.get(first.name) ?? readProperty(source, object, first.name);
  topLevel.set(first.name, property);
  return property.kind === "refused" ? property : follow(property.value, member.type, first, rest);
}

function readProperty(source: PropertySource, object: ManagedObjectInstance, name: string): Property {
  try {
    return { kind: "read", value: object.read(name, source.reader) };
  } catch (error) {
    if (error instanceof Fault) return { kind: "refused", fault: error };
    throw error; // a bug of ours, which invoke() reports
  }
}

/** Goes on from the value of `step`'s property, which is declared as `type`. */
function follow(property: unknown, type: TypeRef, step: PathStep, rest: readonly PathStep[]): Reading {
  const value = step.key === undefined ? property : itemOf(property, step.key);
  const [next, ...further] = rest;
  if (value === undefined) return next === undefined ? { kind: "unset" } : { kind: "cutOff" };
  const valueType = step.key === undefined ? type : typeOf(type.item);
  if (next === undefined) return { kind: "set", value: typed(value, valueType) };
  const object = value as DataObject;
  const member = dataObjectType(object.$type ?? valueType.item).members.get(next.name);
  if (member === undefined) return { kind: "cutOff" };
  return follow(object[next.name], member.type, next, further);
}

/** A data object of whatever type. */
export interface DataObject {
  readonly $type?: string;
  readonly [member: string]: unknown;
}

function itemOf(array: unknown, key: string | number): unknown {
  return (array as readonly DataObject[] | undefined)?.find((item) => item.key === key);
}

/** A value with the type that the client is told: the declared one, or the subclass that it really is. */
export function typed(value: unknown, declared: TypeRef): AnyValue {
  if (declared.array) return { anyType: declared.text, value };
  switch (declared.kind) {
    case "anyType":
      return value as AnyValue;
    case "dataObject":
      return { anyType: (value as DataObject).$type ?? declared.item, value };
    case "reference":
      return { anyType: (value as MoRef).type, value };
    default:
      return { anyType: declared.item, value };
  }
}
