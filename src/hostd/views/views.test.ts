import { describe, expect, test } from "vitest";
import { fault, type MoRef } from "../../wire/index.ts";
import { PropertyCollectorState } from "../property-collector/collector.ts";
import { type SourceInMemory, smallHost, vmProperties } from "../property-collector/source-in-memory.ts";
import { ContainerView, type ContainerViewSpec } from "./container-view.ts";
import { ListView } from "./list-view.ts";

const ref = (type: string, value: string): MoRef => ({ type, value });
const ROOT = ref("Folder", "root");
const idsOf = (view: { readonly view: readonly MoRef[] }) => view.view.map(({ value }) => value);

function viewOf(spec: Partial<ContainerViewSpec>, source: SourceInMemory = smallHost()) {
  const signals: MoRef[] = [];
  const whole = { container: ROOT, types: [], recursive: true, ...spec };
  const view = new ContainerView(ref("ContainerView", "view"), whole, source, (changed) => {
    signals.push(changed);
    source.changes.changed(changed);
  });
  return { source, view, signals };
}

describe("a container view", () => {
  test.each<[string, Partial<ContainerViewSpec>, readonly string[]]>([
    [
      "no type holds every entity beneath, each once, without the container",
      {},
      ["dc", "host", "vm", "datastore", "network", "compute", "1", "2", "ha-host", "pool"],
    ],
    ["a base type holds every subclass", { types: ["ManagedEntity"], container: ref("Folder", "vm") }, ["1", "2"]],
    ["VirtualMachine holds the VMs", { types: ["VirtualMachine"] }, ["1", "2"]],
    ["two types holds both", { types: ["VirtualMachine", "HostSystem"] }, ["1", "2", "ha-host"]],
    ["a type that is no entity holds nothing", { types: ["Task"] }, []],
    [
      "recursive=false holds the direct children",
      { recursive: false, container: ref("Datacenter", "dc") },
      ["host", "vm", "datastore", "network"],
    ],
    ["a type and recursive=false does not look further", { recursive: false, types: ["VirtualMachine"] }, []],
    [
      "a compute resource holds its host, its pool and their VMs",
      { container: ref("ComputeResource", "compute") },
      ["ha-host", "pool", "1", "2"],
    ],
    ["a resource pool holds its VMs", { container: ref("ResourcePool", "pool") }, ["1", "2"]],
    ["a host holds its VMs", { container: ref("HostSystem", "ha-host") }, ["1", "2"]],
    ["a container by its base type is that container", { container: ref("ManagedEntity", "vm") }, ["1", "2"]],
  ])("with %s", (_, spec, ids) => {
    expect(idsOf(viewOf(spec).view)).toEqual(ids);
  });

  test.each<[string, Partial<ContainerViewSpec>, object]>([
    ["of an unknown container", { container: ref("Folder", "nowhere") }, { fault: "ManagedObjectNotFound" }],
    ["of a VM", { container: ref("VirtualMachine", "1") }, { fault: "InvalidArgument", fields: { invalidProperty: "container" } }],
    ["of an unknown type", { types: ["Submarine"] }, { fault: "InvalidArgument", fields: { invalidProperty: "type" } }],
  ])("%s is not made", (_, spec, thrown) => {
    expect(() => viewOf(spec)).toThrow(expect.objectContaining(thrown));
  });

  test("shows nothing of what its session may not see", () => {
    const source = smallHost();
    source.refuse("vm", fault("NoPermission", "denied", { object: ROOT, privilegeId: "System.View" }));
    source.refuse("compute", fault("NoPermission", "denied", { object: ROOT, privilegeId: "System.View" }));
    expect(idsOf(viewOf({ types: ["VirtualMachine"] }, source).view)).toEqual([]);
  });

  test("holds no object that its session may not see, though its folder names it", () => {
    const source = smallHost();
    source.refuse("1", fault("NoPermission", "denied", { object: ROOT, privilegeId: "System.View" }));
    expect(idsOf(viewOf({ types: ["VirtualMachine"] }, source).view)).toEqual(["2"]);
  });

  test("is of the present, and tells when something may have come or gone", () => {
    const { source, view, signals } = viewOf({ types: ["VirtualMachine"] });
    source.put("VirtualMachine", "2", vmProperties("2"));
    expect(signals).toEqual([]); // a VM that changed came from nowhere and went nowhere
    source.put("VirtualMachine", "3", vmProperties("3"));
    source.put("Folder", "vm", { childEntity: [ref("VirtualMachine", "3")] });
    source.put("HostSystem", "ha-host", { vm: [] });
    source.put("ResourcePool", "pool", { vm: [] });
    expect(signals).not.toEqual([]);
    expect(idsOf(view)).toEqual(["3"]);
    view.dispose();
    signals.length = 0;
    source.put("Folder", "vm", { childEntity: [] });
    expect(signals).toEqual([]);
  });

  test("is empty once its container is gone", () => {
    const { source, view } = viewOf({ container: ref("ResourcePool", "pool") });
    source.remove("pool");
    expect(idsOf(view)).toEqual([]);
  });

  test("ends where containers contain each other", () => {
    const source = smallHost();
    source.put("Folder", "vm", { childEntity: [ref("Folder", "vm"), ROOT, ref("VirtualMachine", "1")] });
    expect(idsOf(viewOf({ types: ["VirtualMachine"] }, source).view)).toContain("1");
  });
});

