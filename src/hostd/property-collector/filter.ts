/**
 * One PropertyFilter: what it saw last, and what must be looked at again.
 * Objects are read only when somebody waits, and only those that changed or came since.
 */
import type { MoRef, PropertyFilterSpec } from "../../wire/index.ts";
import { notFound } from "./collect.ts";
import { isSameReading } from "./diff.ts";
import { type FilterPlan, planFilter } from "./filter-plan.ts";
import { type Reading, type Readings, readPaths } from "./reading.ts";
import { copyValue } from "./same-value.ts";
import { type SelectedObject, type Selection, selectObjects } from "./select-objects.ts";
import { findShared, share } from "./shared-pictures.ts";
import type { PropertySource } from "./source.ts";

/** All that a filter reports at one moment. What did not change is the very same object in the next picture. */
export interface Picture {
  /** By id. */
  readonly objects: ReadonlyMap<string, ObjectPicture>;
  /** Objects that the filter names and that are not there, when the client wants to know. */
  readonly missing: readonly MoRef[];
}

export interface ObjectPicture {
  readonly ref: MoRef;
  readonly readings: Readings;
}

export const EMPTY_PICTURE: Picture = { objects: new Map(), missing: [] };

export class PropertyFilter {
  readonly ref: MoRef<"PropertyFilter">;
  readonly spec: PropertyFilterSpec;
  readonly partialUpdates: boolean;
  readonly #source: PropertySource;
  readonly #plan: FilterPlan;
  #selection: Selection | undefined;
  #picture = EMPTY_PICTURE;
  /** Ids of objects to read again. */
  #changed = new Set<string>();

  /** @throws {Fault} InvalidProperty, InvalidArgument, ManagedObjectNotFound */
  constructor(
    ref: MoRef<"PropertyFilter">,
    spec: PropertyFilterSpec,
    { partialUpdates, version }: { readonly partialUpdates: boolean; readonly version?: string | undefined },
    source: PropertySource,
  ) {
    this.ref = ref;
    this.spec = spec;
    this.partialUpdates = partialUpdates;
    this.#source = source;
    this.#plan = planFilter(spec, version);
    const lost = this.#plan.roots.find(({ ref: root }) => source.find(root) === undefined);
    if (lost !== undefined && !this.#plan.reportMissing) throw notFound(lost.ref);
  }

  /** Takes note that something about an object changed. @returns whether that can matter to this filter */
  noteChange(ref: MoRef): boolean {
    const { value } = ref;
    const isReported = this.#picture.objects.has(value);
    if (isReported) this.#changed.add(value);
    const selection = this.#selection;
    if (selection === undefined) return true; // it will be made anew anyway
    // To select anew is to visit everything: only for what may lead elsewhere, has come, or has gone.
    const selectAnew = selection.followed.has(value) || selection.lost.has(value) || (isReported && this.#source.find(ref) === undefined);
    if (selectAnew) this.#selection = undefined;
    return isReported || selectAnew;
  }

  /** What it reports now. The same picture as before when nothing that it reports changed. */
  look(): Picture {
    if (this.#selection !== undefined && this.#changed.size === 0) return this.#picture;
    const changed = this.#changed;
    this.#changed = new Set(); // before reading: a change during it counts for the next time
    try {
      this.#selection ??= selectObjects(this.#plan, this.#source);
      const missing = this.#plan.reportMissing ? this.#selection.missing : [];
      this.#picture = keepSame(this.#picture, { objects: this.#read(this.#selection, changed), missing });
      return this.#picture;
    } catch (error) {
      this.#selection = undefined;
      for (const moid of changed) this.#changed.add(moid);
      throw error;
    }
  }

  #read({ objects }: Selection, changed: ReadonlySet<string>): ReadonlyMap<string, ObjectPicture> {
    const pictures = new Map<string, ObjectPicture>();
    for (const [moid, selected] of objects) {
      const known = this.#picture.objects.get(moid);
      pictures.set(moid, known !== undefined && !changed.has(moid) ? known : this.#readObject(selected, known));
    }
    return pictures;
  }

  #readObject({ object: selected, paths }: SelectedObject, known: ObjectPicture | undefined): ObjectPicture {
    // Found anew, for what the selection holds may show the object as it was then.
    const object = this.#source.find(selected.ref) ?? selected;
    const readings = readPaths(this.#source, object, paths);
    const shared = findShared(object, paths);
    for (const picture of [known, shared]) if (picture !== undefined && isSameReadings(picture.readings, readings)) return picture;
    const picture = { ref: object.ref, readings: keepReadings((known ?? shared)?.readings, readings) };
    share(object, paths, picture);
    return picture;
  }
}

/** The old picture when the new one says the same. */
function keepSame(old: Picture, now: Picture): Picture {
  const sameObjects = old.objects.size === now.objects.size && [...now.objects].every(([moid, object]) => old.objects.get(moid) === object);
  const sameMissing = old.missing.length === now.missing.length && now.missing.every((ref, i) => ref.value === old.missing[i]?.value);
  return sameObjects && sameMissing ? old : now;
}

function isSameReadings(old: Readings, now: Readings): boolean {
  if (old.size !== now.size) return false;
  for (const [path, reading] of now) {
    const known = old.get(path);
    if (known === undefined || !isSameReading(known, reading)) return false;
  }
  return true;
}

/** Old readings where they still hold, copies of the new ones elsewhere: whoever owns a value may change it in place. */
function keepReadings(old: Readings | undefined, now: Readings): Readings {
  const kept = new Map<string, Reading>();
  for (const [path, reading] of now) {
    const known = old?.get(path);
    if (known !== undefined && isSameReading(known, reading)) kept.set(path, known);
    else kept.set(path, reading.kind === "set" ? { kind: "set", value: copyValue(reading.value) } : reading);
  }
  return kept;
}
