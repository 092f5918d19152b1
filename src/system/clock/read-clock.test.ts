import { expect, test } from "vitest";
import { parseTimex, readClockDiscipline } from "./read-clock.ts";

test.each([
  [0x40, false],
  [0x41, false],
  [0x01, true],
  [0x2001, true],
])("a clock of status %d is synchronized: %s", (status, isSynchronized) => {
  const timex = Buffer.alloc(208);
  timex.writeBigInt64LE(1500n, 24);
  timex.writeBigInt64LE(20n, 32);
  timex.writeInt32LE(status, 40);
  expect(parseTimex(timex)).toEqual({ isSynchronized, maxErrorUs: 1500, estimatedErrorUs: 20 });
});

test("this machine's kernel answers, within the bounds that it keeps to, and its clock is not touched", () => {
  const { maxErrorUs, estimatedErrorUs } = readClockDiscipline();
  expect(maxErrorUs).toBeGreaterThanOrEqual(0);
  expect(maxErrorUs).toBeLessThanOrEqual(16_000_000); // NTP_PHASE_LIMIT
  expect(estimatedErrorUs).toBeGreaterThanOrEqual(0);
});
