/** What a container of the inventory holds, as the properties of the containers say it. Only reads. Source: vim25 ContainerView. */
import { lineageOf, type MoRef } from "../../wire/index.ts";
import { topLevelPath } from "../property-collector/property-path.ts";
import { readReferences } from "../property-collector/reading.ts";
import type { PropertySource } from "../property-collector/source.ts";

/** Which properties lead to the children of an entity. */
const childProperties: ReadonlyMap<string, readonly string[]> = new Map([
  ["Folder", ["childEntity"]],
  ["Datacenter", ["hostFolder", "vmFolder", "datastoreFolder", "networkFolder"]],
  ["ComputeResource", ["host", "resourcePool"]],
  ["ResourcePool", ["resourcePool", "vm"]],
  ["HostSystem", ["vm"]],
]);

/** Whether entities of the type can hold others. */
export function isContainerType(type: string): boolean {
  return childPropertiesOf(type).length > 0;
}

/** The entities directly in a container that the source's session may see; none for what is no container. */
export function childrenOf(source: PropertySource, container: MoRef): readonly MoRef[] {
  const object = source.find(container);
  if (object === undefined) return [];
  return childPropertiesOf(object.ref.type).flatMap((property) => readReferences(source, object, topLevelPath(property)));
}

function childPropertiesOf(type: string): readonly string[] {
  return lineageOf(type).flatMap((name) => childProperties.get(name) ?? []);
}
