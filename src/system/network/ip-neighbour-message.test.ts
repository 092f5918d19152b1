import { expect, test } from "vitest";
import { decodeIpNeighbour, requestStaticNeighbour } from "./ip-neighbour-message.ts";

const bytes = (hex: string) => Buffer.from(hex.replaceAll(" ", ""), "hex");
const MAC = "0a000200 00505600 00070000";

test.each([
  ["one that answered", `02000000 03000000 0200 00 01 08000100 c0000207 ${MAC}`, { mac: "00:50:56:00:00:07", state: "reachable" }],
  ["one of whom nothing was heard for a while", `02000000 03000000 0400 00 01 08000100 c0000207 ${MAC}`, { state: "stale" }],
  ["one that does not answer", "02000000 03000000 2000 00 01 08000100 c0000207", { state: "failed" }],
  ["one that is asked for", "02000000 03000000 0100 00 01 08000100 c0000207", { state: "incomplete" }],
  ["a router", `02000000 03000000 8000 80 01 08000100 c0000207 ${MAC}`, { state: "static", isRouter: true }],
])("%s", (_, hex, expected) => {
  const found = decodeIpNeighbour(bytes(hex));
  expect(found).toMatchObject({ index: 3, address: "192.0.2.7", isRouter: false, ...expected });
  expect(found?.mac === undefined).toBe(!hex.includes(MAC));
});

test("one of IPv6 is decoded as it is asked for", () => {
  const { body } = requestStaticNeighbour(7, bytes("20010db8000000000000000000000001"), bytes("005056000007"));
  expect(decodeIpNeighbour(body)).toEqual({ index: 7, address: "2001:db8::1", mac: "00:50:56:00:00:07", state: "static", isRouter: false });
});

test.each([
  ["a bridge's", `07000000 03000000 0200 00 00 ${MAC}`],
  ["of an address of another length", "02000000 03000000 0200 00 01 06000100 c0000000"],
  ["without an address", `02000000 03000000 0200 00 01 ${MAC}`],
  ["that is in no state", "02000000 03000000 0000 00 01 08000100 c0000207"],
])("an entry %s is none", (_, hex) => expect(decodeIpNeighbour(bytes(hex))).toBeUndefined());

test("a message that is cut short is refused", () => {
  expect(() => decodeIpNeighbour(bytes("0200000003000000"))).toThrow("a message about a neighbour is cut short");
});
