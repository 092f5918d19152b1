import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { makeDataObject } from "./arbitrary.ts";
import { encode } from "./encode.ts";
import { fault } from "./fault.ts";
import { readJsonValue } from "./json-decode.ts";
import { writeJsonValue } from "./json-encode.ts";
import {
  decodeJsonArguments,
  decodeJsonFault,
  decodeJsonResponse,
  encodeJsonFault,
  encodeJsonProperty,
  encodeJsonResponse,
} from "./json-messages.ts";
import { parseJson } from "./json-parse.ts";
import { dataObjectType, findManagedObjectType, findMethod, findType, managedObjectType, typeOf, versionOfType } from "./schema.ts";
import { schemaRows } from "./schema-rows.ts";
import { advertisedVersions, knows, NEWEST_VERSION } from "./versions.ts";

const LIMITS = { bytesMax: 64 * 1024 * 1024, valuesMax: 1_000_000 };
const typeNames = [...schemaRows().dataObjects.keys()];

function write(type: string, value: unknown, version = NEWEST_VERSION): string {
  return encode(version, (encoding) => void writeJsonValue(encoding, typeOf(type), value)).toString();
}

function read(type: string, json: string): unknown {
  return readJsonValue(parseJson(Buffer.from(json)), typeOf(type), "x");
}

describe("each kind of value has one form, and is read as it was written", () => {
  const ref = { type: "VirtualMachine", value: "12 ü" };
  const refJson = '{"_typeName":"ManagedObjectReference","type":"VirtualMachine","value":"12 ü"}';
  const option = '{"_typeName":"OptionValue","key":"k","value":{"_typeName":"int","_value":7}}';
  test.each<[string, unknown, string]>([
    ["string", 'a"\\\n\u0000é𝒳</x>', '"a\\"\\\\\\n\\u0000é𝒳</x>"'],
    ["string", "", '""'],
    ["boolean", false, "false"],
    ["byte", -1, "-1"],
    ["short", -32634, "-32634"],
    ["int", 2147483647, "2147483647"],
    ["long", 9007199254740991, "9007199254740991"],
    ["double", 1e21, "1e+21"],
    ["float", 0.5, "0.5"],
    ["dateTime", new Date("2023-12-14T06:53:33.763Z"), '"2023-12-14T06:53:33.763Z"'],
    ["base64Binary", new Uint8Array([72, 105]), '"SGk="'],
    ["byte[]", [-1, 0, 127], "[-1,0,127]"],
    ["string[]", ["a", ""], '["a",""]'],
    ["TypeName", "VirtualMachine", '"VirtualMachine"'],
    ["VirtualMachinePowerState", "poweredOn", '"poweredOn"'],
    ["ManagedEntity", ref, refJson],
    ["ManagedEntity[]", [ref], `[${refJson}]`],
    ["KeyValue", { $type: "KeyValue", key: "k", value: "v" }, '{"_typeName":"KeyValue","key":"k","value":"v"}'],
    ["VirtualDevice", { $type: "VirtualE1000", key: 1 }, '{"_typeName":"VirtualE1000","key":1}'],
    ["anyType", { anyType: "string", value: "x" }, '{"_typeName":"string","_value":"x"}'],
    ["anyType", { anyType: "boolean", value: true }, '{"_typeName":"boolean","_value":true}'],
    ["anyType", { anyType: "base64Binary", value: new Uint8Array([72]) }, '{"_typeName":"binary","_value":"SA=="}'],
    [
      "anyType",
      { anyType: "VirtualMachinePowerState", value: "suspended" },
      '{"_typeName":"VirtualMachinePowerState","_value":"suspended"}',
    ],
    ["anyType", { anyType: "VirtualMachine", value: ref }, refJson],
    ["anyType", { anyType: "string[]", value: ["a"] }, '{"_typeName":"ArrayOfString","_value":["a"]}'],
    ["anyType", { anyType: "string[]", value: [] }, '{"_typeName":"ArrayOfString","_value":[]}'],
    ["anyType", { anyType: "ManagedObject[]", value: [ref] }, `{"_typeName":"ArrayOfManagedObjectReference","_value":[${refJson}]}`],
    [
      "anyType",
      { anyType: "OptionValue[]", value: [{ $type: "OptionValue", key: "k", value: { anyType: "int", value: 7 } }] },
      `{"_typeName":"ArrayOfOptionValue","_value":[${option}]}`,
    ],
    [
      "anyType",
      { anyType: "anyType[]", value: [{ anyType: "int", value: 1 }] },
      '{"_typeName":"ArrayOfAnyType","_value":[{"_typeName":"int","_value":1}]}',
    ],
  ])("%s %j", (type, value, json) => {
    expect(write(type, value)).toBe(json);
    expect(read(type, json)).toEqual(value);
  });
});