describe("a list view", () => {
  function listOf(...objects: readonly MoRef[]) {
    const source = smallHost();
    const signals: MoRef[] = [];
    return { source, signals, view: new ListView(ref("ListView", "list"), objects, source, (changed) => signals.push(changed)) };
  }

  test("holds each object once, as long as it is there", () => {
    const { source, view, signals } = listOf(ref("VirtualMachine", "1"), ref("ManagedEntity", "1"), ref("HostSystem", "ha-host"));
    expect(view.view).toEqual([ref("VirtualMachine", "1"), ref("HostSystem", "ha-host")]);
    source.put("VirtualMachine", "1", vmProperties("1"));
    expect(signals).toEqual([]);
    source.remove("1");
    expect(signals).toEqual([view.ref]);
    expect(idsOf(view)).toEqual(["ha-host"]);
  });

  test("is modified and reset, gives back what is not there, and tells that it changed", () => {
    const { view, signals } = listOf(ref("VirtualMachine", "1"));
    const lost = ref("VirtualMachine", "9");
    expect(view.modify([ref("VirtualMachine", "2"), lost], [ref("VirtualMachine", "1")])).toEqual([lost]);
    expect(idsOf(view)).toEqual(["2"]);
    expect(view.reset([lost, ROOT])).toEqual([lost]);
    expect(idsOf(view)).toEqual(["root"]);
    expect(view.reset()).toEqual([]);
    expect(idsOf(view)).toEqual([]);
    expect(signals).toHaveLength(3);
  });

  test("of an object that is not there is not made", () => {
    expect(() => listOf(ref("VirtualMachine", "9"))).toThrow(expect.objectContaining({ fault: "ManagedObjectNotFound" }));
  });
});

test("a filter on a view tells of the VMs that come into it", async () => {
  const { source, view } = viewOf({ types: ["VirtualMachine"] });
  source.put("ContainerView", "view", { view: () => view.view });
  const collector = new PropertyCollectorState(ref("PropertyCollector", "pc"), source, () => "filter");
  const selectSet = [{ $type: "TraversalSpec", type: "ContainerView", path: "view" }];
  const spec = { propSet: [{ type: "VirtualMachine", pathSet: ["name"] }], objectSet: [{ obj: view.ref, skip: true, selectSet }] };
  collector.createFilter(spec, false);
  const first = collector.checkForUpdates("");
  expect(first?.filterSet?.[0]?.objectSet?.map(({ kind, obj }) => [kind, obj.value])).toEqual([
    ["enter", "1"],
    ["enter", "2"],
  ]);
  const answer = collector.waitForUpdates(first?.version, new AbortController().signal);
  source.put("VirtualMachine", "3", vmProperties("3"));
  source.put("Folder", "vm", { childEntity: ["1", "2", "3"].map((moid) => ref("VirtualMachine", moid)) });
  expect((await answer).filterSet?.[0]?.objectSet?.map(({ kind, obj }) => [kind, obj.value])).toEqual([["enter", "3"]]);
});
