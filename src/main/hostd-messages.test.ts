import { expect, test } from "vitest";
import { readGuestsStopped, readStopsWithin } from "./hostd-messages.ts";

test("hostd's word on how long its guests take is read", () => {
  expect(readStopsWithin('{"stopsWithinMs":120000}')).toBe(120_000);
  expect(readGuestsStopped('{"guestsStopped":true}')).toBe(true);
});

test.each([
  "",
  "null",
  "7",
  "[]",
  "{}",
  '{"stopsWithinMs":"1"}',
  '{"stopsWithinMs":-1}',
  '{"stopsWithinMs":1e300}',
  "{",
  '{"guestsStopped":1}',
])("what hostd says otherwise is neither: %s", (line) =>
  expect([readStopsWithin(line), readGuestsStopped(line)]).toEqual([undefined, undefined]),
);
