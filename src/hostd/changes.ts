/** Who is told when something about a managed object changes: filters and views that wait. */
import type { MoRef } from "../wire/index.ts";

export class Changes {
  readonly #listeners = new Set<(ref: MoRef) => void>();

  /** Calls `listener` for every change until the returned function is called. */
  onChange(listener: (ref: MoRef) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Says that a property of each object may have a new value, or that the object came or went. */
  changed(...refs: readonly MoRef[]): void {
    for (const ref of refs) for (const listener of this.#listeners) listener(ref);
  }
}
