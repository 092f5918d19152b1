import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Claimant, divide } from "./divide.ts";

const vm = (id: string, settings: Partial<Claimant> = {}): Claimant => ({
  ...{ id, reservation: 0, limit: Number.POSITIVE_INFINITY, shares: 1000, capacity: 2000, demand: 2000 },
  ...settings,
});
const pool = (id: string, members: readonly Claimant[], settings: Partial<Claimant> = {}): Claimant => ({
  ...{ id, reservation: 0, limit: Number.POSITIVE_INFINITY, shares: 4000, members },
  ...settings,
});
const granted = (available: number, top: readonly Claimant[]) =>
  Object.fromEntries([...divide(available, top)].map(([id, row]) => [id, Math.round(row.granted)]));
const claims = (available: number, top: readonly Claimant[]) =>
  Object.fromEntries([...divide(available, top)].map(([id, row]) => [id, Math.round(row.claim)]));

describe("what each gets", () => {
  test("shares of 1:2:4 divide a busy host 1:2:4", () => {
    const top = [vm("low", { shares: 500 }), vm("normal"), vm("high", { shares: 2000 })];
    expect(granted(700, top)).toEqual({ low: 100, normal: 200, high: 400 });
  });

  test("a reservation is kept, whatever the shares say", () => {
    expect(granted(1000, [vm("small", { shares: 1, reservation: 600 }), vm("big", { shares: 9999 })])).toEqual({ small: 600, big: 400 });
  });

  test("a reservation that is not wanted is lent", () => {
    expect(granted(1000, [vm("idle", { reservation: 600, demand: 50 }), vm("busy")])).toEqual({ idle: 50, busy: 950 });
  });

  test("a limit holds on an idle host", () => {
    expect(granted(4000, [vm("limited", { limit: 300 }), vm("other", { demand: 10 })])).toEqual({ limited: 300, other: 10 });
  });

  test("a pool competes as one, however many VMs are in it", () => {
    const top = [pool("a", [vm("a1")]), pool("b", [vm("b1"), vm("b2"), vm("b3")])];
    expect(granted(1200, top)).toEqual({ a: 600, a1: 600, b: 600, b1: 200, b2: 200, b3: 200 });
  });

  test("what a pool's idle members do not want stays in the pool before it leaves it", () => {
    const top = [pool("a", [vm("a1"), vm("a2", { demand: 0 })]), pool("b", [vm("b1"), vm("b2")])];
    expect(granted(1200, top)).toEqual({ a: 600, a1: 600, a2: 0, b: 600, b1: 300, b2: 300 });
  });

  test("a pool's limit bounds its members together", () => {
    expect(granted(4000, [pool("a", [vm("a1"), vm("a2")], { limit: 500 }), vm("out")])).toEqual({ a: 500, a1: 250, a2: 250, out: 2000 });
  });

  test("a member's reservation is kept by a pool that has none of its own", () => {
    const top = [pool("a", [vm("a1", { reservation: 700 }), vm("a2")], { shares: 1 }), vm("out", { shares: 9999 })];
    expect(granted(1000, top)).toMatchObject({ a1: 700, out: 300 });
  });

  test("reservations that come to more than there is are cut alike", () => {
    expect(granted(500, [vm("a", { reservation: 800 }), vm("b", { reservation: 200 })])).toEqual({ a: 400, b: 100 });
  });

  test.each([
    ["no one", []],
    ["an empty pool", [pool("a", [])]],
  ])("%s gets nothing", (_, top) => {
    expect([...divide(1000, top).values()].every((row) => row.granted === 0)).toBe(true);
  });
});

describe("what each would get", () => {
  test("an idle VM's claim is its part of a busy host", () => {
    expect(claims(1000, [vm("idle", { demand: 0 }), vm("busy")])).toMatchObject({ idle: 1000 });
    expect(claims(1000, [vm("idle", { demand: 0 }), vm("busy"), vm("busy too")])).toMatchObject({ idle: 500, busy: 500 });
  });

  test("where nobody is short of anything, a claim is all that one may have", () => {
    expect(claims(9000, [vm("a", { limit: 700 }), vm("b")])).toEqual({ a: 700, b: 2000 });
  });
});

