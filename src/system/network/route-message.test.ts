import { expect, test } from "vitest";
import { decodeRoute, type Route, requestRoute, requestRouteRemoval } from "./route-message.ts";

const hex = (bytes: Buffer) => bytes.toString("hex").replace(/(.{8})(?=.)/g, "$1 ");
const row = (destination: string, others: Omit<Route, "destination"> = {}): Route => ({ destination, ...others });

test.each([
  [row("0.0.0.0/0", { gateway: "192.0.2.1" }), "02000000 fe040001 00000000 08000400 03000000 08000500 c0000201"],
  [row("10.1.0.0/16"), "02100000 fe04fd01 00000000 08000100 0a010000 08000400 03000000"],
  [
    row("10.0.0.0/8", { gateway: "192.0.2.1", source: "192.0.2.9", metric: 100, protocol: 16 }),
    "02080000 fe100001 00000000 08000100 0a000000 08000400 03000000 08000500 c0000201 08000700 c0000209 08000600 64000000",
  ],
  [
    row("::/0", { gateway: "2001:db8::1", metric: 1024 }),
    "0a000000 fe040001 00000000 08000400 03000000 14000500 20010db8 00000000 00000000 00000001 08000600 00040000",
  ],
])("the request for a route %j, and what is read of it", (route, expected) => {
  const { body } = requestRoute(3, route);
  expect(hex(body)).toBe(expected);
  expect(decodeRoute(body)).toEqual({ index: 3, ...route });
});

test("a route is removed whatever its scope is", () => {
  expect(hex(requestRouteRemoval(3, row("10.1.0.0/16")).body)).toBe("02100000 fe04ff01 00000000 08000100 0a010000 08000400 03000000");
});

test.each([
  ["of the kernel's own", "02180000 fe02fd01 00000000 08000100 c0000200 08000400 03000000"],
  ["of another table", "02180000 ff040001 00000000 08000100 c0000200 08000400 03000000"],
  ["that is a local address", "02200000 fe04fe02 00000000 08000100 c0000201 08000400 03000000"],
  ["by several links", "02000000 fe040001 00000000 08000500 c0000201"],
  ["of another family", "00000000 fe040001 00000000"],
])("a route %s is none of the administrator's", (_, text) =>
  expect(decodeRoute(Buffer.from(text.replaceAll(" ", ""), "hex"))).toBeUndefined(),
);

test("a message about a route that is cut short is refused", () =>
  expect(() => decodeRoute(Buffer.alloc(11))).toThrow("a message about a route is cut short"));
