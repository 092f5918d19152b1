import { expect, test } from "vitest";
import { GUEST_VARIABLES_MAX, type GuestVariable, planGuestVariables, readGuestVariables, refuseGuestVariable } from "./guest-variables.ts";

const read = (guestVariables: unknown) => readGuestVariables({ at: "request", fields: { guestVariables } }, "guestVariables");
const variable = (key: string, value = "x"): GuestVariable => ({ key, value });

test.each([
  ["cloud-init's", variable("userdata.encoding", "gzip+base64")],
  ["Ignition's, the longest that is in use", variable("ignition.config.data.encoding", "base64")],
  ["an empty value", variable("a", "")],
  ["a value with every kind of character", variable("a", 'x,file=/etc/shadow\n\0"=\u{1f600}')],
  ["the longest name", variable("k".repeat(32))],
  ["the longest value", variable("a", "v".repeat(512 * 1024))],
])("%s is told as it is", (_, told) => {
  expect(refuseGuestVariable(told)).toBeUndefined();
  expect(read([told])).toEqual([told]);
});

test.each([
  ["no name", ""],
  ["a name that climbs", "./../x"],
  ["a name with a folder", "a/b"],
  ["a name with an option in it", "a,file=/etc/shadow"],
  ["a name with a comma for QEMU", "a,,b"],
  ["a name with an equals sign", "a=b"],
  ["a name with a line end", "a\n"],
  ["a name that ends early", "a\0b"],
  ["a name with a space", "a b"],
  ["a name that is not ASCII", "schlüssel"],
  ["a name that QEMU has no room for", "k".repeat(33)],
])("%s is refused", (_, key) => {
  expect(refuseGuestVariable(variable(key))).toBeDefined();
  expect(() => read([variable(key)])).toThrow(expect.objectContaining({ fault: "InvalidArgument" }));
});

test.each<[string, unknown]>([
  ["a value that is too long", [variable("a", "v".repeat(512 * 1024 + 1))]],
  ["a value that is too long in bytes alone", [variable("a", "ü".repeat(300 * 1024))]],
  ["a value that is no text", [{ key: "a", value: 7 }]],
  ["no value", [{ key: "a" }]],
  ["one that is there twice", [variable("a"), variable("b"), variable("a")]],
  ["too many", Array.from({ length: GUEST_VARIABLES_MAX + 1 }, (_, index) => variable(`a${index}`))],
  ["too much in all", ["a", "b", "c"].map((key) => variable(key, "v".repeat(400 * 1024)))],
  ["what is no list", { 0: variable("a") }],
  ["an entry that is null", [null]],
])("%s is refused", (_, entries) => {
  expect(() => read(entries)).toThrow(expect.objectContaining({ fault: "InvalidArgument" }));
});

test("no refusal tells a value", () => {
  expect(() => read([variable("a,b", "SECRET")])).toThrow(/^(?!.*SECRET)/);
});

test("QEMU is told names and files, and no value", () => {
  expect(planGuestVariables([variable("userdata", "SECRET"), variable("b")])).toEqual([
    ...["-fw_cfg", "name=opt/bulkhead/guestinfo.userdata,file=/tmp/guestinfo/0"],
    ...["-fw_cfg", "name=opt/bulkhead/guestinfo.b,file=/tmp/guestinfo/1"],
  ]);
});
