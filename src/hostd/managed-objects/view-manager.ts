/** vim25 ViewManager, ContainerView and ListView: the wire methods of views/. A view lives as long as its session. */
import type { MoRef } from "../../wire/index.ts";
import { fault, isSubtype } from "../../wire/index.ts";
import { type Call, type HostAgent, sessionOf } from "../agent.ts";
import { type BoundObject, bind, type ManagedObjectType } from "../managed-object.ts";
import { sourceFor } from "../property-source.ts";
import { ContainerView } from "../views/container-view.ts";
import { InventoryView } from "../views/inventory-view.ts";
import { ListView } from "../views/list-view.ts";

const VIEW_MANAGER = { type: "ViewManager", value: "ViewManager" } as const;

export const viewManager = {
  type: "ViewManager",
  properties: {
    viewList: (agent, { sessionKey }) =>
      agent.sessions
        .list()
        .find(({ key }) => key === sessionKey)
        ?.objectsOf("View") ?? [],
  },
  methods: {
    CreateContainerView(agent, { container, type, recursive }, call) {
      const ref = newRef("ContainerView", call);
      const spec = { container, types: type ?? [], recursive };
      const view = new ContainerView(ref, spec, sourceFor(agent, sessionOf(call)), (changed) => agent.changes.changed(changed));
      return keep(call, view, bind(containerView, ref.value, view));
    },
    CreateListView: (agent, { obj }, call) => createListView(agent, obj ?? [], call),
    CreateListViewFromView: (agent, { view }, call) => createListView(agent, membersOf(view, call), call),
    CreateInventoryView(agent, _, call) {
      const ref = newRef("InventoryView", call);
      const view = new InventoryView(ref, sourceFor(agent, sessionOf(call)), (changed) => agent.changes.changed(changed));
      return keep(call, view, bind(inventoryView, ref.value, view));
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
  methods: { DestroyView: (self, _, call) => destroyView(self.ref, call) },
} as const satisfies ManagedObjectType<"ContainerView", ContainerView>;

export const inventoryView = {
  type: "InventoryView",
  properties: { view: (self) => self.view },
  methods: {
    OpenInventoryViewFolder: (self, { entity }) => self.open(entity),
    CloseInventoryViewFolder: (self, { entity }) => self.close(entity),
    DestroyView: (self, _, call) => destroyView(self.ref, call),
  },
} as const satisfies ManagedObjectType<"InventoryView", InventoryView>;

export const listView = {
  type: "ListView",
  properties: { view: (self) => self.view },
  methods: {
    ModifyListView: (self, { add, remove }) => self.modify(add, remove),
    ResetListView: (self, { obj }) => self.reset(obj),
    ResetListViewFromView(self, { view }, call) {
      self.reset(membersOf(view, call));
    },
    DestroyView: (self, _, call) => destroyView(self.ref, call),
  },
} as const satisfies ManagedObjectType<"ListView", ListView>;

function newRef<T extends string>(type: T, call: Call): MoRef<T> {
  return { type, value: sessionOf(call).newMoid() };
}

function keep<T extends ContainerView | InventoryView | ListView>(call: Call, view: T, instance: BoundObject): T["ref"] {
  sessionOf(call).addObject({ instance, dispose: () => view.dispose() });
  call.agent.changes.changed(VIEW_MANAGER);
  return view.ref;
}

function destroyView({ value }: MoRef, call: Call): void {
  sessionOf(call).removeObject(value);
  call.agent.changes.changed(VIEW_MANAGER);
}

function createListView(agent: HostAgent, objects: readonly MoRef[], call: Call): MoRef<"ListView"> {
  const ref = newRef("ListView", call);
  const view = new ListView(ref, objects, sourceFor(agent, sessionOf(call)), (changed) => agent.changes.changed(changed));
  return keep(call, view, bind(listView, ref.value, view));
}

/** What is in a view of the caller's own session now. */
function membersOf(view: MoRef<"View">, call: Call): readonly MoRef[] {
  const found = sessionOf(call).findObject(view.value)?.instance;
  if (found === undefined || !isSubtype(found.ref.type, "View")) {
    throw fault("ManagedObjectNotFound", "The object has already been deleted or has not been completely created", { obj: view });
  }
  return (found.read("view", { sessionKey: undefined, userName: undefined }) as readonly MoRef[] | undefined) ?? [];
}
