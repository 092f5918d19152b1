import { describe, expect, test } from "vitest";
import { fault, type MoRef, type ObjectSpec, type PropertyFilterSpec, type PropertySpec, type SelectionSpec } from "../../wire/index.ts";
import { collect, fetchProperty } from "./collect.ts";
import { SourceInMemory, smallHost } from "./source-in-memory.ts";

const VM: MoRef = { type: "VirtualMachine", value: "1" };
const ROOT: MoRef = { type: "Folder", value: "root" };

const spec = (propSet: readonly PropertySpec[], ...objectSet: readonly ObjectSpec[]): PropertyFilterSpec => ({ propSet, objectSet });
const traverse = (type: string, path: string, more: object = {}): SelectionSpec =>
  ({ $type: "TraversalSpec", type, path, ...more }) as SelectionSpec;
const byName = (name: string): SelectionSpec => ({ name });
const names: readonly PropertySpec[] = [{ type: "ManagedEntity", pathSet: ["name"] }];
const valuesOf = (path: string, vm = VM): unknown =>
  collect([spec([{ type: "VirtualMachine", pathSet: [path] }], { obj: vm })], smallHost())[0]?.propSet?.[0]?.val;

/** The walk of the whole inventory that clients do, from the root folder down. */
const wholeTree: readonly SelectionSpec[] = [
  traverse("Folder", "childEntity", { name: "folder", selectSet: ["folder", "dcVm", "dcHost", "compute"].map(byName) }),
  traverse("Datacenter", "vmFolder", { name: "dcVm", selectSet: [byName("folder")] }),
  traverse("Datacenter", "hostFolder", { name: "dcHost", selectSet: [byName("folder")] }),
  traverse("ComputeResource", "host", { name: "compute", selectSet: [] }),
];

describe("values", () => {
  test.each([
    ["a string", "name", { anyType: "string", value: "vm-1" }],
    ["an enumeration", "summary.runtime.powerState", { anyType: "VirtualMachinePowerState", value: "poweredOff" }],
    ["a reference, as the type that it is", "parent", { anyType: "Folder", value: { type: "Folder", value: "vm" } }],
    ["a scalar of an item by number", "config.hardware.device[4000].deviceInfo.label", { anyType: "string", value: "Network adapter 1" }],
    ["what only a subclass has", "config.hardware.device[4000].macAddress", { anyType: "string", value: "00:0c:29:00:00:01" }],
    ["an anyType, as the type that it holds", 'config.extraConfig["guestinfo.b"].value', { anyType: "string", value: "x" }],
    ["an item whose key has quotes", 'config.extraConfig["odd\\"k\\\\y]."].value', { anyType: "int", value: 7 }],
    ["an empty array that is set", "config.cpuFeatureMask", { anyType: "HostCpuIdInfo[]", value: [] }],
  ])("%s", (_, path, value) => {
    expect(valuesOf(path)).toEqual(value);
  });

  test("an array has the type of its declaration, and an item its own", () => {
    expect(valuesOf("config.hardware.device")).toMatchObject({ anyType: "VirtualDevice[]", value: [{ key: 4000 }, { key: 2000 }] });
    expect(valuesOf("config.hardware.device[4000]")).toMatchObject({ anyType: "VirtualE1000e", value: { key: 4000 } });
  });

  test.each([
    ["an unset property", "config.annotation"],
    ["an unset property on the way", "snapshot.currentSnapshot"],
    ["an item of no such number", "config.hardware.device[9]"],
    ["a property of an item that is not there", "config.hardware.device[9].deviceInfo.label"],
    ["a property of another subclass", "config.hardware.device[2000].macAddress"],
  ])("%s is neither in propSet nor in missingSet", (_, path) => {
    const [content] = collect([spec([{ type: "VirtualMachine", pathSet: [path] }], { obj: VM })], smallHost());
    expect(content).toEqual({ obj: VM });
  });
});

