import fc from "fast-check";
import { expect, test } from "vitest";
import { freeNumber, portId } from "./port-id.ts";

test.each([
  // As captured from a host.
  [33554438, { switchNumber: 2, number: 6, isUplink: false }],
  [67108881, { switchNumber: 4, number: 17, isUplink: false }],
  [2214592517, { switchNumber: 4, number: 5, isUplink: true }],
])("%i is the number of a port", (id, parts) => {
  expect(portId(parts)).toBe(id);
});

test("different ports have different numbers, of 32 bits", () => {
  const ports = fc.record({
    switchNumber: fc.integer({ min: 1, max: 127 }),
    number: fc.integer({ min: 0, max: 0xff_ffff }),
    isUplink: fc.boolean(),
  });
  fc.assert(
    fc.property(ports, ports, (one, other) => {
      expect(portId(one)).toBe(portId(one) >>> 0);
      expect(portId(one) === portId(other)).toBe(JSON.stringify(one) === JSON.stringify(other));
    }),
  );
});

test("a number that was given back is given again, the lowest first", () => {
  expect(freeNumber(new Set([1, 2, 4]), 1)).toBe(3);
});