test.each<[string, string, unknown]>([
  ["a type that is the declared one may be left out", '{"key":"k","value":"v"}', { $type: "KeyValue", key: "k", value: "v" }],
  ["the type may come last", '{"key":"k","value":"v","_typeName":"KeyValue"}', { $type: "KeyValue", key: "k", value: "v" }],
])("%s", (_, json, value) => expect(read("KeyValue", json)).toEqual(value));

test("null is the same as nothing, and so is an optional array without items", () => {
  expect(read("VirtualMachineConfigSpec", '{"name":null,"deviceChange":[],"memoryMB":64}')).toEqual({
    $type: "VirtualMachineConfigSpec",
    memoryMB: 64,
  });
});

test("a reference's server is accepted and forgotten", () => {
  expect(read("Folder", '{"type":"Folder","value":"f","serverGuid":"x"}')).toEqual({ type: "Folder", value: "f" });
});

test.each<[string, string, string]>([
  ["a number in quotes", "int", '"1"'],
  ["a fraction where an integer is expected", "int", "1.5"],
  ["an int past its range", "int", "2147483648"],
  ["a long that a number can't hold", "long", "9007199254740993"],
  ["a number of seventy thousand digits", "long", "9".repeat(70_000)],
  ["an infinite double", "double", "1e999"],
  ["a string for a boolean", "boolean", '"true"'],
  ["a number for a string", "string", "1"],
  ["an object for a string", "string", "{}"],
  ["an array for one string", "string", '["a"]'],
  ["one string for an array", "string[]", '"a"'],
  ["a null among items", "string[]", "[null]"],
  ["an array in an array", "string[]", '[["a"]]'],
  ["no date", "dateTime", '"2023-02-30T00:00:00Z"'],
  ["no base64", "base64Binary", '"=="'],
  ["no value of the enumeration", "VirtualMachinePowerState", '"on"'],
  ["a name that every JavaScript object has, as an enumeration's value", "VirtualMachinePowerState", '"constructor"'],
  ["a member that the type does not have", "KeyValue", '{"key":"k","value":"v","x":1}'],
  ["a member named __proto__", "KeyValue", '{"key":"k","value":"v","__proto__":{"polluted":true}}'],
  ["a type named __proto__", "KeyValue", '{"_typeName":"__proto__","key":"k","value":"v"}'],
  ["a type in XML's words", "anyType", '{"_typeName":"xsd:string","_value":"x"}'],
  ["a type that is no string", "KeyValue", '{"_typeName":1,"key":"k","value":"v"}'],
  ["a type that does not inherit from the declared one", "KeyValue", '{"_typeName":"VirtualDisk","key":"k"}'],
  ["a required member that is missing", "KeyValue", '{"key":"k"}'],
  ["a required member that is null", "KeyValue", '{"key":"k","value":null}'],
  ["a bare value under anyType", "anyType", '"x"'],
  ["an object without a type under anyType", "anyType", "{}"],
  ["an anyType under anyType", "anyType", '{"_typeName":"anyType","_value":1}'],
  ["a void under anyType", "anyType", '{"_typeName":"void","_value":1}'],
  ["a box without its value", "anyType", '{"_typeName":"int"}'],
  ["a box with more than its value", "anyType", '{"_typeName":"int","_value":1,"x":2}'],
  ["a box of another type than it says", "anyType", '{"_typeName":"int","_value":"1"}'],
  ["an array that is none", "anyType", '{"_typeName":"ArrayOfInt","_value":1}'],
  ["an array of arrays", "anyType", '{"_typeName":"ArrayOfArrayOfInt","_value":[[1]]}'],
  ["a reference of another type", "Folder", '{"type":"VirtualMachine","value":"1"}'],
  ["a reference to no managed object", "ManagedEntity", '{"type":"KeyValue","value":"1"}'],
  ["a reference to nothing", "Folder", '{"type":"Folder","value":""}'],
  ["a reference by name alone", "Folder", '"f"'],
  ["a reference with a member of its own", "Folder", '{"type":"Folder","value":"f","x":1}'],
  ["a reference that calls itself a data object", "Folder", '{"_typeName":"KeyValue","type":"Folder","value":"f"}'],
])("%s is InvalidArgument", (_, type, json) => {
  expect(() => read(type, json)).toThrow(expect.objectContaining({ fault: "InvalidArgument" }));
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
});

