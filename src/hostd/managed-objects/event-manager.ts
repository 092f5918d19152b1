/** vim25 EventManager: what happened, by filter. History collectors come with the whole vSphere API. */
import type { HostAgent } from "../agent.ts";
import type { ManagedObjectType } from "../managed-object.ts";

const EVENT_CATEGORIES = ["info", "warning", "error", "user"] as const;

export const eventManager = {
  type: "EventManager",
  properties: {
    description: () => ({
      category: EVENT_CATEGORIES.map((key) => ({ $type: "ElementDescription", key, label: key, summary: key })),
      eventInfo: [],
    }),
    latestEvent: (agent) => agent.events.latest(),
    maxCollector: () => 0,
  },
  methods: {
    QueryEvents: (agent, { filter }) => agent.events.query(filter),
  },
} as const satisfies ManagedObjectType<"EventManager", HostAgent>;
