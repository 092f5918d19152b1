import { expect, test } from "vitest";
import { numberBehind, readKernelText, readPieces } from "./kernel-text.ts";

test.each([
  ["at its beginning", "Rss:  \t12 kB\nSwap: 3 kB\n", "Rss:", 12],
  ["in its midst", "PRss: 9 kB\nRss: 12 kB\nSwap: 3 kB\n", "Rss:", 12],
  ["at its end", "a 1\nzswap 100\nzswapped 300", "zswapped ", 300],
  ["not at the beginning of a line", "PRss: 9 kB\n", "Rss:", 0],
  ["not there", "", "Rss:", 0],
  ["without a number", "Rss: none\n", "Rss:", 0],
])("the number behind a name that is %s", (_, text, name, expected) => {
  expect(numberBehind(text, name)).toBe(expected);
});

test("a text is read up to where its reader stops, and its file is closed then", () => {
  const pieces = [...readPieces("/proc/self/smaps")];
  expect(pieces.length).toBeGreaterThan(1);
  expect(pieces.join("")).toContain("\nVmFlags:");
  for (const piece of readPieces("/proc/self/smaps")) {
    expect(piece.length).toBeGreaterThan(0);
    break;
  }
  expect(readKernelText("/proc/self/stat")).toMatch(/^\d+ \(/);
});

test("of a process that has ended there is no text; that one may not read it is an error", () => {
  expect(readKernelText("/proc/4194303/stat")).toBeUndefined();
  expect([...readPieces("/proc/4194303/smaps")]).toEqual([]);
  expect(() => readKernelText("/proc/self")).toThrow("EISDIR");
});
