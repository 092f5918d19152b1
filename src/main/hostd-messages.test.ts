import { expect, test } from "vitest";
import { readGuestsStopped, readLockdown, readPowerOperation, readStopsWithin } from "./hostd-messages.ts";

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

test("hostd's word on its lockdown mode is read", () => {
  const lockdown = { mode: "lockdownNormal", exceptions: ["backup.svc"] };
  expect(readLockdown(JSON.stringify({ lockdown }))).toEqual(lockdown);
});

test.each([
  "{}",
  '{"lockdown":null}',
  '{"lockdown":{"mode":"lockdownOdd","exceptions":[]}}',
  '{"lockdown":{"mode":"lockdownNormal"}}',
  '{"lockdown":{"mode":"lockdownNormal","exceptions":[1]}}',
  '{"lockdown":{"mode":"lockdownNormal","exceptions":["\\u001b[2J"]}}',
])("what it says otherwise is no lockdown mode: %s", (line) => expect(readLockdown(line)).toBeUndefined());

test.each([
  ['{"powerHost":"reboot"}', "reboot"],
  ['{"powerHost":"shutdown"}', "shutdown"],
  ['{"powerHost":"halt"}', undefined],
  ["powerHost", undefined],
])("what hostd asks of the host's power is read: %s", (line, operation) => expect(readPowerOperation(line)).toBe(operation));
