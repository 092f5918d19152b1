import { expect, test } from "vitest";
import { parseEntityName } from "./entity-name.ts";
import { fileNameFor } from "./vm-deeds/create.ts";

test.each([
  ["demo", "demo"],
  ["a/b", "a%2fb"],
  ["a\\b", "a%5cb"],
  ["50%", "50%25"],
  ["already%2fescaped", "already%2fescaped"],
  ["Ünïcode 虚拟机", "Ünïcode 虚拟机"],
])("the name %j is stored as %j", (given, stored) => {
  expect(parseEntityName(given, "name")).toBe(stored);
});

test.each([[""], ["  "], ["a\nb"], ["a\0b"], ["x".repeat(81)]])("the name %j is refused", (name) => {
  expect(() => parseEntityName(name, "name")).toThrow(expect.objectContaining({ fault: "InvalidName" }));
});

test("a missing name is an invalid argument", () => {
  expect(() => parseEntityName(undefined, "configSpec.name")).toThrow(expect.objectContaining({ fault: "InvalidArgument" }));
});

test.each([
  ["a%2fb", "a_b"],
  ["..", "_"],
  [".hidden", "_hidden"],
  ['a:b*c?"<>|', "a_b_c_____"],
  ["虚".repeat(80), "虚".repeat(66)],
])("the VM %j has files named %j", (name, file) => {
  expect(fileNameFor(name)).toBe(file);
});
