/** What may be copied or moved where, as far as the two places alone tell. Pure. Source: vim25 FileManager, VirtualDiskManager. */
import { type DatastorePath, folderOf, formatDatastorePath, inFolder, isAtOrBeneath } from "../../base/index.ts";
import { fault } from "../../wire/index.ts";

export interface Places {
  readonly from: DatastorePath;
  readonly to: DatastorePath;
}

/**
 * @param names of the arguments that said the places, for the fault
 * @returns whether both are one place: then the call has no effect
 * @throws {Fault} InvalidArgument for a whole datastore, and for a place in what is to be transferred
 */
export function checkPlaces({ from, to }: Places, names: { readonly from: string; readonly to: string }): { readonly same: boolean } {
  for (const [path, invalidProperty] of [
    [from, names.from],
    [to, names.to],
  ] as const) {
    if (path.path === "") throw fault("InvalidArgument", `${formatDatastorePath(path)} is a whole datastore.`, { invalidProperty });
  }
  if (from.datastore === to.datastore && from.path === to.path) return { same: true };
  if (isAtOrBeneath(to, from)) {
    const problem = `${formatDatastorePath(to)} lies in ${formatDatastorePath(from)} itself.`;
    throw fault("InvalidArgument", problem, { invalidProperty: names.to });
  }
  return { same: false };
}

/** Where something is until it is whole, or until it is gone: beside its place, by a name that nothing else has. */
export function asideOf(place: DatastorePath, token: string): DatastorePath {
  return inFolder(folderOf(place), `.transfer-${token}~`);
}

/** A file of the tree `from`, as it is in the tree `to`. */
export function within(path: DatastorePath, { from, to }: Places): DatastorePath {
  return path.path === from.path ? to : inFolder(to, path.path.slice(from.path.length + 1));
}
