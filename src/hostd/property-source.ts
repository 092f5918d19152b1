/** The inventory as one session may read it. */
import { isSubtype } from "../wire/index.ts";
import type { HostAgent } from "./agent.ts";
import { refuseRead, subjectOf } from "./authorize.ts";
import type { PropertySource } from "./property-collector/source.ts";
import type { Session } from "./sessions.ts";

/** @param session undefined before login: then only what everyone may see can be read */
export function sourceFor(agent: HostAgent, session: Session | undefined): PropertySource {
  const userName = session?.userName;
  return {
    reader: { sessionKey: session?.key, userName },
    find(ref) {
      const object = agent.inventory.find(ref.value, session);
      return object !== undefined && isSubtype(object.ref.type, ref.type) ? object : undefined;
    },
    // A session's own views, filters and collectors are its own to read.
    refusal: (ref) =>
      session?.findObject(ref.value) === undefined
        ? refuseRead(ref, agent.inventory.pathOf(ref.value), subjectOf(agent, userName))
        : undefined,
    onChange: (listener) => agent.changes.onChange(listener),
  };
}
