/**
 * Reads what PropertyFilterSpecs ask for, once. Pure over a PropertySource.
 * vim25 RetrieveProperties, RetrievePropertiesEx and Fetch. Source: the vSphere Web Services API on the wire.
 */
import type { Fault } from "../../base/index.ts";
import {
  type AnyValue,
  type DynamicProperty,
  fault,
  faultToLocalized,
  type MissingProperty,
  type MoRef,
  type ObjectContent,
  type PropertyFilterSpec,
} from "../../wire/index.ts";
import type { ManagedObjectInstance } from "../managed-object.ts";
import { planFilter } from "./filter-plan.ts";
import { checkPath, type PropertyPath } from "./property-path.ts";
import { type Readings, readPaths } from "./reading.ts";
import { selectObjects } from "./select-objects.ts";
import type { PropertySource } from "./source.ts";

/**
 * Every object that the specs select, each once, with every property that is set.
 * @param version of the API that the client speaks; the newest when left out
 * @throws {Fault} InvalidProperty, InvalidArgument, ManagedObjectNotFound
 */
export function collect(specs: readonly PropertyFilterSpec[], source: PropertySource, version?: string): readonly ObjectContent[] {
  const merged = new Map<string, { readonly object: ManagedObjectInstance; readonly paths: Map<string, PropertyPath> }>();
  for (const plan of specs.map((spec) => planFilter(spec, version))) {
    const { objects, missing } = selectObjects(plan, source);
    const [lost] = missing;
    if (lost !== undefined && !plan.reportMissing) throw notFound(lost);
    for (const [moid, { object, paths }] of objects) {
      const entry = merged.get(moid) ?? { object, paths: new Map() };
      merged.set(moid, entry);
      for (const path of paths) entry.paths.set(path.text, path);
    }
  }
  return [...merged.values()].map(({ object, paths }) => contentOf(object.ref, readPaths(source, object, [...paths.values()])));
}

/**
 * Reads one property of one object.
 * @param property untrusted
 * @returns undefined when it is unset
 * @throws {Fault} InvalidProperty, ManagedObjectNotFound, or why it may not be read
 */
export function fetchProperty(source: PropertySource, ref: MoRef, property: string): AnyValue | undefined {
  const object = source.find(ref);
  if (object === undefined) throw notFound(ref);
  const path = checkPath(object.ref.type, property);
  const reading = readPaths(source, object, [path]).get(property);
  if (reading?.kind === "refused") throw reading.fault;
  return reading?.kind === "set" ? reading.value : undefined;
}

export function notFound(obj: MoRef): Fault {
  return fault("ManagedObjectNotFound", "The object has already been deleted or has not been completely created", { obj });
}

function contentOf(obj: MoRef, readings: Readings): ObjectContent {
  const propSet: DynamicProperty[] = [];
  const missingSet: MissingProperty[] = [];
  for (const [path, reading] of readings) {
    if (reading.kind === "set") propSet.push({ name: path, val: reading.value });
    if (reading.kind === "refused") missingSet.push({ path, fault: faultToLocalized(reading.fault) });
  }
  return { obj, ...(propSet.length === 0 ? {} : { propSet }), ...(missingSet.length === 0 ? {} : { missingSet }) };
}
