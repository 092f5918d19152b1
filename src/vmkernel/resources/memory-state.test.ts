import fc from "fast-check";
import { expect, test } from "vitest";
import { MEMORY_STATES, type MemoryState, minFreeBytes, nextMemoryState } from "./memory-state.ts";

const GIB = 2 ** 30;

test.each([
  [1, 61],
  [4, 246],
  [12, 573],
  [28, 901],
  [128, 1925],
])("of %d GiB, %d MiB are to be free", (gib, mib) => {
  expect(Math.round(minFreeBytes(gib * GIB, 0) / 2 ** 20)).toBe(mib);
});

test("a percentage that is set is what is to be free", () => expect(minFreeBytes(1000, 4)).toBe(40));

test.each<[MemoryState, number, MemoryState]>([
  ["high", 1, "high"],
  ["high", 0.99, "clear"],
  ["high", 0.63, "soft"],
  ["high", 0.31, "hard"],
  ["high", 0.15, "low"],
  ["high", 0, "low"],
  ["clear", 1.05, "clear"],
  ["clear", 1.1, "high"],
  ["soft", 0.7, "soft"],
  ["soft", 0.85, "clear"],
  ["hard", 0.47, "hard"],
  ["hard", 0.5, "soft"],
  ["low", 0.2, "low"],
  ["low", 0.25, "hard"],
  ["low", 5, "high"],
])("%s with %d of what is to be free becomes %s", (before, part, after) => expect(nextMemoryState(before, part)).toBe(after));

test("whatever comes, less free memory is never a better state, and what comes and goes by a little changes nothing twice", () => {
  const state = fc.constantFrom(...MEMORY_STATES);
  const part = fc.double({ min: 0, max: 2, noNaN: true });
  fc.assert(
    fc.property(state, part, part, (before, one, other) => {
      const rank = (free: number) => MEMORY_STATES.indexOf(nextMemoryState(before, free));
      expect(rank(Math.min(one, other))).toBeGreaterThanOrEqual(rank(Math.max(one, other)));
    }),
  );
  fc.assert(
    fc.property(state, part, fc.double({ min: 0, max: 0.03, noNaN: true }), (before, free, little) => {
      const first = nextMemoryState(before, free);
      const second = nextMemoryState(first, free + little);
      expect(nextMemoryState(second, free)).toBe(first === second ? first : nextMemoryState(second, free));
      if (first !== second) expect(MEMORY_STATES.indexOf(nextMemoryState(second, free + little))).toBe(MEMORY_STATES.indexOf(second));
    }),
  );
});