const amount = fc.integer({ min: 0, max: 3000 });
const leaf = (id: string): fc.Arbitrary<Claimant> =>
  fc
    .record({ shares: fc.integer({ min: 1, max: 8000 }), reservation: amount, over: amount, capacity: amount, demand: amount })
    .map(({ shares, reservation, over, capacity, demand }) => ({ id, shares, reservation, limit: reservation + over, capacity, demand }));
const tree: fc.Arbitrary<readonly Claimant[]> = fc
  .array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 5 })
  .chain((sizes) =>
    fc.tuple(
      ...sizes.map((size, index) =>
        size === 0
          ? leaf(`vm ${index}`)
          : fc
              .tuple(leaf(`pool ${index}`), fc.tuple(...Array.from({ length: size }, (_, n) => leaf(`vm ${index}.${n}`))))
              .map(([{ id, shares, reservation, limit }, members]) => ({ id, shares, reservation, limit, members })),
      ),
    ),
  );

const leaves = (top: readonly Claimant[]): readonly Claimant[] =>
  top.flatMap((one) => (one.members === undefined ? [one] : leaves(one.members)));
const wantedOf = ({ limit, demand = 0, capacity = 0, members }: Claimant): number =>
  Math.min(limit, members === undefined ? Math.min(demand, capacity) : members.reduce((sum, member) => sum + wantedOf(member), 0));
const SLACK = 1e-6;

describe("of any tree", () => {
  test("no more is given than there is, and all of it while somebody wants more", () => {
    fc.assert(
      fc.property(amount, tree, (available, top) => {
        const rows = divide(available, top);
        const given = leaves(top).reduce((sum, { id }) => sum + (rows.get(id)?.granted ?? 0), 0);
        const wanted = top.reduce((sum, one) => sum + wantedOf(one), 0);
        expect(given).toBeLessThanOrEqual(available + SLACK);
        expect(Math.abs(given - Math.min(available, wanted))).toBeLessThan(1e-3);
      }),
    );
  });

  test("no one is over a limit or over what it wants, and a claim is not under what is granted", () => {
    fc.assert(
      fc.property(amount, tree, (available, top) => {
        const rows = divide(available, top);
        for (const one of [...top, ...leaves(top)]) {
          const row = rows.get(one.id);
          expect(row?.granted).toBeLessThanOrEqual(Math.min(one.limit, wantedOf(one)) + SLACK);
          expect(row?.claim).toBeGreaterThanOrEqual((row?.granted ?? 0) - SLACK);
          expect(row?.claim).toBeLessThanOrEqual(one.limit + SLACK);
        }
      }),
    );
  });

  test("where the reservations of siblings fit, each that wants its own has it", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer(), { minLength: 1, maxLength: 6 }).chain((of) => fc.tuple(...of.map((_, n) => leaf(`vm ${n}`)))),
        (top) => {
          const available = top.reduce((sum, { reservation }) => sum + reservation, 0);
          const rows = divide(available, top);
          for (const one of top) expect(rows.get(one.id)?.granted).toBeGreaterThanOrEqual(Math.min(one.reservation, wantedOf(one)) - SLACK);
        },
      ),
    );
  });

  test("more shares never give less", () => {
    fc.assert(
      fc.property(amount, tree, fc.integer({ min: 1, max: 8000 }), (available, top, more) => {
        const [first, ...others] = top;
        if (first === undefined) return;
        const before = divide(available, top).get(first.id)?.granted ?? 0;
        const after = divide(available, [{ ...first, shares: first.shares + more }, ...others]).get(first.id)?.granted ?? 0;
        expect(after).toBeGreaterThanOrEqual(before - SLACK);
      }),
    );
  });
});
