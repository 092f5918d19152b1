import { expect, test } from "vitest";
import { COUNTERS_BYTES, DROP_REASONS, dropCounterAt, GROUP_CLOCK_AT, LINE, LINE_SHIFT, LINES_AT, readCounters } from "./counters.ts";

test("what all CPUs counted is added up, and reasons that never happened are not told", () => {
  const bytes = Buffer.alloc(COUNTERS_BYTES);
  for (const cpu of [0, 5, 63]) {
    bytes.writeBigUInt64LE(10n, LINES_AT + (cpu << LINE_SHIFT) + LINE.frames);
    bytes.writeBigUInt64LE(600n, LINES_AT + (cpu << LINE_SHIFT) + LINE.bytes);
  }
  bytes.writeBigUInt64LE(7n, dropCounterAt("vlan"));
  expect(readCounters(bytes)).toEqual({ sentFrames: 30, sentBytes: 1800, dropped: { vlan: 7 } });
});

test("no reason's counter reaches into those of the CPUs", () => {
  for (const reason of DROP_REASONS) expect(dropCounterAt(reason) + 8).toBeLessThanOrEqual(GROUP_CLOCK_AT);
});
