import { expect, test } from "vitest";
import { canBeEnded, type LockdownMode, letsIn, NO_LOCKDOWN } from "./lockdown.ts";

test.each<[LockdownMode, string, boolean]>([
  ["lockdownDisabled", "root", true],
  ["lockdownDisabled", "nobody in particular", true],
  ["lockdownNormal", "root", false],
  ["lockdownNormal", "backup", true],
  ["lockdownNormal", "vpxuser", true],
  ["lockdownNormal", "Backup", false],
  ["lockdownNormal", "", false],
  ["lockdownStrict", "root", false],
  ["lockdownStrict", "backup", true],
  ["lockdownStrict", "vpxuser", true],
])("%s with 'backup' excepted: %s comes in: %s", (mode, userName, comes) => {
  expect(letsIn({ mode, exceptions: ["backup"] }, userName)).toBe(comes);
});

test.each<[LockdownMode, readonly string[], readonly string[], boolean]>([
  ["lockdownDisabled", [], ["root"], true],
  ["lockdownNormal", [], ["root"], true], // by root, at the machine
  ["lockdownStrict", [], ["root"], false],
  ["lockdownStrict", ["backup"], ["root"], false],
  ["lockdownStrict", ["anna"], ["root", "anna"], true],
  ["lockdownStrict", [], ["root", "vpxuser"], true],
])("%s with %j excepted and %j administrators can be ended: %s", (mode, exceptions, administrators, can) => {
  expect(canBeEnded({ mode, exceptions }, administrators)).toBe(can);
});

test("without lockdown nobody is excepted and everybody comes in", () => {
  expect(NO_LOCKDOWN.exceptions).toEqual([]);
  expect(letsIn(NO_LOCKDOWN, "anyone")).toBe(true);
});
