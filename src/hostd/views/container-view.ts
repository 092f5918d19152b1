/** vim25 ContainerView: the entities in a container, always as they are now. Source: the vSphere Web Services API on the wire. */
import { fault, findManagedObjectType, isSubtype, type MoRef } from "../../wire/index.ts";
import { notFound } from "../property-collector/collect.ts";
import type { PropertySource } from "../property-collector/source.ts";
import { childrenOf, isContainerType } from "./children.ts";

export interface ContainerViewSpec {
  /** Where the view begins; it is not in the view itself. */
  readonly container: MoRef;
  /** Which types are in the view, base types included; none means every entity. */
  readonly types: readonly string[];
  /** Whether what lies in containers within the container is in the view, too. */
  readonly recursive: boolean;
}

export class ContainerView {
  readonly ref: MoRef<"ContainerView">;
  readonly container: MoRef;
  readonly type: readonly string[];
  readonly recursive: boolean;
  readonly #source: PropertySource;
  readonly #stopListening: () => void;
  /** Ids of everything in which something may come or go. */
  #containers: ReadonlySet<string> = new Set();

  /**
   * @param spec untrusted
   * @param signal is called with the view when its members may have changed
   * @throws {Fault} ManagedObjectNotFound, InvalidArgument
   */
  constructor(
    ref: MoRef<"ContainerView">,
    { container, types, recursive }: ContainerViewSpec,
    source: PropertySource,
    signal: (ref: MoRef) => void,
  ) {
    const found = source.find(container);
    if (found === undefined) throw notFound(container);
    if (!isContainerType(found.ref.type)) throw invalid("container");
    if (!types.every((type) => findManagedObjectType(type) !== undefined)) throw invalid("type");
    this.ref = ref;
    this.container = found.ref;
    this.type = types;
    this.recursive = recursive;
    this.#source = source;
    this.#containers = this.#walk().containers;
    this.#stopListening = source.onChange((changed) => {
      if (this.#containers.has(changed.value)) signal(ref);
    });
  }

  /** Each member once, without those that the view's session may not see. */
  get view(): readonly MoRef[] {
    const { members, containers } = this.#walk();
    this.#containers = containers;
    const wanted = this.type.length === 0 ? ["ManagedEntity"] : this.type;
    return members.filter((member) => wanted.some((type) => isSubtype(member.type, type)) && this.#source.refusal(member) === undefined);
  }

  dispose(): void {
    this.#stopListening();
  }

  #walk(): { readonly members: readonly MoRef[]; readonly containers: ReadonlySet<string> } {
    const members = new Map<string, MoRef>();
    const containers = new Set([this.container.value]);
    const waiting = [this.container];
    for (const container of waiting) {
      for (const child of childrenOf(this.#source, container)) {
        if (members.has(child.value)) continue; // a VM is in its folder and in its resource pool
        members.set(child.value, child);
        if (!this.recursive || !isContainerType(child.type)) continue;
        containers.add(child.value);
        waiting.push(child);
      }
    }
    return { members: [...members.values()], containers };
  }
}

function invalid(property: string) {
  return fault("InvalidArgument", `A specified parameter was not correct: ${property}`, { invalidProperty: property });
}
