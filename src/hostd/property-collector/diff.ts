/**
 * What changed between two readings of an object, in the words of vim25 PropertyChange. Pure.
 * Applying the changes to the old readings gives the new ones. Source: the vSphere Web Services API on the wire.
 */
import {
  type AnyValue,
  dataObjectType,
  faultToLocalized,
  findType,
  type MissingProperty,
  type PropertyChange,
  type PropertyChangeOp,
  type TypeRef,
} from "../../wire/index.ts";
import { type ArrayKey, formatKeyed, keyTypeOf } from "./property-path.ts";
import { type DataObject, type Reading, type Readings, typed } from "./reading.ts";
import { isSameValue } from "./same-value.ts";

export interface Difference {
  readonly changes: readonly PropertyChange[];
  /** Properties that may no longer be read, or that failed in another way than before. */
  readonly missing: readonly MissingProperty[];
}

const UNSET: Reading = { kind: "unset" };

/**
 * @param detail "whole": a changed property is reported as the client asked for it; "parts": only what changed within it does
 *   (the client's partialUpdates)
 */
export function diffReadings(old: Readings, now: Readings, detail: "whole" | "parts"): Difference {
  const changes = new Map<string, PropertyChange>();
  const missing: MissingProperty[] = [];
  for (const [path, reading] of now) {
    const before = old.get(path) ?? UNSET;
    if (isSameReading(before, reading)) continue;
    if (reading.kind === "refused") missing.push({ path, fault: faultToLocalized(reading.fault) });
    // Paths of a filter may overlap: "info" and "info.state" both tell of a changed state, and once is enough.
    else for (const change of changesOf(path, before, reading, detail)) changes.set(change.name, change);
  }
  return { changes: [...changes.values()], missing };
}

/** The readings of an object that the client has not seen before. */
export function describeWhole(readings: Readings): Difference {
  const { changes, missing } = diffReadings(new Map(), readings, "whole");
  return { changes: changes.filter(({ val }) => val !== undefined).map(({ name, val }) => assign(name, val)), missing };
}

export function isSameReading(one: Reading, other: Reading): boolean {
  if (one.kind === "set" && other.kind === "set") {
    return one.value.anyType === other.value.anyType && isSameValue(one.value.value, other.value.value);
  }
  if (one.kind === "refused" && other.kind === "refused") {
    return isSameValue(faultToLocalized(one.fault), faultToLocalized(other.fault));
  }
  return one.kind === other.kind;
}

function changesOf(
  path: string,
  before: Reading,
  now: Exclude<Reading, { kind: "refused" }>,
  detail: "whole" | "parts",
): readonly PropertyChange[] {
  const isItem = path.endsWith("]");
  switch (now.kind) {
    case "set":
      if (before.kind === "set") return detail === "parts" ? changesWithin(path, before.value, now.value) : [assign(path, now.value)];
      return [change(path, isItem ? "add" : "assign", now.value)];
    case "unset":
      if (before.kind === "cutOff") return []; // it had no value before either
      return [change(path, isItem ? "remove" : "assign", undefined)];
    case "cutOff":
      return before.kind === "unset" ? [] : [change(path, "indirectRemove", undefined)];
  }
}

/** The changes within a value: of a data object its members, of an array with keys its items; of anything else the whole. */
function changesWithin(path: string, old: AnyValue, now: AnyValue): readonly PropertyChange[] {
  const type = findType(now.anyType);
  if (type?.kind !== "dataObject" || old.anyType !== now.anyType) return [assign(path, now)];
  if (!type.array) return changesOfMembers(path, type.item, old.value as DataObject, now.value as DataObject);
  return changesOfItems(path, type, old.value as Items, now.value as Items) ?? [assign(path, now)];
}

type Items = readonly DataObject[];

function changesOfMembers(path: string, type: string, old: DataObject, now: DataObject): readonly PropertyChange[] {
  return [...dataObjectType(type).members.values()].flatMap((member) => {
    const [before, after] = [old[member.name], now[member.name]];
    if (isSameValue(before, after)) return [];
    const name = `${path}.${member.name}`;
    if (after === undefined) return [assign(name, undefined)];
    // Nor does a path lead into anyType, so what changed within it has no name.
    if (before === undefined || member.type.kind === "anyType") return [assign(name, typed(after, member.type))];
    return changesWithin(name, typed(before, member.type), typed(after, member.type));
  });
}

/** @returns undefined when items can't be told apart by their keys, or changed places: then only the whole array will do */
function changesOfItems(path: string, type: TypeRef, old: Items, now: Items): readonly PropertyChange[] | undefined {
  const before = byKey(type, old);
  const after = byKey(type, now);
  if (before === undefined || after === undefined) return undefined;
  const kept = [...before.keys()].filter((key) => after.has(key));
  const added = [...after.keys()].filter((key) => !before.has(key));
  if (![...after.keys()].every((key, place) => key === [...kept, ...added][place])) return undefined;
  const item: TypeRef = { kind: "dataObject", text: type.item, item: type.item, array: false };
  return [
    ...[...before.keys()].filter((key) => !after.has(key)).map((key) => change(formatKeyed(path, key), "remove", undefined)),
    ...kept.flatMap((key) => {
      const [was, is] = [before.get(key), after.get(key)];
      return isSameValue(was, is) ? [] : changesWithin(formatKeyed(path, key), typed(was, item), typed(is, item));
    }),
    ...added.map((key) => change(formatKeyed(path, key), "add", typed(after.get(key), item))),
  ];
}

function byKey(type: TypeRef, items: Items): ReadonlyMap<ArrayKey, DataObject> | undefined {
  if (keyTypeOf(type) === undefined) return undefined;
  const found = new Map<ArrayKey, DataObject>();
  for (const item of items) found.set(item.key as ArrayKey, item);
  return found.size === items.length ? found : undefined;
}

function assign(name: string, val: AnyValue | undefined): PropertyChange {
  return change(name, "assign", val);
}

function change(name: string, op: PropertyChangeOp, val: AnyValue | undefined): PropertyChange {
  return { name, op, ...(val === undefined ? {} : { val }) };
}
