/** Which objects a filter reports: from its roots along its traversals. Only reads. Source: the vSphere Web Services API on the wire. */
import { fault, isSubtype, type MoRef } from "../../wire/index.ts";
import type { ManagedObjectInstance } from "../managed-object.ts";
import type { FilterPlan, Traversal } from "./filter-plan.ts";
import type { PropertyPath } from "./property-path.ts";
import { readReferences } from "./reading.ts";
import type { PropertySource } from "./source.ts";

export interface Selection {
  /** What to report, each object once, by its id, in the order in which it was reached. */
  readonly objects: ReadonlyMap<string, SelectedObject>;
  /** Roots that are not there. */
  readonly missing: readonly MoRef[];
  /** Ids of the objects whose references were followed: when one of them changes, they may lead elsewhere. */
  readonly followed: ReadonlySet<string>;
  /** Ids that a root or a reference names and that nothing has: something may come to have them. */
  readonly lost: ReadonlySet<string>;
}

export interface SelectedObject {
  readonly object: ManagedObjectInstance;
  readonly paths: readonly PropertyPath[];
}

const OBJECTS_MAX = 20_000; // ten times what the largest host holds: VMs, their snapshots, tasks
const VISITS_MAX = 100_000; // objects × traversals; about a second of work that nobody can interrupt

/** @throws {Fault} InvalidArgument, when following the traversals takes more than a host has time for */
export function selectObjects(plan: FilterPlan, source: PropertySource): Selection {
  const objects = new Map<string, SelectedObject>();
  const missing: MoRef[] = [];
  const followed = new Set<string>();
  const lost = new Set<string>();
  const waiting: { readonly object: ManagedObjectInstance; readonly traversal: Traversal }[] = [];
  const visited = new Map<Traversal, Set<string>>();

  function reach(object: ManagedObjectInstance, skip: boolean, traversals: readonly Traversal[]): void {
    const { type, value } = object.ref;
    const paths = skip ? undefined : plan.pathsOf(type);
    if (paths !== undefined) objects.set(value, { object, paths });
    if (objects.size > OBJECTS_MAX) throw tooMuch(`reports more than ${OBJECTS_MAX} objects`);
    for (const traversal of traversals) {
      // An object is taken along each traversal once: cycles end here.
      if (!isSubtype(type, traversal.type) || seen(visited, traversal, value)) continue;
      followed.add(value);
      waiting.push({ object, traversal });
    }
  }

  for (const { ref, skip, traversals } of plan.roots) {
    const object = source.find(ref);
    if (object !== undefined) {
      reach(object, skip, traversals);
      continue;
    }
    missing.push(ref);
    lost.add(ref.value);
  }
  let visits = 0;
  for (const { object, traversal } of waiting) {
    for (const ref of readReferences(source, object, traversal.path)) {
      if (++visits > VISITS_MAX) throw tooMuch(`visits objects more than ${VISITS_MAX} times`);
      const next = source.find(ref);
      if (next === undefined) lost.add(ref.value);
      else reach(next, traversal.skip, traversal.next);
    }
  }
  return { objects, missing, followed, lost };
}

/** Whether the object has been taken along the traversal before; from now on it has. */
function seen(visited: Map<Traversal, Set<string>>, traversal: Traversal, moid: string): boolean {
  const moids = visited.get(traversal) ?? new Set();
  visited.set(traversal, moids);
  if (moids.has(moid)) return true;
  moids.add(moid);
  return false;
}

function tooMuch(problem: string) {
  return fault("InvalidArgument", `A specified parameter was not correct: the filter ${problem}.`, { invalidProperty: "specSet" });
}
