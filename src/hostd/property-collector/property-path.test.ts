import { expect, test } from "vitest";
import { checkPath, checkReferencePath, formatKeyed } from "./property-path.ts";

test.each([
  ["a property", "VirtualMachine", "config"],
  ["an inherited property", "VirtualMachine", "name"],
  ["a nested property", "VirtualMachine", "summary.runtime.powerState"],
  ["an item by number", "VirtualMachine", "config.hardware.device[4000]"],
  ["a negative key", "VirtualMachine", "config.hardware.device[-1]"],
  ["an item by string", "VirtualMachine", 'config.extraConfig["guestinfo.b"]'],
  ["a property of an item", "VirtualMachine", 'config.extraConfig["guestinfo.b"].value'],
  ["a nested property of an item", "VirtualMachine", "config.hardware.device[4000].deviceInfo.label"],
  ["what only a subclass of the declared type has", "VirtualMachine", "config.hardware.device[4000].macAddress"],
  ["what only a subclass has, further down", "VirtualMachine", "config.hardware.device[2000].backing.fileName"],
  ["an empty string key", "VirtualMachine", 'config.extraConfig[""]'],
])("%s is a path", (_, type, text) => {
  expect(checkPath(type, text).text).toBe(text);
});

test.each([
  ["nothing", "VirtualMachine", ""],
  ["an unknown property", "VirtualMachine", "bogus"],
  ["a property of a subclass", "ManagedEntity", "config"],
  ["an unknown property within", "VirtualMachine", "config.bogus"],
  ["an unknown property within an item", "VirtualMachine", "config.hardware.device[4000].bogus"],
  ["a path through an array", "VirtualMachine", "config.hardware.device.key"],
  ["a path through a reference", "VirtualMachine", "parent.name"],
  ["a path through a scalar", "VirtualMachine", "name.length"],
  ["a path into anyType", "VirtualMachine", 'config.extraConfig["a"].value.key'],
  ["a string key for a number", "VirtualMachine", 'config.hardware.device["4000"]'],
  ["a number key for a string", "VirtualMachine", "config.extraConfig[4000]"],
  ["an unquoted string key", "VirtualMachine", "config.extraConfig[guestinfo.b]"],
  ["a key of what is no array", "VirtualMachine", "config[1]"],
  ["a key of an array of strings", "HostSystem", "config.systemFile[0]"],
  ["a key of an array of references", "VirtualMachine", 'datastore["1"]'],
  ["a dot at the end", "VirtualMachine", "config."],
  ["a dot at the start", "VirtualMachine", ".config"],
  ["two dots", "VirtualMachine", "config..name"],
  ["an open bracket", "VirtualMachine", "config.hardware.device[4000"],
  ["an open quote", "VirtualMachine", 'config.extraConfig["a'],
  ["text after a key", "VirtualMachine", "config.hardware.device[4000]key"],
  ["a space", "VirtualMachine", " config"],
  ["a name that every JavaScript object has", "VirtualMachine", "constructor"],
  ["a name that every JavaScript object has, within", "VirtualMachine", "config.__proto__"],
  ["two thousand characters", "VirtualMachine", "config.".repeat(300)],
])("%s is InvalidProperty", (_, type, text) => {
  expect(() => checkPath(type, text)).toThrow(expect.objectContaining({ fault: "InvalidProperty", fields: { name: text.slice(0, 1024) } }));
});

test("a key with quotes, backslashes and brackets reads back as it was formatted", () => {
  const key = 'a"b\\c].d["e"]\\';
  const { steps } = checkPath("VirtualMachine", `${formatKeyed("config.extraConfig", key)}.value`);
  expect(steps).toEqual([
    { name: "config", key: undefined },
    { name: "extraConfig", key },
    { name: "value", key: undefined },
  ]);
});

test.each([
  ["an array of references", "Folder", "childEntity"],
  ["one reference", "ManagedEntity", "parent"],
  ["a reference within", "VirtualMachine", "runtime.host"],
  ["a view's members", "ContainerView", "view"],
])("%s can be traversed", (_, type, path) => {
  expect(checkReferencePath(type, path).text).toBe(path);
});

test("a property that refers to nothing can't be traversed", () => {
  expect(() => checkReferencePath("Folder", "name")).toThrow(expect.objectContaining({ fault: "InvalidProperty" }));
});
