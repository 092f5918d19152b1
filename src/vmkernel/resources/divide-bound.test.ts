import fc from "fast-check";
import { expect, test } from "vitest";
import { type Claimant, divide } from "./divide.ts";
import { divideBound } from "./divide-bound.ts";

const HOST = { mhz: 1000, count: 2 };
const vm = (id: string, shares: number, settings: Partial<Claimant> = {}): Claimant => ({
  ...{ id, shares, reservation: 0, limit: Number.POSITIVE_INFINITY, capacity: 1000, demand: 1000 },
  ...settings,
});
const granted = (top: readonly Claimant[], bonds: Readonly<Record<string, readonly number[]>>) =>
  Object.fromEntries([...divideBound(HOST, top, new Map(Object.entries(bonds)))].map(([id, row]) => [id, Math.round(row.granted)]));

test("two VMs on one processor divide it by their shares, though the host has enough for both", () => {
  expect(granted([vm("a", 1000), vm("b", 2000)], { a: [0], b: [0] })).toEqual({ a: 333, b: 667 });
});

test("what those on one processor cannot have, one that may run on all gets", () => {
  const free = vm("free", 500, { capacity: 2000, demand: 2000 });
  expect(granted([vm("a", 1000), vm("b", 2000), free], { a: [0], b: [0] })).toEqual({ a: 333, b: 667, free: 1000 });
});

test("the shares of the pools above them count", () => {
  const pools: readonly Claimant[] = [
    { ...vm("one", 3000), members: [vm("a", 1000)] },
    { ...vm("other", 1000), members: [vm("b", 9000)] },
  ];
  expect(granted(pools, { a: [1], b: [1] })).toMatchObject({ a: 750, b: 250 });
});

test("a reservation and a limit hold on one processor too", () => {
  expect(granted([vm("a", 1000, { reservation: 600 }), vm("b", 9000)], { a: [0], b: [0] })).toEqual({ a: 600, b: 400 });
  expect(granted([vm("a", 1000), vm("b", 9000, { limit: 300 })], { a: [0], b: [0] })).toEqual({ a: 700, b: 300 });
});

test("who is content leaves the rest to the other, and would get its part if it wanted it", () => {
  const rows = divideBound(HOST, [vm("a", 1000, { demand: 300 }), vm("b", 1000)], new Map(["a", "b"].map((id) => [id, [0]])));
  expect(rows.get("b")?.granted).toBeCloseTo(700);
  expect(rows.get("a")?.claim).toBeGreaterThanOrEqual(500);
});

test("no set of processors gives more than it has, nobody gets more than it wants, and without bonds it is the host's division", () => {
  const one = fc.record({
    shares: fc.integer({ min: 1, max: 5000 }),
    demand: fc.integer({ min: 0, max: 1000 }),
    set: fc.constantFrom<readonly number[] | undefined>(undefined, [0], [1], [0, 1], [2]),
  });
  fc.assert(
    fc.property(fc.array(one, { minLength: 1, maxLength: 8 }), (ones) => {
      const top = ones.map(({ shares, demand }, index) => vm(String(index), shares, { demand }));
      const host = { mhz: 1000, count: 3 };
      const rows = divideBound(host, top, new Map(ones.flatMap(({ set }, index) => (set ? [[String(index), set]] : []))));
      const sum = (isOf: (set: readonly number[] | undefined) => boolean) =>
        ones.reduce((total, { set }, index) => total + (isOf(set) ? (rows.get(String(index))?.granted ?? 0) : 0), 0);
      for (const [index, { demand }] of ones.entries()) expect(rows.get(String(index))?.granted).toBeLessThanOrEqual(demand + 0.001);
      for (const number of [0, 1, 2]) expect(sum((set) => set?.length === 1 && set[0] === number)).toBeLessThanOrEqual(1000.001);
      expect(sum((set) => set !== undefined && !set.includes(2))).toBeLessThanOrEqual(2000.001);
      expect(sum(() => true)).toBeLessThanOrEqual(3000.001);
      expect([...divideBound(host, top, new Map())]).toEqual([...divide(3000, top)]);
    }),
  );
});
