import { expect, test } from "vitest";
import type { Hierarchy } from "./hierarchies.ts";
import { parseMemoryLimit } from "./memory-limit.ts";

test.each<[string, Hierarchy["kind"], string, number | undefined]>([
  ["a v1 tree", "v1", "cache 0\nhierarchical_memory_limit 1073741824\nhierarchical_memsw_limit 2147483648\n", 1073741824],
  ["a v1 tree that can't be read", "v1", "", undefined],
  ["a v2 tree that is part of one", "v2", "1073741824\n", 1073741824],
  ["a v2 tree without a limit", "v2", "max\n", undefined],
  ["a whole v2 tree", "v2", "", undefined],
])("the memory of %s", (_, kind, text, expected) => {
  expect(parseMemoryLimit(kind, text)).toBe(expected);
});
