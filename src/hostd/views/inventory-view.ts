/**
 * vim25 InventoryView: the inventory as a tree that a client opens folder by folder: the root folder, and what lies directly in each
 * folder that is open. Source: the vSphere Web Services API.
 */
import { fault, type MoRef } from "../../wire/index.ts";
import { ROOT_FOLDER } from "../inventory-tree.ts";
import type { PropertySource } from "../property-collector/source.ts";
import { childrenOf, isContainerType } from "./children.ts";

const OPEN_MAX = 20_000; // as many as a list view holds

export class InventoryView {
  readonly ref: MoRef<"InventoryView">;
  readonly #source: PropertySource;
  readonly #signal: (ref: MoRef) => void;
  readonly #stopListening: () => void;
  readonly #open = new Set<string>();

  /** @param signal is called with the view when its members may have changed */
  constructor(ref: MoRef<"InventoryView">, source: PropertySource, signal: (ref: MoRef) => void) {
    this.ref = ref;
    this.#source = source;
    this.#signal = signal;
    this.#stopListening = source.onChange((changed) => {
      if (this.#open.has(changed.value)) signal(ref);
    });
  }

  /** Each once, without those that the view's session may not see. What lies in a closed folder is not in it, open or not. */
  get view(): readonly MoRef[] {
    const members = new Map<string, MoRef>();
    const waiting: MoRef[] = [ROOT_FOLDER];
    for (const entity of waiting) {
      if (members.has(entity.value) || this.#source.refusal(entity) !== undefined) continue;
      members.set(entity.value, entity);
      if (this.#open.has(entity.value)) waiting.push(...childrenOf(this.#source, entity));
    }
    return [...members.values()];
  }

  /** @returns those that are not there, or can hold nothing */
  open(entities: readonly MoRef[]): readonly MoRef[] {
    const lost = entities.filter((entity) => !this.#isFolder(entity));
    for (const entity of entities) if (!lost.includes(entity)) this.#open.add(entity.value);
    if (this.#open.size > OPEN_MAX) throw fault("InvalidRequest", `an inventory view has at most ${OPEN_MAX} open folders`, {});
    this.#signal(this.ref);
    return lost;
  }

  /** @returns those that are not there, or can hold nothing */
  close(entities: readonly MoRef[]): readonly MoRef[] {
    for (const { value } of entities) this.#open.delete(value);
    this.#signal(this.ref);
    return entities.filter((entity) => !this.#isFolder(entity));
  }

  dispose(): void {
    this.#stopListening();
  }

  #isFolder(entity: MoRef): boolean {
    const found = this.#source.find(entity);
    return found !== undefined && isContainerType(found.ref.type) && this.#source.refusal(entity) === undefined;
  }
}
