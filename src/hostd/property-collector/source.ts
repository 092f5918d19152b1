/** What the PropertyCollector reads from: the inventory as one session sees it. */
import type { Fault } from "../../base/index.ts";
import type { MoRef } from "../../wire/index.ts";
import type { ManagedObjectInstance, Reader } from "../managed-object.ts";

export interface PropertySource {
  readonly reader: Reader;
  /** The object, or undefined when there is none of that id and type for this session. */
  find(ref: MoRef): ManagedObjectInstance | undefined;
  /** Why this session may not read the object (NoPermission, NotAuthenticated), or undefined when it may. */
  refusal(ref: MoRef): Fault | undefined;
  /** Calls `listener` after something about the object changed: a property, its coming or its going. Returns how to stop. */
  onChange(listener: (ref: MoRef) => void): () => void;
}
