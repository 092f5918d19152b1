/** The privileges that the schema's methods and properties need. Pure. */
import { schemaRows } from "./schema-rows.ts";

/** Each id that some method or property names, in no order. */
export function schemaPrivileges(): ReadonlySet<string> {
  const ids = new Set<string>();
  for (const { methods, properties } of schemaRows().managedObjects.values()) {
    for (const { privilege } of Object.values(methods)) if (privilege !== null) ids.add(privilege);
    for (const [, , , , privilege] of properties) if (privilege !== undefined) ids.add(privilege);
  }
  return ids;
}
