import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { defer, within } from "./deferred.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("what comes in time is what is answered, also a failure, and no timer is left", async () => {
  expect(await within(1000, Promise.resolve(1), "late")).toBe(1);
  await expect(within(1000, Promise.reject(new Error("failed")), "late")).rejects.toThrow("failed");
  expect(vi.getTimerCount()).toBe(0);
});

test("what comes too late is not waited for, and its failure is nobody's", async () => {
  const never = defer<number>();
  const outcome = within(1000, never.promise, "late");
  await vi.advanceTimersByTimeAsync(1000);
  expect(await outcome).toBe("late");
  never.reject(new Error("an unhandled rejection would fail the run"));
});
