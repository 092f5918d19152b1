/**
 * A datastore is known by its UUID, and VMs are registered by its name: when the name is another, by a client's wish or the machine's
 * administrator's, the VMs on it are registered by the new one. Also when that happened while no host agent ran.
 */
import { formatDatastorePath, parseDatastorePath } from "../../base/index.ts";
import type { DatastoreDescription } from "../../vmkernel/index.ts";
import { type Connection, readSetting, writeSetting } from "../database.ts";

const KEY = "datastoreNames";

type Named = Pick<DatastoreDescription, "name" | "uuid">;
/** Name by UUID. */
type Names = Readonly<Record<string, string>>;

/** Old name to new, of those that have another name than they had. A copy of a datastore, which has its UUID too, is no new name. Pure. */
export function planRenames(known: Names, present: readonly Named[]): ReadonlyMap<string, string> {
  const renames = new Map<string, string>();
  for (const { name, uuid } of present) {
    const before = Object.hasOwn(known, uuid) ? known[uuid] : undefined;
    if (before === undefined || present.some((other) => other.uuid === uuid && other.name === before)) continue;
    renames.set(before, name);
  }
  return renames;
}

/** Registers the VMs by the names that there are now, all at once. @returns what was renamed */
export function adoptNames(database: Connection, present: readonly Named[]): ReadonlyMap<string, string> {
  const known = (readSetting(database, KEY) ?? {}) as Names;
  const renames = planRenames(known, present);
  const names = { ...known, ...Object.fromEntries(present.map(({ uuid, name }) => [uuid, name])) };
  if (renames.size === 0 && Object.keys(names).length === Object.keys(known).length) return renames;
  database.transaction(() => {
    const rows = database.prepare("SELECT id, vmx FROM vm").all() as { id: number; vmx: string }[];
    const moved = rows.flatMap(({ id, vmx }) => {
      const path = parseDatastorePath(vmx);
      const datastore = path === undefined ? undefined : renames.get(path.datastore);
      return path === undefined || datastore === undefined ? [] : [{ id, vmx: formatDatastorePath({ ...path, datastore }) }];
    });
    const update = database.prepare("UPDATE vm SET vmx = ? WHERE id = ?");
    for (const { id } of moved) update.run(`renaming ${id}`, id); // two that change places have one name for a moment
    for (const { id, vmx } of moved) update.run(vmx, id);
    writeSetting(database, KEY, names);
  })();
  return renames;
}
