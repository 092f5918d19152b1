import { expect, test } from "vitest";
import { broadcastOf, canonical, isInNetwork, maskOf, networkOf, prefixOfMask } from "./ip-networks.ts";

test.each([
  ["192.0.2.7", 24, "192.0.2.0"],
  ["10.1.2.3", 22, "10.1.0.0"],
  ["192.0.2.7", 32, "192.0.2.7"],
  ["192.0.2.7", 0, "0.0.0.0"],
  ["255.255.255.255", 1, "128.0.0.0"],
  ["2001:db8::7", 64, "2001:db8::"],
  ["2001:DB8:0:ff::7", 58, "2001:db8:0:c0::"],
  ["::1", 128, "::1"],
  ["::ffff:192.0.2.7", 120, "::ffff:c000:200"],
  ["fe80::1", 0, "::"],
])("%s of %i bits is in %s", (address, prefixLength, network) => {
  expect(networkOf(address, prefixLength)).toBe(network);
  expect(isInNetwork(address, { address: network, prefixLength })).toBe(true);
});

test("no address is in a network of the other family", () => {
  expect(isInNetwork("::", { address: "0.0.0.0", prefixLength: 0 })).toBe(false);
  expect(isInNetwork("10.0.1.1", { address: "10.0.0.1", prefixLength: 24 })).toBe(false);
});

test("each mask has its length, and back", () => {
  const lengths = Array.from({ length: 33 }, (_, bits) => bits);
  expect(lengths.map((bits) => prefixOfMask(maskOf(bits)))).toEqual(lengths);
  expect([maskOf(0), maskOf(12), maskOf(32)]).toEqual(["0.0.0.0", "255.240.0.0", "255.255.255.255"]);
});

test("an address of IPv6 is written in one way", () => expect(canonical("2001:DB8:0:0::1")).toBe("2001:db8::1"));

test.each([
  ["192.0.2.7", "255.255.255.0", "192.0.2.255"],
  ["10.1.2.3", "255.255.252.0", "10.1.3.255"],
  ["10.1.2.3", "255.255.255.255", "10.1.2.3"],
  ["0.0.0.0", "0.0.0.0", "255.255.255.255"],
  ["", "255.255.255.0", "0.0.0.0"],
])("%s in %s is broadcast to by %s", (address, mask, broadcast) => expect(broadcastOf(address, mask)).toBe(broadcast));
