import fc from "fast-check";
import { expect, test } from "vitest";
import { decideLost, readBeacon, writeBeacon } from "./beacon.ts";

const [key, otherKey] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
const beacon = { uplink: "eth0", sequence: 7n };
const frame = writeBeacon(beacon, { mac: "02:00:00:00:00:01", key });

test("a beacon is read by who has its key, and by nobody else; none is shorter than a frame may be", () => {
  expect(readBeacon(frame, key)).toEqual(beacon);
  expect(readBeacon(frame, otherKey)).toBeUndefined();
  expect(frame.subarray(0, 14).toString("hex")).toBe("ffffffffffff0200000000018922");
  expect(frame.length).toBeGreaterThanOrEqual(60);
});

test("a beacon of which anything is changed or cut is none", () => {
  for (let length = 0; length < 54; length++) expect(readBeacon(frame.subarray(0, length), key)).toBeUndefined();
  fc.assert(
    fc.property(fc.integer({ min: 14, max: 53 }), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const changed = Buffer.from(frame);
      changed[at] = (changed[at] ?? 0) ^ change;
      expect(readBeacon(changed, key)).toBeUndefined();
    }),
  );
});

const hear = (...pairs: readonly string[]) => pairs.map((pair) => ({ from: pair[0] ?? "", to: pair[1] ?? "" }));
test.each<[string, string, readonly string[], string]>([
  ["all hear each other", "abc", ["ab", "bc", "ca"], ""],
  ["one is heard by nobody, and hears nobody", "abc", ["ab", "ba"], "c"],
  ["one hears others and is heard by none", "abc", ["ab", "ac"], ""],
  ["nobody hears anybody", "abc", [], ""],
  ["two do not hear each other", "ab", [], ""],
  ["two pairs hear themselves", "abcd", ["ab", "cd"], ""],
  ["two of five are elsewhere", "abcde", ["ab", "bc", "de"], "de"],
  ["one that is no uplink is heard", "ab", ["xa", "ax"], ""],
])("%s: of %s, with %j, lost are %j", (_, uplinks, pairs, lost) =>
  expect([...decideLost([...uplinks], hear(...pairs))].join("")).toBe(lost),
);
