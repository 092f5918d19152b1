import { expect, test } from "vitest";
import type { AnyValue } from "../../wire/index.ts";
import { openDatabase } from "../database.ts";
import { matchOptions, optionDefs, optionRows } from "./option-catalogue.ts";
import { Options } from "./options.ts";

const TIMEOUT = "Config.HostAgent.vmacore.soap.sessionTimeout";
const SESSIONS = "Config.HostAgent.vmacore.soap.maxSessionCount";
const int = (value: number): AnyValue => ({ anyType: "int", value });

test("an option keeps its value over a restart", () => {
  const database = openDatabase(":memory:");
  new Options(database).update([{ key: TIMEOUT, value: int(5) }]);
  expect(new Options(database).get(TIMEOUT)).toBe(5);
  expect(new Options(database).get(SESSIONS)).toBe(500);
});

test("a value that is out of today's bounds gives way to the default", () => {
  const database = openDatabase(":memory:");
  database.prepare("INSERT INTO setting (key, value) VALUES (?, '0')").run(`option:${TIMEOUT}`);
  database.prepare("INSERT INTO setting (key, value) VALUES (?, 'many')").run(`option:${SESSIONS}`);
  expect([TIMEOUT, SESSIONS].map((key) => new Options(database).get(key as typeof TIMEOUT))).toEqual([30, 500]);
});

test.each<[string, string, AnyValue | undefined, string]>([
  ["that does not exist", "UserVars.None", int(1), "InvalidName"],
  ["named after a method of every object", "constructor", int(1), "InvalidName"],
  ["below its bound", TIMEOUT, int(0), "InvalidArgument"],
  ["above its bound", TIMEOUT, int(1441), "InvalidArgument"],
  ["of another type", TIMEOUT, { anyType: "string", value: "30" }, "InvalidArgument"],
  ["with a fraction", TIMEOUT, { anyType: "double", value: 1.5 }, "InvalidArgument"],
  ["that is true or false, to a number", "VMkernel.Boot.hyperthreadingMitigation", int(1), "InvalidArgument"],
  ["without a value", TIMEOUT, undefined, "InvalidArgument"],
])("an option %s is refused, and those beside it stay as they were", (_, key, value, fault) => {
  const options = new Options(openDatabase(":memory:"));
  const changed = [
    { key: SESSIONS, value: int(20) },
    { key, value },
  ];
  expect(() => options.update(changed)).toThrow(expect.objectContaining({ fault }));
  expect(options.get(SESSIONS)).toBe(500);
});

test.each([
  [undefined, 14],
  ["", 14],
  ["Mem.", 8],
  ["Config.HostAgent.", 3],
  [TIMEOUT, 1],
])("asked for %j, %d options are found", (name, count) => expect(matchOptions(name)).toHaveLength(count));

test.each(["Config.HostAgent", "Config.None.", "."])("%j is no option and no beginning of one", (name) => {
  expect(() => matchOptions(name)).toThrow(expect.objectContaining({ fault: "InvalidName" }));
});

test("every option starts within its bounds and is described", () => {
  for (const { min, max, default: start } of Object.values(optionRows)) expect(start >= min && start <= max).toBe(true);
  expect(optionDefs).toHaveLength(Object.keys(optionRows).length);
});
