/** vim25 ListView: the objects that a client put into it, as long as they are there. Source: the vSphere Web Services API on the wire. */
import { fault, type MoRef } from "../../wire/index.ts";
import { notFound } from "../property-collector/collect.ts";
import type { PropertySource } from "../property-collector/source.ts";

const OBJECTS_MAX = 20_000; // as many as a filter may report

export class ListView {
  readonly ref: MoRef<"ListView">;
  readonly #source: PropertySource;
  readonly #signal: (ref: MoRef) => void;
  readonly #stopListening: () => void;
  readonly #members = new Map<string, MoRef>();

  /**
   * @param signal is called with the view when its members may have changed
   * @throws {Fault} ManagedObjectNotFound, when one of the objects is not there
   */
  constructor(ref: MoRef<"ListView">, objects: readonly MoRef[], source: PropertySource, signal: (ref: MoRef) => void) {
    this.ref = ref;
    this.#source = source;
    this.#signal = signal;
    const [lost] = this.#add(objects);
    if (lost !== undefined) throw notFound(lost);
    this.#stopListening = source.onChange((changed) => {
      if (this.#members.has(changed.value) && source.find(changed) === undefined) signal(ref);
    });
  }

  get view(): readonly MoRef[] {
    return [...this.#members.values()].filter((member) => this.#source.find(member) !== undefined);
  }

  /** vim25 ModifyListView. @returns the objects that are not there to be added */
  modify(add: readonly MoRef[] = [], remove: readonly MoRef[] = []): readonly MoRef[] {
    for (const { value } of remove) this.#members.delete(value);
    const lost = this.#add(add);
    this.#signal(this.ref);
    return lost;
  }

  /** vim25 ResetListView and ResetListViewFromView: other objects instead. @returns those that are not there */
  reset(objects: readonly MoRef[] = []): readonly MoRef[] {
    this.#members.clear();
    return this.modify(objects);
  }

  dispose(): void {
    this.#stopListening();
  }

  #add(objects: readonly MoRef[]): readonly MoRef[] {
    const lost: MoRef[] = [];
    for (const object of objects) {
      const found = this.#source.find(object);
      if (found === undefined) lost.push(object);
      else this.#members.set(found.ref.value, found.ref);
    }
    if (this.#members.size > OBJECTS_MAX) throw fault("InvalidRequest", `a list view holds at most ${OBJECTS_MAX} objects`, {});
    return lost;
  }
}