test("a reference that a client takes for a base type is kept as what is declared", () => {
  expect(read("ManagedEntity", '{"type":"ManagedObject","value":"1"}')).toEqual({ type: "ManagedEntity", value: "1" });
});

test("what the schema can say arrives as it was sent", () => {
  fc.assert(
    fc.property(fc.gen(), fc.constantFrom(...typeNames), (gen, name) => {
      const value = makeDataObject(gen, name);
      const sent = { anyType: String(value.$type), value };
      const json = encodeJsonResponse({ returnType: "anyType", returnValue: sent, version: NEWEST_VERSION });
      expect(decodeJsonResponse(json ?? Buffer.alloc(0), typeOf("anyType"), LIMITS)).toEqual(sent);
    }),
    { numRuns: 1500 },
  );
});

test("a client of any version is told of no type and no member that came after it", () => {
  fc.assert(
    fc.property(fc.gen(), fc.constantFrom(...typeNames), fc.constantFrom(...advertisedVersions()), (gen, name, version) => {
      const value = makeDataObject(gen, name);
      const json = encodeJsonResponse({ returnType: "anyType", returnValue: { anyType: name, value }, version })?.toString() ?? "";
      JSON.parse(json, (_, part: unknown) => {
        const type = typeof part === "object" && part !== null && "_typeName" in part ? findType(String(part._typeName)) : undefined;
        const since = type === undefined ? undefined : versionOfType(type);
        expect(since === undefined || knows(version, since), `${type?.text} in ${version}`).toBe(true);
        if (type?.kind !== "dataObject") return part;
        for (const member of Object.keys(part as object)) {
          const known = dataObjectType(type.item).members.get(member);
          expect(known === undefined || knows(version, known.version), `${type.item}.${member} in ${version}`).toBe(true);
        }
        return part;
      });
    }),
    { numRuns: 300 },
  );
});

test("a type that the client does not know is its nearest base, and an item without words is left out", () => {
  expect(write("VirtualDevice", { $type: "VirtualPrecisionClock", key: 1 }, "6.7.1")).toBe('{"_typeName":"VirtualDevice","key":1}');
  expect(write("TypeName[]", ["VirtualE1000", "VirtualPrecisionClock", "VirtualDisk"], "6.7.1")).toBe('["VirtualE1000","VirtualDisk"]');
});

test.each<[string, string, unknown]>([
  ["a required member that is unset", "KeyValue", { key: "k" }],
  ["a member that the type does not have", "KeyValue", { key: "k", value: "v", x: 1 }],
  ["another type", "KeyValue", { $type: "VirtualDisk", key: 1 }],
  ["one where an array is declared", "string[]", "x"],
  ["a number for a string", "string", 1],
  ["an int that is none", "int", 1.5],
  ["a date that is none", "dateTime", new Date(Number.NaN)],
  ["a value under anyType without a type", "anyType", "x"],
])("%s is a bug of ours, and is not sent", (_, type, value) => expect(() => write(type, value)).toThrow("encoding"));

