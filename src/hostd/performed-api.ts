/** What of the schema this host performs, for the documents that describe it to clients. Pure. */
import { undeclaredMethods } from "../wire/index.ts";
import { managedObjectTypes } from "./managed-objects/index.ts";

export interface PerformedType {
  /** WSDL name of a managed object type. */
  readonly type: string;
  readonly methods: readonly string[];
  readonly properties: readonly string[];
}

/** Every managed object type that this host has, with what can be called on it and read from it. */
export function performedApi(): readonly PerformedType[] {
  return Object.entries(managedObjectTypes).map(([type, { methods, properties }]) => ({
    type,
    // What clients know of without any document of it is in none of ours.
    methods: Object.keys(methods).filter((method) => !Object.hasOwn(undeclaredMethods.get(type) ?? {}, method)),
    properties: Object.keys(properties),
  }));
}
