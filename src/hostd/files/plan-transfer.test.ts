import { expect, test } from "vitest";
import { asideOf, checkPlaces, within } from "./plan-transfer.ts";

const path = (name: string, datastore = "d") => ({ datastore, path: name });
const names = { from: "sourceName", to: "destinationName" };

test.each([
  ["to another name", path("a"), path("b"), false],
  ["to the same name elsewhere", path("a"), path("a", "e"), false],
  ["to a name that begins alike", path("a"), path("ab"), false],
  ["out of its folder", path("a/b"), path("b"), false],
  ["to where it is", path("a/b"), path("a/b"), true],
])("%s is a place", (_, from, to, same) => {
  expect(checkPlaces({ from, to }, names)).toEqual({ same });
});

test.each([
  ["a whole datastore", path(""), path("b"), "sourceName"],
  ["onto a whole datastore", path("b"), path(""), "destinationName"],
  ["into itself", path("a"), path("a/b/c"), "destinationName"],
])("%s is not", (_, from, to, invalidProperty) => {
  expect(() => checkPlaces({ from, to }, names)).toThrow(
    expect.objectContaining({ fault: "InvalidArgument", fields: { invalidProperty } }),
  );
});

test("what lies aside lies beside, so that one step brings it home", () => {
  expect(asideOf(path("a/b/c"), "12")).toEqual(path("a/b/.transfer-12~"));
  expect(asideOf(path("c"), "12")).toEqual(path(".transfer-12~"));
});

test("a tree keeps its shape", () => {
  expect(within(path("a/b/c"), { from: path("a"), to: path("x/y", "e") })).toEqual(path("x/y/b/c", "e"));
  expect(within(path("a"), { from: path("a"), to: path("x") })).toEqual(path("x"));
});
