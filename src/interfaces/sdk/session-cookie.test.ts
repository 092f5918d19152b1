import { expect, test } from "vitest";
import { formatSessionCookie, readSessionCookie } from "./session-cookie.ts";

const KEY = "0123456789abcdef0123456789abcdef01234567";

test.each([
  ["in quotes", `vmware_soap_session="${KEY}"`],
  ["bare", `vmware_soap_session=${KEY}`],
  ["the whole Set-Cookie text", formatSessionCookie(KEY)],
  ["the whole text without its end", `vmware_soap_session="${KEY}"; Path=/; HttpOnly; Secure`],
  ["among others", `a=b; vmware_soap_session="${KEY}";$Version=1`],
  ["behind a space", ` vmware_soap_session = ${KEY} `],
])("a session cookie %s is read", (_, header) => {
  expect(readSessionCookie(header)).toBe(KEY);
});

test.each([
  ["none", undefined],
  ["an empty one", ""],
  ["another", "vmware_cgi_ticket=x"],
  ["one whose name only ends alike", `xvmware_soap_session=${KEY}`],
  ["an empty value", 'vmware_soap_session=""'],
  ["a value with a quote inside", 'vmware_soap_session="a"b"'],
  ["a line feed", "vmware_soap_session=a\nb"],
  ["an endless value", `vmware_soap_session=${"a".repeat(10_000)}`],
  ["no value", "vmware_soap_session"],
])("%s is no session", (_, header) => {
  expect(readSessionCookie(header)).toBeUndefined();
});

test("the cookie is set as ESXi sets it", () => {
  expect(formatSessionCookie(KEY)).toBe(`vmware_soap_session="${KEY}"; Path=/; HttpOnly; Secure;`);
});