describe("messages", () => {
  const login = findMethod("Login");
  const create = findMethod("CreateVM_Task");
  if (login === undefined || create === undefined) throw new Error("the schema lacks a method");

  test.each([
    ['{"userName":"root","password":"x"}'],
    ['{"_typeName":"Login","userName":"root","password":"x"}'],
    ['{"_typeName":"LoginRequestType","userName":"root","password":"x","locale":null}'],
  ])("%s are the arguments of Login", (json) => {
    expect(decodeJsonArguments(login, Buffer.from(json))).toEqual({ userName: "root", password: "x" });
  });

  test("a body of no bytes is one without arguments", () => {
    const currentTime = findMethod("CurrentTime");
    expect(currentTime && decodeJsonArguments(currentTime, Buffer.alloc(0))).toEqual({});
    expect(() => decodeJsonArguments(login, Buffer.alloc(0))).toThrow("userName is required");
  });

  test.each([
    ["another method's", '{"_typeName":"Logout"}', "InvalidArgument"],
    ["_this, which is in the path", '{"_this":{"type":"SessionManager","value":"x"},"userName":"root","password":"x"}', "InvalidArgument"],
    ["an array", "[]", "InvalidRequest"],
    ["null", "null", "InvalidRequest"],
  ])("arguments that are %s are refused", (_, json, name) => {
    expect(() => decodeJsonArguments(login, Buffer.from(json))).toThrow(expect.objectContaining({ fault: name }));
  });

  test("a task's arguments may go by the published name of their type", () => {
    const json = '{"_typeName":"CreateVMRequestType","config":{"name":"x"},"pool":{"type":"ResourcePool","value":"p"}}';
    expect(decodeJsonArguments(create, Buffer.from(json))).toMatchObject({ config: { name: "x" } });
  });

  test("a void method has no body, and an unset result is null", () => {
    expect(encodeJsonResponse({ returnType: "void", returnValue: undefined, version: NEWEST_VERSION })).toBeUndefined();
    expect(encodeJsonResponse({ returnType: "VirtualMachine", returnValue: undefined, version: NEWEST_VERSION })?.toString()).toBe("null");
  });

  test.each<[string, string, { anyType: string; value: unknown } | undefined, string]>([
    ["VirtualMachine", "name", { anyType: "string", value: "x" }, '"x"'],
    ["VirtualMachine", "recentTask", { anyType: "Task[]", value: [] }, "[]"],
    ["VirtualMachine", "parentVApp", undefined, "null"],
    [
      "OptionManager",
      "setting",
      { anyType: "OptionValue[]", value: [{ key: "k", value: { anyType: "int", value: 1 } }] },
      '[{"_typeName":"OptionValue","key":"k","value":{"_typeName":"int","_value":1}}]',
    ],
  ])("%s.%s is sent as the schema declares it, and not boxed", (type, name, fetched, json) => {
    const property = managedObjectType(type).properties.get(name);
    if (property === undefined) throw new Error(`no property ${name}`);
    expect(encodeJsonProperty(property, fetched, NEWEST_VERSION).toString()).toBe(json);
  });

  test("a fault says its type, its fields and, beside them, its message", () => {
    const raised = fault("InvalidArgument", 'A "specified" parameter', { invalidProperty: "x" }, { cause: fault("NotFound", "gone", {}) });
    const json = encodeJsonFault(raised, NEWEST_VERSION);
    expect(JSON.parse(json.toString())).toEqual({
      _typeName: "InvalidArgument",
      faultCause: { _typeName: "LocalizedMethodFault", fault: { _typeName: "NotFound" }, localizedMessage: "gone" },
      invalidProperty: "x",
      faultstring: 'A "specified" parameter',
    });
    const again = decodeJsonFault(json, LIMITS);
    expect(again).toMatchObject({ fault: "InvalidArgument", message: raised.message, fields: { invalidProperty: "x" } });
  });

  test("a fault newer than the client is its nearest base", () => {
    const json = encodeJsonFault(fault("PasswordExpired", "x", {}), "6.5").toString();
    expect(JSON.parse(json)).toEqual({ _typeName: "InvalidLogin", faultstring: "x" });
  });
});

test("no property of a managed object has the name of one of its methods: a path means one thing", () => {
  for (const name of schemaRows().managedObjects.keys()) {
    const type = findManagedObjectType(name);
    for (const method of type?.methods.keys() ?? []) expect(type?.properties.has(method), `${name}.${method}`).toBe(false);
  }
});
