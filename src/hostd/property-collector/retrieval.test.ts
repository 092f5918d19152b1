import { expect, test } from "vitest";
import { collectorOf, FOLDER, vmNames, watch } from "./collector.fixture.ts";
import { smallHost } from "./source-in-memory.ts";

const everything = [vmNames, watch(FOLDER, "name")];

test("each page has a token for the next, good for once, and the last has none", () => {
  const collector = collectorOf(smallHost());
  const first = collector.retrievePropertiesEx(everything, { maxObjects: 2 });
  expect(first?.objects.map(({ obj }) => obj.value)).toEqual(["1", "2"]);
  const second = collector.continueRetrieve(first?.token ?? "");
  expect(second).toEqual({ objects: [expect.objectContaining({ obj: FOLDER })] });
  expect(() => collector.continueRetrieve(first?.token ?? "")).toThrow(
    expect.objectContaining({ fault: "InvalidProperty", fields: { name: first?.token } }),
  );
});

test("no maxObjects is one page, no object is no result", () => {
  const collector = collectorOf(smallHost());
  expect(collector.retrievePropertiesEx(everything, {})?.objects).toHaveLength(3);
  expect(collector.retrievePropertiesEx([], {})).toBeUndefined();
});

test("a cancelled retrieval is over", () => {
  const collector = collectorOf(smallHost());
  const token = collector.retrievePropertiesEx(everything, { maxObjects: 1 })?.token ?? "";
  collector.cancelRetrieve(token);
  expect(() => collector.continueRetrieve(token)).toThrow(expect.objectContaining({ fault: "InvalidProperty" }));
});

test("of retrievals that nobody finishes the oldest are given up", () => {
  const collector = collectorOf(smallHost());
  const tokens = Array.from({ length: 17 }, () => collector.retrievePropertiesEx(everything, { maxObjects: 1 })?.token ?? "");
  expect(() => collector.continueRetrieve(tokens[0] ?? "")).toThrow(expect.objectContaining({ fault: "InvalidProperty" }));
  expect(collector.continueRetrieve(tokens[1] ?? "").objects).toHaveLength(1);
});

test("maxObjects 0 is InvalidArgument", () => {
  expect(() => collectorOf(smallHost()).retrievePropertiesEx([], { maxObjects: 0 })).toThrow(
    expect.objectContaining({ fault: "InvalidArgument" }),
  );
});
