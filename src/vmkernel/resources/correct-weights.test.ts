import fc from "fast-check";
import { expect, test } from "vitest";
import type { VmId } from "../../base/index.ts";
import { correctWeights } from "./correct-weights.ts";
import type { RunningVm } from "./plan-cpu.ts";

const MHZ = 1000;
const id = (number: number) => String(number) as VmId;
const wanting = (number: number, used: number, grantedMhz: number): RunningVm => ({
  vm: id(number),
  vcpus: 2,
  used,
  waited: 2 - used,
  grantedMhz,
});

test("who got less than was granted weighs more, who got more weighs less", () => {
  const factors = correctWeights(new Map(), [wanting(1, 0.2, 500), wanting(2, 0.8, 500)], MHZ);
  expect(factors.get(id(1))).toBeGreaterThan(1.2);
  expect(factors.get(id(2))).toBeLessThan(0.8);
});

test("only how they share counts, not what programs of the host took from both", () => {
  const factors = correctWeights(new Map(), [wanting(1, 0.1, 500), wanting(2, 0.2, 1000)], MHZ);
  expect([...factors.values()].map((factor) => Math.round(factor * 1e6))).toEqual([1e6, 1e6]);
});

test("who wanted no more than it had, who is to have more than its part at once, and who is alone, is left as it is", () => {
  const content: RunningVm = { vm: id(1), vcpus: 2, used: 0.1, waited: 0.05, grantedMhz: 500 };
  const urgent: RunningVm = { ...wanting(2, 1.5, 500), latency: "high" };
  const fresh: RunningVm = { vm: id(3), vcpus: 2 };
  expect([...correctWeights(new Map(), [content, urgent, fresh, wanting(4, 0.1, 500)], MHZ).values()]).toEqual([1, 1, 1, 1]);
});

test("what was learned is forgotten once nobody waits", () => {
  let factors: ReadonlyMap<VmId, number> = new Map([[id(1), 4]]);
  for (let look = 0; look < 10; look++)
    factors = correctWeights(factors, [{ vm: id(1), vcpus: 2, used: 0.1, waited: 0, grantedMhz: 500 }], MHZ);
  expect(factors.get(id(1))).toBeCloseTo(1, 1);
});

test("whatever they used, waited and were granted, each factor is a number that the kernel can be told", () => {
  const amount = fc.oneof(fc.constant(0), fc.double({ min: 0, max: 2, noNaN: true }));
  const rival = fc.record({
    used: amount,
    waited: amount,
    grantedMhz: fc.oneof(fc.constant(0), fc.double({ min: 1e-6, max: 2000, noNaN: true })),
  });
  fc.assert(
    fc.property(fc.array(fc.array(rival, { minLength: 3, maxLength: 3 }), { minLength: 1, maxLength: 5 }), (looks) => {
      let factors: ReadonlyMap<VmId, number> = new Map();
      for (const rivals of looks) {
        const vms = rivals.map((one, index): RunningVm => ({ vm: id(index), vcpus: 2, ...one }));
        factors = correctWeights(factors, vms, MHZ);
        for (const factor of factors.values()) expect(factor >= 1 / 8 && factor <= 8).toBe(true);
      }
    }),
  );
});

test("of two that waited all the time, and used less than a tick of the clock, neither is corrected", () => {
  const waiting = (number: number): RunningVm => ({ vm: id(number), vcpus: 1, used: 0, waited: 1, grantedMhz: 500 });
  expect([...correctWeights(new Map(), [waiting(1), waiting(2)], MHZ).values()]).toEqual([1, 1]);
});

test("under a kernel that favours some by up to three times, each has its part in twenty looks, within 5 %", () => {
  const rival = fc.record({ shares: fc.integer({ min: 500, max: 2000 }), favour: fc.double({ min: 0.6, max: 1.7, noNaN: true }) });
  fc.assert(
    fc.property(fc.array(rival, { minLength: 2, maxLength: 8 }), (rivals) => {
      const shares = rivals.reduce((sum, one) => sum + one.shares, 0);
      const granted = rivals.map((one) => (2 * one.shares) / shares);
      let factors: ReadonlyMap<VmId, number> = new Map();
      let used: readonly number[] = [];
      for (let look = 0; look < 20; look++) {
        const weights = rivals.map((one, index) => one.shares * one.favour * (factors.get(id(index)) ?? 1));
        const all = weights.reduce((sum, weight) => sum + weight, 0);
        used = weights.map((weight) => (2 * weight) / all);
        const vms = used.map((amount, index) => ({ ...wanting(index, amount, (granted[index] ?? 0) * MHZ), waited: 2 }));
        factors = correctWeights(factors, vms, MHZ);
      }
      for (const [index, amount] of used.entries()) expect(Math.abs(amount / (granted[index] ?? 0) - 1)).toBeLessThan(0.05);
    }),
  );
});
