/** vim25 ViewManager, ContainerView and ListView: the wire methods of views/. A view lives as long as its session. */
import type { MoRef } from "../../wire/index.ts";
import { fault } from "../../wire/index.ts";
import { type Call, type HostAgent, sessionOf } from "../agent.ts";
import { type BoundObject, bind, type ManagedObjectType } from "../managed-object.ts";
import { sourceFor } from "../property-source.ts";
import { ContainerView } from "../views/container-view.ts";
import { ListView } from "../views/list-view.ts";

export const viewManager = {
  type: "ViewManager",
  properties: { viewList: () => [] },
  methods: {
    CreateContainerView(agent, { container, type, recursive }, call) {
      const ref = newRef("ContainerView", call);
      const spec = { container, types: type ?? [], recursive };
      const view = new ContainerView(ref, spec, sourceFor(agent, sessionOf(call)), (changed) => agent.changes.changed(changed));
      return keep(call, view, bind(containerView, ref.value, view));
    },
    CreateListView(agent, { obj }, call) {
      const ref = newRef("ListView", call);
      const view = new ListView(ref, obj ?? [], sourceFor(agent, sessionOf(call)), (changed) => agent.changes.changed(changed));
      return keep(call, view, bind(listView, ref.value, view));
    },
  },
} as const satisfies ManagedObjectType<"ViewManager", HostAgent>;

export const containerView = {
  type: "ContainerView",
  properties: {
    view: (self) => self.view,
    container: (self) => self.container,
    type: (self) => self.type,
    recursive: (self) => self.recursive,
  },
  methods: { DestroyView: (self, _, call) => sessionOf(call).removeObject(self.ref.value) },
} as const satisfies ManagedObjectType<"ContainerView", ContainerView>;

export const listView = {
  type: "ListView",
  properties: { view: (self) => self.view },
  methods: {
    ModifyListView: (self, { add, remove }) => self.modify(add, remove),
    ResetListView: (self, { obj }) => self.reset(obj),
    ResetListViewFromView(self, { view }, call) {
      const found = call.agent.inventory.find(view.value, sessionOf(call));
      if (found === undefined) {
        throw fault("ManagedObjectNotFound", "The object has already been deleted or has not been completely created", { obj: view });
      }
      self.reset(found.read("view", { sessionKey: undefined, userName: undefined }) as readonly MoRef[] | undefined);
    },
    DestroyView: (self, _, call) => sessionOf(call).removeObject(self.ref.value),
  },
} as const satisfies ManagedObjectType<"ListView", ListView>;

function newRef<T extends string>(type: T, call: Call): MoRef<T> {
  return { type, value: sessionOf(call).newMoid() };
}

function keep<T extends ContainerView | ListView>(call: Call, view: T, instance: BoundObject): T["ref"] {
  sessionOf(call).addObject({ instance, dispose: () => view.dispose() });
  return view.ref;
}
