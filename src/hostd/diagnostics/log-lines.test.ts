import fc from "fast-check";
import { expect, test } from "vitest";
import { formatLogLine, LINES_MAX, pickLines, splitLines } from "./log-lines.ts";

const ten = Array.from({ length: 10 }, (_, index) => `line ${index + 1}`);

test.each([
  ["the first two", 1, 2, 1, ["line 1", "line 2"]],
  ["two in the middle", 5, 2, 5, ["line 5", "line 6"]],
  ["more than there are", 9, 100, 9, ["line 9", "line 10"]],
  ["beyond the end, to learn where it is", 2 ** 31 - 1, 0, 2 ** 31 - 1, []],
  ["none", 3, 0, 3, []],
  ["from before the first", -4, 1, 1, ["line 1"]],
  ["a negative number of them", 3, -1, 3, []],
])("lines are picked: %s", (_, start, count, lineStart, lineText) => {
  expect(pickLines(ten, start, count)).toEqual({ lineStart, lineEnd: 10, lineText });
});

test("without bounds all lines come, up to the bound of one answer", () => {
  expect(pickLines(ten, undefined, undefined).lineText).toEqual(ten);
  const many = Array.from({ length: LINES_MAX + 5 }, String);
  expect(pickLines(many, undefined, undefined).lineText).toHaveLength(LINES_MAX);
  expect(pickLines(many, undefined, 1_000_000).lineText).toHaveLength(LINES_MAX);
});

test("a line that is still being written is none yet, and a filter renumbers what it leaves", () => {
  expect(splitLines("a x\nb y\nc x\nhalf")).toEqual(["a x", "b y", "c x"]);
  expect(splitLines("a x\nb y\nc x\nhalf", / x$/)).toEqual(["a x", "c x"]);
  expect(splitLines("")).toEqual([]);
});

test("whatever a log holds, its lines can be carried by XML and are bounded", () => {
  const clean = /^[\t\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]*$/u;
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 6000 }), (line) => {
      const [text = ""] = pickLines([line], 1, 1).lineText ?? [];
      return clean.test(text) && text.length <= 4096;
    }),
  );
  expect(pickLines(["a\u0000b\u001b[31m\uD800"], 1, 1).lineText).toEqual(["a\uFFFDb\uFFFD[31m\uFFFD"]);
});

test("what a client called itself stays within its own line of the log", () => {
  expect(formatLogLine(0, "User eve\n2026 Event 1 : forged")).toBe("1970-01-01T00:00:00.000Z User eve 2026 Event 1 : forged");
});
