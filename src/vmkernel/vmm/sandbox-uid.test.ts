import fc from "fast-check";
import { expect, test } from "vitest";
import { MONITOR_UIDS, pickUid } from "./sandbox-uid.ts";

test("a uid that is taken is not given again", () => {
  const first = pickUid("00000000", new Set());
  expect(first).toBe(MONITOR_UIDS.min);
  expect(pickUid("00000000", new Set([200_000, 200_001, 200_003]))).toBe(200_002);
});

test("after the last uid comes the first", () => {
  const lastHost = (MONITOR_UIDS.max - MONITOR_UIDS.min).toString(16).padStart(8, "0");
  expect(pickUid(lastHost, new Set())).toBe(MONITOR_UIDS.max);
  expect(pickUid(lastHost, new Set([MONITOR_UIDS.max]))).toBe(MONITOR_UIDS.min);
});

test("when all are taken there is none", () => {
  const all = new Set(Array.from({ length: MONITOR_UIDS.max - MONITOR_UIDS.min + 1 }, (_, index) => MONITOR_UIDS.min + index));
  expect(pickUid("deadbeef", all)).toBeUndefined();
});

test("whatever the host and whatever is taken, it is one of the range and free", () => {
  const hostId = fc.integer({ min: 0, max: 0xffffffff }).map((number) => number.toString(16).padStart(8, "0"));
  fc.assert(
    fc.property(hostId, fc.uniqueArray(fc.integer(MONITOR_UIDS), { maxLength: 100 }), (host, taken) => {
      const uid = pickUid(host, new Set(taken));
      expect(uid).toBeGreaterThanOrEqual(MONITOR_UIDS.min);
      expect(uid).toBeLessThanOrEqual(MONITOR_UIDS.max);
      expect(taken).not.toContain(uid);
    }),
  );
});
