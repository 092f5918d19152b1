import fc from "fast-check";
import { expect, test } from "vitest";
import { sharedFrames } from "./shared-frames.ts";

const of = (...owners: readonly (readonly number[])[]) => sharedFrames(owners.map((frames) => Float64Array.from(frames)));

test("a frame that two owners have is found, however often each maps it; one that an owner maps twice is its own", () => {
  expect(of([5, 5, 9], [7, 9, 9], [1])).toEqual([{ frame: 9, owners: [0, 1] }]);
  expect(of([1, 2], [2 ** 39, 2], [2])).toEqual([{ frame: 2, owners: [0, 1, 2] }]);
  expect(of()).toEqual([]);
});

test("it finds what looking at each pair of owners finds", () => {
  const frames = fc.array(fc.nat(20), { maxLength: 12 });
  fc.assert(
    fc.property(fc.array(frames, { maxLength: 5 }), (owners) => {
      const expected = Array.from({ length: 21 }, (_, frame) => ({
        frame,
        owners: owners.flatMap((own, index) => (own.includes(frame) ? [index] : [])),
      })).filter((page) => page.owners.length > 1);
      expect(of(...owners)).toEqual(expected);
    }),
  );
});

test("the pages of sixteen GiB of guests are told apart in seconds", () => {
  const GUESTS = 16;
  const PAGES = 262_144; // a GiB each
  const owners = Array.from({ length: GUESTS }, (_, guest) => Float64Array.from({ length: PAGES }, (__, page) => page * GUESTS + guest));
  owners[3]?.set([7 * GUESTS + 5], 0); // one page of the sixth guest is the fourth's too
  expect(sharedFrames(owners)).toEqual([{ frame: 7 * GUESTS + 5, owners: [3, 5] }]);
});
