import { expect, test } from "vitest";
import { planProcessors } from "./pinning.ts";

test.each<[string, readonly number[] | undefined, readonly number[]]>([
  ["nothing is asked for", undefined, [0, 1, 2, 3]],
  ["two are asked for", [3, 1], [1, 3]],
  ["one of those asked for is not there", [2, 9], [2]],
  ["none of them is there", [9], [0, 1, 2, 3]],
])("where %s", (_, asked, expected) => {
  expect(planProcessors(asked, [0, 1, 2, 3])).toEqual(expected);
});
