/**
 * What a client has to be told to get from one version of its filters' pictures to the present one. Pure.
 * vim25 UpdateSet. Source: the vSphere Web Services API on the wire.
 */
import { faultToLocalized, type MissingObject, type MoRef, type ObjectUpdate, type PropertyFilterUpdate } from "../../wire/index.ts";
import { notFound } from "./collect.ts";
import { describeWhole, diffReadings } from "./diff.ts";
import { EMPTY_PICTURE, type ObjectPicture, type Picture } from "./filter.ts";

/** What a client knows at a version: a picture of each filter, by the filter's id. */
export type Knowledge = ReadonlyMap<string, Picture>;

export interface FilterView {
  readonly ref: MoRef<"PropertyFilter">;
  readonly partialUpdates: boolean;
  readonly picture: Picture;
}

export interface Updates {
  readonly filterSet: readonly PropertyFilterUpdate[];
  /** Whether more than `objectUpdatesMax` objects changed: the rest is told when asked with `known`. */
  readonly truncated: boolean;
  /** What the client knows once it has been told. */
  readonly known: Knowledge;
}

/** @returns undefined when there is nothing to tell */
export function updatesSince(known: Knowledge, filters: readonly FilterView[], objectUpdatesMax: number): Updates | undefined {
  const filterSet: PropertyFilterUpdate[] = [];
  const knownThen = new Map<string, Picture>();
  let left = objectUpdatesMax;
  let truncated = false;
  for (const filter of filters) {
    const old = known.get(filter.ref.value);
    if (truncated || old === filter.picture) {
      if (old !== undefined) knownThen.set(filter.ref.value, old);
      continue;
    }
    const told = tell(old ?? EMPTY_PICTURE, filter, left);
    left -= told.objectSet.length;
    truncated = told.truncated;
    knownThen.set(filter.ref.value, told.known);
    // A filter that the client has not heard of is told even when it reports nothing: that is its first state.
    if (old === undefined || told.objectSet.length > 0 || told.missingSet.length > 0) filterSet.push(filterUpdate(filter.ref, told));
  }
  return filterSet.length === 0 ? undefined : { filterSet, truncated, known: knownThen };
}

interface Told {
  readonly objectSet: readonly ObjectUpdate[];
  readonly missingSet: readonly MissingObject[];
  readonly truncated: boolean;
  readonly known: Picture;
}

function tell(old: Picture, { picture, partialUpdates }: FilterView, objectUpdatesMax: number): Told {
  const objectSet: ObjectUpdate[] = [];
  const objects = new Map(old.objects);
  for (const [moid, update] of objectUpdates(old, picture, partialUpdates)) {
    if (objectSet.length >= objectUpdatesMax)
      return { objectSet, missingSet: [], truncated: true, known: { objects, missing: old.missing } };
    objectSet.push(update);
    const now = picture.objects.get(moid);
    if (now === undefined) objects.delete(moid);
    else objects.set(moid, now);
  }
  const newlyMissing = picture.missing.filter(({ value }) => !old.missing.some((ref) => ref.value === value));
  const missingSet = newlyMissing.map((obj) => ({ obj, fault: faultToLocalized(notFound(obj)) }));
  return { objectSet, missingSet, truncated: false, known: picture };
}

/** Who left, then who is there and new or changed; made one by one, for the caller may stop early. */
function* objectUpdates(old: Picture, now: Picture, partialUpdates: boolean): Generator<readonly [moid: string, ObjectUpdate]> {
  for (const [moid, { ref }] of old.objects) if (!now.objects.has(moid)) yield [moid, { kind: "leave", obj: ref }];
  for (const [moid, object] of now.objects) {
    const update = objectUpdate(old.objects.get(moid), object, partialUpdates);
    if (update !== undefined) yield [moid, update];
  }
}

function objectUpdate(old: ObjectPicture | undefined, now: ObjectPicture, partialUpdates: boolean): ObjectUpdate | undefined {
  if (old === now) return undefined;
  const { changes, missing } =
    old === undefined ? describeWhole(now.readings) : diffReadings(old.readings, now.readings, partialUpdates ? "parts" : "whole");
  if (old !== undefined && changes.length === 0 && missing.length === 0) return undefined;
  return {
    kind: old === undefined ? "enter" : "modify",
    obj: now.ref,
    ...(changes.length === 0 ? {} : { changeSet: changes }),
    ...(missing.length === 0 ? {} : { missingSet: missing }),
  };
}

function filterUpdate(filter: MoRef<"PropertyFilter">, { objectSet, missingSet }: Told): PropertyFilterUpdate {
  return { filter, ...(objectSet.length === 0 ? {} : { objectSet }), ...(missingSet.length === 0 ? {} : { missingSet }) };
}
