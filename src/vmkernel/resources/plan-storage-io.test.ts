import fc from "fast-check";
import { expect, test } from "vitest";
import { CONGESTED_MS, type DiskUse, NOTHING_HELD, planStorageIo, type StorageIoPlan } from "./plan-storage-io.ts";

const SLOW = 4 * CONGESTED_MS;
const use = (id: string, settings: Partial<DiskUse> = {}): DiskUse => ({
  id,
  datastore: "one",
  shares: 1000,
  done: 100,
  latencyMs: 1,
  ...settings,
});
const heldAfter = (...uses: readonly DiskUse[]) => Object.fromEntries(planStorageIo(NOTHING_HELD, uses).held);

test.each<[string, readonly DiskUse[], object]>([
  ["nobody waits", [use("a", { done: 5000 }), use("b", { done: 10 })], {}],
  ["one disk is alone, however slow", [use("a", { latencyMs: SLOW })], {}],
  ["who waits has its part", [use("a", { latencyMs: SLOW }), use("b", { latencyMs: SLOW })], {}],
  ["a small one waits beside a flood", [use("a", { done: 900, latencyMs: SLOW }), use("b", { done: 10, latencyMs: SLOW })], { a: 675 }],
  ["they are on other datastores", [use("a", { done: 900 }), use("b", { datastore: "two", done: 10, latencyMs: SLOW })], {}],
  ["who waits is at its own limit", [use("a", { done: 900 }), use("b", { done: 20, limit: 20, latencyMs: SLOW })], {}],
  [
    "two have equal parts and unequal shares",
    [use("a", { done: 100, latencyMs: SLOW }), use("b", { done: 100, shares: 3000, latencyMs: SLOW })],
    { a: 75 },
  ],
])("where %s", (_, uses, expected) => {
  expect(heldAfter(...uses)).toEqual(expected);
});

test("one that is held is let go step by step once nobody waits, and at once when it wants less", () => {
  const before: StorageIoPlan = { ...NOTHING_HELD, held: new Map([["a", 100]]) };
  expect(planStorageIo(before, [use("a"), use("b")]).held.get("a")).toBeCloseTo(110);
  expect(planStorageIo(before, [use("a", { done: 10 }), use("b")]).held.size).toBe(0);
});

/** What each does of late on a device that does so much in a second, among whoever wants it: they queue, each with a queue of its own length. */
function simulate(rivals: readonly { readonly shares: number; readonly depth: number; readonly wants: number }[], seconds: number) {
  const deviceUnits = 400;
  let plan = NOTHING_HELD;
  const sums = rivals.map(() => 0);
  for (let second = 0; second < seconds; second++) {
    const most = rivals.map((rival, index) => Math.min(rival.wants, plan.held.get(String(index)) ?? Number.POSITIVE_INFINITY));
    const done = fill(
      deviceUnits,
      most,
      rivals.map(({ depth }) => depth),
    );
    const isFull = done.reduce((sum, units) => sum + units, 0) >= 0.999 * deviceUnits;
    const uses = rivals.map(({ shares }, index) =>
      use(String(index), { shares, done: done[index] ?? 0, latencyMs: isFull && (done[index] ?? 0) < (most[index] ?? 0) - 1 ? SLOW : 1 }),
    );
    plan = planStorageIo(plan, uses);
    if (second >= seconds / 2) for (const [index, units] of done.entries()) sums[index] = (sums[index] ?? 0) + units;
  }
  return { done: sums.map((sum) => sum / Math.floor(seconds / 2)), deviceUnits };
}

/** By weight, none more than it wants. */
function fill(available: number, most: readonly number[], weights: readonly number[]): readonly number[] {
  const got = most.map(() => 0);
  for (let left = available, round = 0; left > 0.01 && round < 50; round++) {
    const open = most.flatMap((max, index) => ((got[index] ?? 0) < max - 0.001 ? [index] : []));
    const weight = open.reduce((sum, index) => sum + (weights[index] ?? 0), 0);
    if (weight === 0) break;
    const shared = left;
    for (const index of open) {
      const more = Math.min((most[index] ?? 0) - (got[index] ?? 0), (shared * (weights[index] ?? 0)) / weight);
      got[index] = (got[index] ?? 0) + more;
      left -= more;
    }
  }
  return got;
}

test("a deep queue does not get more than its shares for long, whatever the others are", () => {
  const rival = fc.record({
    shares: fc.integer({ min: 500, max: 2000 }),
    depth: fc.integer({ min: 1, max: 32 }),
    wants: fc.constant(10_000),
  });
  fc.assert(
    fc.property(fc.array(rival, { minLength: 2, maxLength: 5 }), (rivals) => {
      const { done, deviceUnits } = simulate(rivals, 60);
      const shares = rivals.reduce((sum, one) => sum + one.shares, 0);
      for (const [index, units] of done.entries())
        expect(units).toBeGreaterThan((0.75 * deviceUnits * (rivals[index]?.shares ?? 0)) / shares);
    }),
  );
});

test("what a device can do is done: nobody is held below what others leave", () => {
  const { done, deviceUnits } = simulate(
    [
      { shares: 1000, depth: 32, wants: 10_000 },
      { shares: 1000, depth: 1, wants: 40 },
    ],
    60,
  );
  expect(done[1]).toBeGreaterThan(32);
  expect((done[0] ?? 0) + (done[1] ?? 0)).toBeGreaterThan(0.75 * deviceUnits);
});
