/** Datastore paths as clients send them, and the datastore that each method's path names. Pure but for the list of datastores. */
import { type DatastorePath, parseDatastorePath } from "../../base/index.ts";
import { fault, type MoRef } from "../../wire/index.ts";
import type { HostAgent } from "../agent.ts";
import { DATACENTER } from "../inventory-tree.ts";

/** @throws {Fault} InvalidDatastorePath, InvalidDatastore */
export function parseClientPath({ inventory }: Pick<HostAgent, "inventory">, text: string): DatastorePath {
  const path = parseDatastorePath(text);
  if (path === undefined) throw fault("InvalidDatastorePath", `Invalid datastore path '${text}'.`, { datastorePath: text });
  if (inventory.datastoreNamed(path.datastore) === undefined) {
    throw fault("InvalidDatastore", `The host has no datastore '${path.datastore}'.`, { name: path.datastore });
  }
  return path;
}

/** A host has one datacenter, and needs none to be named. @throws {Fault} ManagedObjectNotFound when another is */
export function requireDatacenter(...named: readonly (MoRef | undefined)[]): void {
  const other = named.find((ref) => ref !== undefined && ref.value !== DATACENTER.value);
  if (other !== undefined)
    throw fault("ManagedObjectNotFound", "The object has already been deleted or has not been completely created", { obj: other });
}
