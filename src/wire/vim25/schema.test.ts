import { expect, test } from "vitest";
import {
  dataObjectType,
  findManagedObjectType,
  findMethod,
  findType,
  isFaultType,
  isSubtype,
  managedObjectType,
  typeOf,
} from "./schema.ts";
import { schemaRows } from "./schema-rows.ts";
import { advertisedVersions, knows, NEWEST_VERSION, negotiateVersion } from "./versions.ts";

test("a data object's members are in the order of the wire, inherited ones first", () => {
  expect([...dataObjectType("VirtualDisk").members.keys()].slice(0, 12)).toEqual([
    "dynamicType",
    "dynamicProperty",
    "key",
    "deviceInfo",
    "backing",
    "connectable",
    "slotInfo",
    "controllerKey",
    "unitNumber",
    "numaNode",
    "deviceGroupInfo",
    "capacityInKB",
  ]);
});

test("a managed object has what it inherits", () => {
  const vm = managedObjectType("VirtualMachine");
  expect(vm.properties.get("name")?.type.text).toBe("string");
  expect(vm.properties.get("config")?.optional).toBe(true);
  expect(vm.methods.get("Destroy_Task")?.declaredBy).toBe("ManagedEntity");
  expect(vm.methods.get("Fetch")?.result.text).toBe("anyType");
});

test("what clients call beyond the schema is found where they call it, and nowhere else", () => {
  expect(findMethod("QueryVirtualDiskInfo_Task")).toMatchObject({
    declaredBy: "VirtualDiskManager",
    taskResult: { text: "VirtualDiskInfo[]" },
  });
  expect([...dataObjectType("VirtualDiskInfo").members.keys()]).toEqual(["dynamicType", "dynamicProperty", "unit", "diskType", "parent"]);
  expect(managedObjectType("FileManager").methods.has("QueryVirtualDiskInfo_Task")).toBe(false);
  expect(schemaRows().dataObjects.has("VirtualDiskInfo")).toBe(false);
});

test("a task's names come from the schema", () => {
  expect(findMethod("PowerOnVM_Task")).toMatchObject({
    vmodl: "vim.VirtualMachine.powerOn",
    descriptionId: "VirtualMachine.powerOn",
    privilege: "VirtualMachine.Interact.PowerOn",
    result: { text: "Task" },
    taskResult: { text: "void" },
  });
  expect(findMethod("ReconfigVM_Task")?.privilege).toBeUndefined();
  expect(findMethod("CreateVmfsDatastore")?.descriptionId).toBe("host.DatastoreSystem.createVmfsDatastore");
  expect(findMethod("CurrentTime")?.taskResult).toBeUndefined();
});

test("a link travels as a key", () => {
  expect(dataObjectType("HostVirtualSwitch").members.get("pnic")?.type).toEqual(typeOf("string[]"));
  expect(dataObjectType("HostScsiTopologyLun").members.get("scsiLun")?.type).toEqual(typeOf("string"));
});

test.each([
  ["VirtualDisk", "VirtualDevice", true],
  ["VirtualDisk", "VirtualDisk", true],
  ["VirtualMachine", "ManagedEntity", true],
  ["VirtualDevice", "VirtualDisk", false],
  ["VirtualDisk", "ManagedEntity", false],
  ["constructor", "DynamicData", false],
  ["__proto__", "DynamicData", false],
])("%s is a %s: %s", (type, base, expected) => {
  expect(isSubtype(type, base)).toBe(expected);
});

test.each(["__proto__", "constructor", "toString", "", "VirtualDisk[][]", "[]", "virtualdisk"])(
  "%j names no type and no method",
  (name) => {
    expect(findType(name)).toBeUndefined();
    expect(findMethod(name)).toBeUndefined();
    expect(findManagedObjectType(name)).toBeUndefined();
    expect(isFaultType(name)).toBe(false);
  },
);

test("every type of the schema can be put together", () => {
  const rows = schemaRows();
  for (const name of rows.dataObjects.keys()) expect(dataObjectType(name).name).toBe(name);
  for (const [name, row] of rows.managedObjects) {
    const type = managedObjectType(name);
    for (const method of Object.keys(row.methods)) expect(type.methods.get(method)?.declaredBy).toBe(name);
  }
});

test.each([
  ["bare", "urn:vim25/6.7.1", undefined, "6.7.1"],
  ["in quotes", '"urn:vim25/8.0.2.0"', undefined, "8.0.2.0"],
  ["newer than ours", "urn:vim25/9.1.0.0", undefined, NEWEST_VERSION],
  ["the internal namespace", "urn:internalvim25/6.5", undefined, "6.5"],
  ["without a version, which versionId gives", '"urn:vim25"', "7.0.3.0", "7.0.3.0"],
  ["absent, which versionId gives", undefined, "5.5", "5.5"],
  ["absent", undefined, undefined, NEWEST_VERSION],
  ["hostile", "urn:vim25/__proto__", undefined, NEWEST_VERSION],
  ["endless", `urn:vim25/${"1".repeat(100_000)}`, undefined, NEWEST_VERSION],
])("the version of a SOAPAction that is %s", (_, soapAction, versionId, expected) => {
  expect(negotiateVersion(soapAction, versionId)).toBe(expected);
});

test("every version from 4.0 on is offered, newest first", () => {
  expect(advertisedVersions().join(" ")).toBe(
    "8.0.3.0 8.0.2.0 8.0.1.0 8.0.0.2 8.0.0.1 8.0.0.0 7.0.3.2 7.0.3.1 7.0.3.0 7.0.2.1 7.0.2.0 7.0.1.1 7.0.1.0 7.0.0.2 7.0.0.0 " +
      "6.9.1 6.8.7 6.7.3 6.7.2 6.7.1 6.7 6.5 6.0 5.5 5.1 5.0 4.1 4.0",
  );
});

test("a version knows what it includes, and nothing later", () => {
  expect(knows("6.7.1", "vim.version.version13")).toBe(true);
  expect(knows("6.7.1", "vim.version.version14")).toBe(false);
  expect(knows("4.0", "vmodl.version.version0")).toBe(true);
});
