/** vim25 EventManager and EventHistoryCollector: what happened, by filter, at once or page by page. */
import { fault, type MoRef } from "../../wire/index.ts";
import { type HostAgent, sessionOf } from "../agent.ts";
import { EVENT_CATEGORIES, eventDetails } from "../event-history/event-catalogue.ts";
import { EventCollector } from "../event-history/event-collector.ts";
import { bind, type ManagedObjectType } from "../managed-object.ts";
import { postClientEvent } from "../post-event.ts";
import { OBJECTS_PER_SESSION_MAX } from "../sessions.ts";

const USER_EVENT_LENGTH_MAX = 4096; // a note for people; the event log is no store

export const eventManager = {
  type: "EventManager",
  properties: {
    description: () => ({
      category: EVENT_CATEGORIES.map((key) => ({ $type: "ElementDescription", key, label: key, summary: key })),
      eventInfo: eventDetails,
    }),
    latestEvent: (agent) => agent.events.latest(),
    maxCollector: () => OBJECTS_PER_SESSION_MAX,
  },
  methods: {
    QueryEvents: (agent, { filter }) => agent.events.query(filter),
    CreateCollectorForEvents(agent, { filter }, call) {
      const session = sessionOf(call);
      const ref = { type: "EventHistoryCollector", value: session.newMoid() } as const;
      const collector = new EventCollector(ref, filter, agent.events, (changed) => agent.changes.changed(changed));
      session.addObject({ instance: bind(eventHistoryCollector, ref.value, collector), dispose: () => collector.dispose() });
      return ref;
    },
    PostEvent(agent, { eventToPost }, call) {
      const vm = eventToPost.vm === undefined ? undefined : agent.vms.find(eventToPost.vm.vm.value);
      if (eventToPost.vm !== undefined) requireEntity(agent, eventToPost.vm.vm);
      const context = { userName: sessionOf(call).userName, ...(vm && { vm: { ref: vm.ref, name: vm.name } }) };
      postClientEvent(agent.events, eventToPost, context);
    },
    LogUserEvent(agent, { entity, msg }, call) {
      const { name } = requireEntity(agent, entity);
      if (msg.length > USER_EVENT_LENGTH_MAX) {
        throw fault("InvalidArgument", `The event's text is longer than ${USER_EVENT_LENGTH_MAX} characters.`, { invalidProperty: "msg" });
      }
      const vm = agent.vms.find(entity.value);
      const context = { userName: sessionOf(call).userName, ...(vm && { vm: { ref: vm.ref, name: vm.name } }) };
      agent.events.post("GeneralUserEvent", msg, context, { message: msg, entity: { entity, name } });
    },
  },
} as const satisfies ManagedObjectType<"EventManager", HostAgent>;

export const eventHistoryCollector = {
  type: "EventHistoryCollector",
  properties: {
    filter: ({ filter }) => ({ anyType: "EventFilterSpec", value: filter }),
    latestPage: (self) => self.latestPage,
    initialized: () => true,
  },
  methods: {
    ReadNextEvents: (self, { maxCount }) => self.readNext(maxCount),
    ReadPreviousEvents: (self, { maxCount }) => self.readPrevious(maxCount),
    SetCollectorPageSize: (self, { maxCount }) => self.setPageSize(maxCount),
    RewindCollector: (self) => self.rewind(),
    ResetCollector: (self) => self.reset(),
    DestroyCollector: (self, _, call) => sessionOf(call).removeObject(self.ref.value),
  },
} as const satisfies ManagedObjectType<"EventHistoryCollector", EventCollector>;

function requireEntity({ inventory }: HostAgent, entity: MoRef): { readonly name: string } {
  const name = inventory.find(entity.value)?.read("name", { sessionKey: undefined, userName: undefined });
  if (typeof name === "string") return { name };
  throw fault("ManagedObjectNotFound", "The object has already been deleted or has not been completely created", { obj: entity });
}
