import { expect, test } from "vitest";
import { coreReader, groupCores, parseProcessorList } from "./topology.ts";

test.each([
  ["0-3", [0, 1, 2, 3]],
  ["0,4", [0, 4]],
  ["0-1,8-9\n", [0, 1, 8, 9]],
  ["", []],
])("the kernel's list %j is %j", (text, numbers) => {
  expect(parseProcessorList(text)).toEqual(numbers);
});

test.each([
  [
    "threads that follow each other",
    [0, 1, 2, 3],
    (n: number) => [n & ~1, n | 1],
    [
      [0, 1],
      [2, 3],
    ],
  ],
  [
    "threads that are numbered after all cores",
    [0, 1, 2, 3],
    (n: number) => [n % 2, (n % 2) + 2],
    [
      [0, 2],
      [1, 3],
    ],
  ],
  ["a thread that is switched off", [0, 2, 3], (n: number) => [n & ~1, n | 1], [[0], [2, 3]]],
  ["a kernel that tells nothing", [0, 1], () => [], [[0], [1]]],
])("%s make cores", (_, online, siblingsOf, cores) => {
  expect(groupCores(online, siblingsOf)).toEqual(cores);
});

test("each processor of this machine is a thread of just one core", () => {
  const threads = coreReader()().flat();
  expect(threads.length).toBeGreaterThan(0);
  expect(new Set(threads).size).toBe(threads.length);
});
