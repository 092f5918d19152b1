/**
 * A PropertyFilterSpec, checked and made ready: which objects to visit and what to read of each. Pure.
 * Everything here comes from the client and may be hostile. Source: the vSphere Web Services API on the wire.
 */
import type { Fault } from "../../base/index.ts";
import {
  fault,
  findManagedObjectType,
  isSubtype,
  knows,
  type MoRef,
  managedObjectType,
  NEWEST_VERSION,
  type PropertyFilterSpec,
  type PropertySpec,
  type SelectionSpec,
  type TraversalSpec,
} from "../../wire/index.ts";
import { checkPath, checkReferencePath, type PropertyPath, topLevelPath } from "./property-path.ts";

export interface FilterPlan {
  readonly roots: readonly Root[];
  /** Whether an object that a root names may be missing: it is reported as such, instead of failing the whole. */
  readonly reportMissing: boolean;
  /**
   * What to read of an object, each path once.
   * @param type the object's own type
   * @returns undefined when the filter does not report objects of that type
   */
  pathsOf(type: string): readonly PropertyPath[] | undefined;
}

/** An object to start from. */
export interface Root {
  readonly ref: MoRef;
  /** Visited only for what it leads to. */
  readonly skip: boolean;
  readonly traversals: readonly Traversal[];
}

/** A way from objects of a type to others; it may lead back to itself. */
export interface Traversal {
  readonly type: string;
  readonly path: PropertyPath;
  readonly skip: boolean;
  readonly next: readonly Traversal[];
}

const TRAVERSALS_MAX = 500; // the classic traversal of a whole vCenter has about ten
const PATHS_MAX = 5000; // of one filter; clients that mean everything say all=true
const ROOTS_MAX = 20_000; // every object of the largest inventory, named one by one

/**
 * @param version of the API that the client speaks: "all" is all that it knows
 * @throws {Fault} InvalidProperty, InvalidArgument
 */
export function planFilter(spec: PropertyFilterSpec, version = NEWEST_VERSION): FilterPlan {
  if (spec.objectSet.length > ROOTS_MAX) throw invalid("objectSet", `names more than ${ROOTS_MAX} objects`);
  const traversals = planTraversals(spec);
  const roots = spec.objectSet.map(({ obj, skip, selectSet }) => ({ ref: obj, skip: skip === true, traversals: traversals(selectSet) }));
  const readSets = planReadSets(spec.propSet);
  const known = new Map<string, readonly PropertyPath[] | undefined>();
  return {
    roots,
    reportMissing: spec.reportMissingObjectsInResults === true,
    pathsOf(type) {
      if (!known.has(type)) known.set(type, mergePaths(type, readSets, version));
      return known.get(type);
    },
  };
}

/** A PropertySpec with its paths checked. */
interface ReadSet {
  readonly type: string;
  readonly all: boolean;
  readonly paths: readonly PropertyPath[];
}

function planReadSets(propSet: readonly PropertySpec[]): readonly ReadSet[] {
  const count = propSet.reduce((sum, { pathSet }) => sum + (pathSet?.length ?? 0), propSet.length);
  if (count > PATHS_MAX) throw invalid("propSet", `asks for more than ${PATHS_MAX} properties`);
  return propSet.map(({ type, all, pathSet }) => {
    requireType(type, "propSet.type");
    return { type, all: all === true, paths: (pathSet ?? []).map((path) => checkPath(type, path)) };
  });
}

function mergePaths(type: string, readSets: readonly ReadSet[], version: string): readonly PropertyPath[] | undefined {
  const matching = readSets.filter((readSet) => isSubtype(type, readSet.type));
  if (matching.length === 0) return undefined;
  const paths = new Map<string, PropertyPath>();
  for (const { all, paths: own } of matching) {
    const properties = all ? managedObjectType(type).properties : [];
    for (const [name, { version: since }] of properties) if (knows(version, since)) paths.set(name, topLevelPath(name));
    for (const path of own) paths.set(path.text, path);
  }
  return [...paths.values()];
}

/** A traversal while its onward ways are being looked up: they may lead to any other. */
interface OpenTraversal extends Traversal {
  next: readonly Traversal[];
}

/** Reads all traversals of a spec, then links them by name. @returns what a selectSet stands for */
function planTraversals(spec: PropertyFilterSpec): (selectSet: readonly SelectionSpec[] | undefined) => readonly Traversal[] {
  const bySpec = new Map<TraversalSpec, OpenTraversal>();
  const byName = new Map<string, OpenTraversal>();
  const waiting = spec.objectSet.flatMap(({ selectSet }) => selectSet ?? []);
  for (let selection = waiting.pop(); selection !== undefined; selection = waiting.pop()) {
    if (!isTraversal(selection)) continue;
    if (bySpec.size >= TRAVERSALS_MAX) throw invalid("selectSet", `has more than ${TRAVERSALS_MAX} traversals`);
    const { type, path, skip, name, selectSet } = selection;
    requireType(type, "selectSet.type");
    const traversal = { type, path: checkReferencePath(type, path), skip: skip === true, next: [] };
    bySpec.set(selection, traversal);
    if (name !== undefined) byName.set(name, traversal);
    waiting.push(...(selectSet ?? []));
  }
  const resolve = (selectSet: readonly SelectionSpec[] | undefined): readonly Traversal[] =>
    (selectSet ?? []).map((selection) => {
      const found = isTraversal(selection) ? bySpec.get(selection) : byName.get(selection.name ?? "");
      if (found === undefined) throw invalid("selectSet.name", "names no traversal of this filter");
      return found;
    });
  for (const [{ selectSet }, traversal] of bySpec) traversal.next = resolve(selectSet);
  return resolve;
}

function isTraversal(selection: SelectionSpec): selection is TraversalSpec {
  return selection.$type === "TraversalSpec";
}

function requireType(type: string, property: string): void {
  if (findManagedObjectType(type) === undefined) throw invalid(property, "names no managed object type");
}

function invalid(property: string, problem: string): Fault {
  return fault("InvalidArgument", `A specified parameter was not correct: ${property} ${problem}.`, { invalidProperty: property });
}