describe("what is asked of an object", () => {
  test("several propSets that fit merge, and the same path comes once", () => {
    const propSet = [
      { type: "ManagedEntity", pathSet: ["name", "parent"] },
      { type: "VirtualMachine", pathSet: ["name", "config.name"] },
      { type: "HostSystem", pathSet: ["hardware"] },
    ];
    const [content] = collect([spec(propSet, { obj: VM })], smallHost());
    expect(content?.propSet?.map(({ name }) => name)).toEqual(["name", "parent", "config.name"]);
  });

  test("all=true is every property of the object's own type that is set", () => {
    const [content] = collect([spec([{ type: "ManagedEntity", all: true }], { obj: VM })], smallHost());
    expect(content?.propSet?.map(({ name }) => name).toSorted()).toEqual(["config", "name", "parent", "runtime", "summary"]);
  });

  test("all=true is to an older client what its version knows", () => {
    const source = new SourceInMemory();
    const collector = source.put("EventHistoryCollector", "c", { filter: { anyType: "string", value: "" }, initialized: true });
    const namesTo = (version?: string) =>
      collect([spec([{ type: "HistoryCollector", all: true }], { obj: collector })], source, version)[0]?.propSet?.map(({ name }) => name);
    expect(namesTo("6.7.1")).toEqual(["filter"]);
    expect(namesTo()).toEqual(["filter", "initialized"]);
  });

  test("no path at all still reports the object", () => {
    expect(collect([spec([{ type: "VirtualMachine" }], { obj: VM })], smallHost())).toEqual([{ obj: VM }]);
  });

  test("an object of a type that no propSet names is not reported", () => {
    expect(collect([spec([{ type: "HostSystem", all: true }], { obj: VM })], smallHost())).toEqual([]);
  });

  test("a reference by a base type is answered by the object's own", () => {
    const [content] = collect([spec(names, { obj: { type: "ManagedEntity", value: "1" } })], smallHost());
    expect(content?.obj).toEqual(VM);
  });

  test("an object in several specs comes once, with all that they ask for", () => {
    const result = collect(
      [spec(names, { obj: VM }, { obj: VM }), spec([{ type: "VirtualMachine", pathSet: ["runtime.powerState"] }], { obj: VM })],
      smallHost(),
    );
    expect(result.map(({ propSet }) => propSet?.map(({ name }) => name))).toEqual([["name", "runtime.powerState"]]);
  });

  test("a property is read once for all paths into it", () => {
    const source = smallHost();
    collect([spec([{ type: "VirtualMachine", pathSet: ["config.name", "config.hardware.numCPU", "config"] }], { obj: VM })], source);
    expect(source.reads.get("1.config")).toBe(1);
  });
});

describe("traversals", () => {
  test("the whole inventory is walked by named selections, each object once", () => {
    const result = collect([spec(names, { obj: ROOT, selectSet: wholeTree })], smallHost());
    expect(result.map(({ obj }) => obj.value)).toEqual(["root", "dc", "vm", "host", "1", "2", "compute", "ha-host"]);
  });

  test("an object with skip is not reported, and is walked through", () => {
    const selectSet = [traverse("Datacenter", "vmFolder", { skip: true, selectSet: [traverse("Folder", "childEntity")] })];
    const result = collect([spec(names, { obj: { type: "Datacenter", value: "dc" }, skip: true, selectSet })], smallHost());
    expect(result.map(({ obj }) => obj.value)).toEqual(["1", "2"]);
  });

  test("a nested path leads to an object", () => {
    const selectSet = [traverse("VirtualMachine", "runtime.host")];
    expect(collect([spec(names, { obj: VM, skip: true, selectSet })], smallHost()).map(({ obj }) => obj.value)).toEqual(["ha-host"]);
  });

  test("a traversal that leads to itself goes up to the root and ends", () => {
    const selectSet = [traverse("ManagedEntity", "parent", { name: "up", selectSet: [byName("up")] })];
    expect(collect([spec(names, { obj: VM, selectSet })], smallHost()).map(({ obj }) => obj.value)).toEqual(["1", "vm", "dc", "root"]);
  });

  test("objects that refer to each other are each reported once", () => {
    const source = new SourceInMemory();
    const [a, b] = [source.put("Folder", "a", {}), source.put("Folder", "b", {})];
    source.put("Folder", "a", { name: "a", childEntity: [b, a] });
    source.put("Folder", "b", { name: "b", childEntity: [a] });
    const selectSet = [traverse("Folder", "childEntity", { name: "down", selectSet: [byName("down")] })];
    expect(collect([spec(names, { obj: a, selectSet })], source).map(({ obj }) => obj.value)).toEqual(["a", "b"]);
  });

  test("a traversal for another type leads nowhere", () => {
    const selectSet = [traverse("Datacenter", "vmFolder")];
    expect(collect([spec(names, { obj: ROOT, skip: true, selectSet })], smallHost())).toEqual([]);
  });

  test("a reference to an object that is gone leads nowhere", () => {
    const source = smallHost();
    source.remove("2");
    const result = collect(
      [spec(names, { obj: { type: "Folder", value: "vm" }, skip: true, selectSet: [traverse("Folder", "childEntity")] })],
      source,
    );
    expect(result.map(({ obj }) => obj.value)).toEqual(["1"]);
  });

  test("what may not be read leads nowhere", () => {
    const source = smallHost();
    source.refuse("vm", fault("NoPermission", "denied", { object: ROOT, privilegeId: "System.Read" }));
    const result = collect(
      [spec(names, { obj: { type: "Folder", value: "vm" }, skip: true, selectSet: [traverse("Folder", "childEntity")] })],
      source,
    );
    expect(result).toEqual([]);
  });
});

