import { expect, test } from "vitest";
import { decideExpress } from "./decide-express.ts";

const after = (hasIt: boolean, frames: number, mean: number) =>
  decideExpress(hasIt, { frames: 7, bytes: 7000 }, { frames: 7 + frames, bytes: 7000 + frames * mean });

test.each<[string, boolean, number, number, boolean]>([
  ["small frames", false, 100, 60, true],
  ["packets of full size", false, 1000, 1499, true],
  ["too few frames to tell", false, 99, 60, false],
  ["nothing at all", true, 0, 0, true],
  ["segments", true, 1000, 60_000, false],
  ["a segment among ten small frames", true, 1100, 5500, false],
  ["a segment among a hundred", true, 1010, 650, true],
  ["what is neither, where it was express", true, 1000, 2000, true],
  ["what is neither, where it was not", false, 1000, 2000, false],
])("%s", (_, hasIt, frames, mean, expected) => {
  expect(after(hasIt, frames, mean)).toBe(expected);
});

test("a tap that was made anew has sent less than the one before it: nothing is told by that", () => {
  expect(decideExpress(true, { frames: 5000, bytes: 1e9 }, { frames: 10, bytes: 600 })).toBe(true);
});
