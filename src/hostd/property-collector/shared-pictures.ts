/**
 * Pictures of objects, one for all filters that see the same: fifty sessions that watch a thousand VMs hold a thousand pictures.
 * A picture is given out only to who has read the very same values itself, so nobody learns here what he may not read.
 */
import type { ManagedObjectInstance } from "../managed-object.ts";
import type { ObjectPicture } from "./filter.ts";
import type { PropertyPath } from "./property-path.ts";

const PATH_SETS_MAX = 4; // of one object: clients of a kind ask alike; beyond it the oldest is no longer shared

/** The newest picture of each object, by the paths that it shows. It goes with the object. */
const pictures = new WeakMap<ManagedObjectInstance, Map<string, ObjectPicture>>();
const keys = new WeakMap<readonly PropertyPath[], string>();

export function findShared(object: ManagedObjectInstance, paths: readonly PropertyPath[]): ObjectPicture | undefined {
  return pictures.get(object)?.get(keyOf(paths));
}

export function share(object: ManagedObjectInstance, paths: readonly PropertyPath[], picture: ObjectPicture): void {
  const known = pictures.get(object) ?? new Map<string, ObjectPicture>();
  pictures.set(object, known);
  const key = keyOf(paths);
  known.delete(key); // so that it is the newest
  known.set(key, picture);
  const [oldest] = known.keys();
  if (known.size > PATH_SETS_MAX && oldest !== undefined) known.delete(oldest);
}

/** A filter has one list of paths for each type: it is put together once. */
function keyOf(paths: readonly PropertyPath[]): string {
  const known = keys.get(paths);
  if (known !== undefined) return known;
  const key = paths.map(({ text }) => text).join("\n");
  keys.set(paths, key);
  return key;
}