describe("faults", () => {
  const selecting = (...selectSet: readonly SelectionSpec[]) => spec(names, { obj: ROOT, selectSet });
  test.each<[string, PropertyFilterSpec, object]>([
    [
      "an unknown property",
      spec([{ type: "VirtualMachine", pathSet: ["bogus"] }], { obj: VM }),
      { fault: "InvalidProperty", fields: { name: "bogus" } },
    ],
    ["an unknown type", spec([{ type: "Submarine" }], { obj: VM }), { fault: "InvalidArgument" }],
    ["a data object's type", spec([{ type: "VirtualDisk" }], { obj: VM }), { fault: "InvalidArgument" }],
    ["a name that JavaScript objects have", spec([{ type: "constructor" }], { obj: VM }), { fault: "InvalidArgument" }],
    ["a selection by a name that nothing has", selecting(byName("nobody")), { fault: "InvalidArgument" }],
    ["a selection without a name", selecting({}), { fault: "InvalidArgument" }],
    ["a traversal of an unknown type", selecting(traverse("Submarine", "crew")), { fault: "InvalidArgument" }],
    ["a traversal of an unknown property", selecting(traverse("Folder", "crew")), { fault: "InvalidProperty", fields: { name: "crew" } }],
    ["a traversal of a scalar", selecting(traverse("Folder", "name")), { fault: "InvalidProperty", fields: { name: "name" } }],
    [
      "an unknown object",
      spec(names, { obj: { type: "VirtualMachine", value: "9" } }),
      { fault: "ManagedObjectNotFound", fields: { obj: { type: "VirtualMachine", value: "9" } } },
    ],
    [
      "more traversals than anyone needs",
      selecting(...Array.from({ length: 501 }, () => traverse("Folder", "childEntity"))),
      { fault: "InvalidArgument" },
    ],
    [
      "more properties than anyone needs",
      spec([{ type: "VirtualMachine", pathSet: new Array(5001).fill("name") }], { obj: VM }),
      { fault: "InvalidArgument" },
    ],
  ])("%s", (_, filter, thrown) => {
    expect(() => collect([filter], smallHost())).toThrow(expect.objectContaining(thrown));
  });

  test("an unknown object is left out when the client says that objects may be missing", () => {
    const filter = { ...spec(names, { obj: VM }, { obj: { type: "VirtualMachine", value: "9" } }), reportMissingObjectsInResults: true };
    expect(collect([filter], smallHost()).map(({ obj }) => obj.value)).toEqual(["1"]);
  });

  test("an object that may not be read has every path in missingSet, with the reason", () => {
    const source = smallHost();
    source.refuse("1", fault("NoPermission", "denied", { object: VM, privilegeId: "System.Read" }));
    const [content] = collect([spec(names, { obj: VM })], source);
    const reason = {
      $type: "LocalizedMethodFault",
      fault: { $type: "NoPermission", object: VM, privilegeId: "System.Read" },
      localizedMessage: "denied",
    };
    expect(content).toEqual({ obj: VM, missingSet: [{ path: "name", fault: reason }] });
  });

  test("a property that fails with a fault is missing, and the others are there", () => {
    const source = new SourceInMemory();
    const failing = () => {
      throw fault("NotFound", "gone", {});
    };
    const folder = source.put("Folder", "f", { name: "f", childEntity: failing });
    const [content] = collect([spec([{ type: "Folder", pathSet: ["name", "childEntity"] }], { obj: folder })], source);
    expect(content?.propSet?.map(({ name }) => name)).toEqual(["name"]);
    expect(content?.missingSet?.map(({ path, fault: reason }) => [path, reason.fault.$type])).toEqual([["childEntity", "NotFound"]]);
  });

  test("a bug in reading a property is not hidden", () => {
    const source = new SourceInMemory();
    const folder = source.put("Folder", "f", {
      name: () => {
        throw new TypeError("a bug");
      },
    });
    expect(() => collect([spec(names, { obj: folder })], source)).toThrow(TypeError);
  });

  test("traversals that multiply are cut off", () => {
    const source = new SourceInMemory();
    const folders = Array.from({ length: 400 }, (_, i) => ({ type: "Folder", value: `${i}` }));
    for (const { value } of folders) source.put("Folder", value, { name: value, childEntity: folders });
    const selectSet = [traverse("Folder", "childEntity", { name: "down", selectSet: [byName("down")] })];
    expect(() => collect([spec(names, { obj: folders[0] ?? ROOT, selectSet })], source)).toThrow(
      expect.objectContaining({ fault: "InvalidArgument" }),
    );
  });
});

describe("Fetch", () => {
  test.each([
    ["a value, with its type", "name", { anyType: "string", value: "vm-1" }],
    ["an unset property, as nothing", "snapshot", undefined],
  ])("%s", (_, property, value) => {
    expect(fetchProperty(smallHost(), VM, property)).toEqual(value);
  });

  test.each([
    ["an unknown property", VM, "bogus", "InvalidProperty"],
    ["an unknown object", { type: "VirtualMachine", value: "9" }, "name", "ManagedObjectNotFound"],
  ])("%s is a fault", (_, ref, property, name) => {
    expect(() => fetchProperty(smallHost(), ref, property)).toThrow(expect.objectContaining({ fault: name }));
  });

  test("what may not be read is refused with the reason", () => {
    const source = smallHost();
    source.refuse("1", fault("NotAuthenticated", "log in", { object: VM, privilegeId: "System.Read" }));
    expect(() => fetchProperty(source, VM, "name")).toThrow(expect.objectContaining({ fault: "NotAuthenticated" }));
  });
});
