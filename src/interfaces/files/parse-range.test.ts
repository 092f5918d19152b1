import fc from "fast-check";
import { expect, test } from "vitest";
import { isStillCurrent, parseContentRange, parseRange } from "./parse-range.ts";

const part = (first: number, last: number) => ({ kind: "part", first, last });
const whole = { kind: "whole" };
const unsatisfiable = { kind: "unsatisfiable" };

test.each([
  [undefined, 10, whole],
  ["bytes=0-3", 10, part(0, 3)],
  ["bytes=0-0", 10, part(0, 0)],
  ["bytes=4-", 10, part(4, 9)],
  ["bytes=4-400", 10, part(4, 9)],
  ["bytes=-3", 10, part(7, 9)],
  ["bytes=-30", 10, part(0, 9)],
  ["Bytes=0-3", 10, part(0, 3)],
  ["bytes=9-", 10, part(9, 9)],
  ["bytes=10-", 10, unsatisfiable],
  ["bytes=99999999999999999999999-", 10, unsatisfiable],
  ["bytes=-0", 10, unsatisfiable],
  ["bytes=0-", 0, unsatisfiable],
  ["bytes=-1", 0, unsatisfiable],
  ["bytes=5-4", 10, whole],
  ["bytes=-", 10, whole],
  ["bytes=a-b", 10, whole],
  ["bytes=0x1-2", 10, whole],
  ["bytes=1-2-3", 10, whole],
  ["lines=1-2", 10, whole],
  ["bytes=0-1,3-4", 10, whole],
  ["bytes=0-,".repeat(1000), 10, whole],
])("%j of %i bytes", (header, sizeBytes, expected) => {
  expect(parseRange(header, sizeBytes)).toEqual(expected);
});

test("a part is always within the file, whatever the header", () => {
  const header = fc.oneof(
    fc.tuple(fc.nat(), fc.nat()).map(([a, b]) => `bytes=${a}-${b}`),
    fc.string().map((text) => `bytes=${text}`),
  );
  fc.assert(
    fc.property(header, fc.nat(), (text, sizeBytes) => {
      const range = parseRange(text, sizeBytes);
      if (range.kind !== "part") return;
      expect(range.first).toBeGreaterThanOrEqual(0);
      expect(range.last).toBeGreaterThanOrEqual(range.first);
      expect(range.last).toBeLessThan(sizeBytes);
    }),
  );
});

test("a part is asked for again only of the very same file", () => {
  const file = { etag: '"1-2"', lastModified: "Tue, 24 Nov 2026 04:00:00 GMT" };
  const rows = [undefined, '"1-2"', file.lastModified, '"1-3"', 'W/"1-2"', "Tue, 24 Nov 2026 04:00:01 GMT", "", "*"];
  expect(rows.map((header) => isStillCurrent(header, file))).toEqual([true, true, true, false, false, false, false, false]);
});

test.each([
  ["bytes 0-9/10", { first: 0, last: 9, sizeBytes: 10 }],
  ["bytes 5-6/10", { first: 5, last: 6, sizeBytes: 10 }],
  ["bytes 0-10/10", undefined],
  ["bytes 6-5/10", undefined],
  ["bytes 0-9/*", undefined],
  ["bytes */10", undefined],
  ["bytes -1-9/10", undefined],
  ["bytes 0-9999999999999999999999/99999999999999999999999", undefined],
  ["0-9/10", undefined],
  ["", undefined],
])("Content-Range %j", (header, expected) => {
  expect(parseContentRange(header)).toEqual(expected);
});
