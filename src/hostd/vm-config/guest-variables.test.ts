import { expect, test } from "vitest";
import { parseVmx } from "../../wire/index.ts";
import { guestVariablesOf } from "./guest-variables.ts";

const told = (...lines: readonly string[]) => guestVariablesOf(parseVmx(lines.join("\n"), "web.vmx"));

test("a guest is told its guestinfo, whatever the case of the prefix, and nothing else of the .vmx", () => {
  const found = told('displayName = "web"', 'guestinfo.userdata = "I2Nsb3Vk|0A"', 'GuestInfo.Role = "db, primary"', 'guestinfox.a = "1"');
  expect(found).toEqual({
    guestVariables: [
      { key: "userdata", value: "I2Nsb3Vk\n" },
      { key: "Role", value: "db, primary" },
    ],
  });
});

test("what it cannot be told is left out, and named without its value", () => {
  const { guestVariables, warning } = told('guestinfo.a/b = "SECRET"', `guestinfo.${"k".repeat(33)} = "SECRET"`, 'guestinfo.c = "1"');
  expect(guestVariables).toEqual([{ key: "c", value: "1" }]);
  expect(warning).toMatch(/guestinfo\.a\/b has characters other than .*; guestinfo\.k+ has a name of more than 32 characters/);
  expect(warning).not.toContain("SECRET");
});

test("a warning names the first of many", () => {
  const { guestVariables, warning } = told(...Array.from({ length: 70 }, (_, index) => `guestinfo.a${index} = "1"`));
  expect(guestVariables).toHaveLength(64);
  expect(warning).toMatch(/guestinfo\.a64 comes after 64 others; .*guestinfo\.a66 .*; and 3 more\.$/);
});
