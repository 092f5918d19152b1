/** vim25 PropertyCollector and PropertyFilter: the wire methods of property-collector/. */
import { sessionOf } from "../agent.ts";
import { bind, type ManagedObjectType } from "../managed-object.ts";
import { PropertyCollectorState } from "../property-collector/collector.ts";
import type { PropertyFilter } from "../property-collector/filter.ts";
import { sourceFor } from "../property-source.ts";

export const propertyCollector = {
  type: "PropertyCollector",
  properties: { filter: (self) => self.filters },
  methods: {
    RetrieveProperties: (self, { specSet }, { version }) => self.retrieveProperties(specSet, version),
    RetrievePropertiesEx: (self, { specSet, options }, { version }) => self.retrievePropertiesEx(specSet, options, version),
    ContinueRetrievePropertiesEx: (self, { token }) => self.continueRetrieve(token),
    CancelRetrievePropertiesEx: (self, { token }) => self.cancelRetrieve(token),
    CreateFilter(self, { spec, partialUpdates }, call) {
      const filter = self.createFilter(spec, partialUpdates, call.version);
      const instance = bind(propertyFilter, filter.ref.value, filter);
      sessionOf(call).addObject({ instance, dispose: () => self.destroyFilter(filter.ref.value) });
      return filter.ref;
    },
    WaitForUpdatesEx: (self, { version, options }, { signal }) => self.waitForUpdatesEx(version, options, signal),
    WaitForUpdates: (self, { version }, { signal }) => self.waitForUpdates(version, signal),
    CheckForUpdates: (self, { version }) => self.checkForUpdates(version),
    CancelWaitForUpdates: (self) => self.cancelWaitForUpdates(),
    CreatePropertyCollector(_, __, call) {
      const session = sessionOf(call);
      const ref = { type: "PropertyCollector", value: session.newMoid() };
      const state = new PropertyCollectorState(ref, sourceFor(call.agent, session), () => session.newMoid());
      const dispose = (): void => {
        for (const filter of state.filters) session.removeObject(filter.value);
        state.dispose();
      };
      session.addObject({ instance: bind(propertyCollector, ref.value, state), dispose });
      return ref;
    },
    DestroyPropertyCollector: (self, _, call) => sessionOf(call).removeObject(self.ref.value),
  },
} as const satisfies ManagedObjectType<"PropertyCollector", PropertyCollectorState>;

export const propertyFilter = {
  type: "PropertyFilter",
  properties: { spec: (self) => self.spec, partialUpdates: (self) => self.partialUpdates },
  methods: { DestroyPropertyFilter: (self, _, call) => sessionOf(call).removeObject(self.ref.value) },
} as const satisfies ManagedObjectType<"PropertyFilter", PropertyFilter>;
