/** What of the schema this host performs, for the documents that describe it to clients and for the tests that go over all of it. Pure. */
import { undeclaredManagedObjects, undeclaredMethods } from "../wire/index.ts";
import { FETCH } from "./authorize.ts";
import { managedObjectTypes } from "./managed-objects/index.ts";

export interface PerformedType {
  /** WSDL name of a managed object type. */
  readonly type: string;
  readonly methods: readonly string[];
  readonly properties: readonly string[];
}

/** Every managed object type that this host has, with what can be called on it and read from it. */
export function performedApi(): readonly PerformedType[] {
  // What clients know of without any document of it is in none of ours.
  const declared = Object.entries(managedObjectTypes).filter(([type]) => !undeclaredManagedObjects.has(type));
  return declared.map(([type, { methods, properties }]) => ({
    type,
    methods: Object.keys(methods).filter((method) => !Object.hasOwn(undeclaredMethods.get(type) ?? {}, method)),
    properties: Object.keys(properties),
  }));
}

export interface PerformedMethod {
  readonly type: string;
  readonly method: string;
}

/** Every method that can be called, also those of no document; what every object answers stands under their root type. */
export function performedMethods(): readonly PerformedMethod[] {
  const own = Object.entries(managedObjectTypes).flatMap(([type, { methods }]) => Object.keys(methods).map((method) => ({ type, method })));
  return [...own, { type: "ManagedObject", method: FETCH }];
}
