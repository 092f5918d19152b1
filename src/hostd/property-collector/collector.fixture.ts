/** A collector over objects in memory, the filters that its tests make, and what it tells in short lines. */
import type { MoRef, ObjectUpdate, PropertyFilterSpec, PropertySpec, SelectionSpec, UpdateSet } from "../../wire/index.ts";
import { PropertyCollectorState } from "./collector.ts";
import { type SourceInMemory, vmProperties } from "./source-in-memory.ts";

export const VM: MoRef = { type: "VirtualMachine", value: "1" };
export const FOLDER: MoRef = { type: "Folder", value: "vm" };
const CHILDREN = { $type: "TraversalSpec", type: "Folder", path: "childEntity" } as SelectionSpec;
export const never: AbortSignal = new AbortController().signal;
export const NOW = { maxWaitSeconds: 0 };

export function collectorOf(source: SourceInMemory): PropertyCollectorState {
  let ids = 0;
  return new PropertyCollectorState({ type: "PropertyCollector", value: "pc" }, source, () => `session[s]${++ids}`);
}
export const watch = (obj: MoRef, ...pathSet: readonly string[]): PropertyFilterSpec => ({
  propSet: [{ type: obj.type, pathSet }],
  objectSet: [{ obj }],
});
export const vmsIn = (propSet: readonly PropertySpec[], obj = FOLDER): PropertyFilterSpec => ({
  propSet,
  objectSet: [{ obj, skip: true, selectSet: [CHILDREN] }],
});
export const vmNames = vmsIn([{ type: "VirtualMachine", pathSet: ["name"] }]);

/** `kind moid: op path=value, …` of every object update. */
export function told(set: UpdateSet | undefined): readonly string[] {
  return (set?.filterSet ?? []).flatMap(({ objectSet }) => (objectSet ?? []).map(describeUpdate));
}
function describeUpdate({ kind, obj, changeSet }: ObjectUpdate): string {
  const changes = (changeSet ?? []).map(({ name, op, val }) => `${op} ${name}${val === undefined ? "" : `=${JSON.stringify(val.value)}`}`);
  return `${kind} ${obj.value}${changes.length === 0 ? "" : `: ${changes.join(", ")}`}`;
}
export function rename(source: SourceInMemory, moid: string, name: string): void {
  source.put("VirtualMachine", moid, { ...vmProperties(moid), name });
}
