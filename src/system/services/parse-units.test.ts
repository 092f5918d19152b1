import { expect, test } from "vitest";
import { parseUnits } from "./parse-units.ts";

test("units are read in the order in which they were asked for, whatever name they go by", () => {
  const text = "Id=chrony.service\nLoadState=not-found\nActiveState=inactive\n\nId=ntpsec.service\nActiveState=active\nLoadState=loaded\n";
  expect(parseUnits(text, ["chrony.service", "ntp.service"])).toEqual([
    { name: "chrony.service", isLoaded: false, isActive: false },
    { name: "ntp.service", isLoaded: true, isActive: true },
  ]);
});

test.each([
  ["masked", "inactive", false, false],
  ["loaded", "inactive", true, false],
  ["loaded", "failed", true, false],
  ["loaded", "activating", true, false],
  ["loaded", "reloading", true, true],
])("a unit that is %s and %s", (load, active, isLoaded, isActive) => {
  expect(parseUnits(`Id=x.service\nLoadState=${load}\nActiveState=${active}\n`, ["x.service"])).toEqual([
    { name: "x.service", isLoaded, isActive },
  ]);
});

test.each(["", "nonsense", "LoadState", "\n\n\n"])("of a unit that %j is said of, nothing is believed", (text) => {
  expect(parseUnits(text, ["x.service"])).toEqual([{ name: "x.service", isLoaded: false, isActive: false }]);
});
