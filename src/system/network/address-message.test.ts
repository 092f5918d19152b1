import { expect, test } from "vitest";
import { decodeAddress, parseCidr, requestAddress, requestAddressRemoval } from "./address-message.ts";

const hex = (bytes: Buffer) => bytes.toString("hex").replace(/(.{8})(?=.)/g, "$1 ");

test.each([
  ["192.0.2.1/24", "02180000 03000000 08000200 c0000201 08000100 c0000201 08000400 c00002ff"],
  ["10.0.0.1/8", "02080000 03000000 08000200 0a000001 08000100 0a000001 08000400 0affffff"],
  ["192.0.2.1/0", "02000000 03000000 08000200 c0000201 08000100 c0000201 08000400 ffffffff"],
  ["192.0.2.1/31", "021f0000 03000000 08000200 c0000201 08000100 c0000201"], // two hosts and no broadcast: RFC 3021
  ["192.0.2.1/32", "02200000 03000000 08000200 c0000201 08000100 c0000201"],
  ["2001:db8::1/64", "0a400000 03000000 14000200 20010db8 00000000 00000000 00000001 14000100 20010db8 00000000 00000000 00000001"],
])("the request for %s", (cidr, expected) => {
  const { body } = requestAddress(3, cidr);
  expect(hex(body)).toBe(expected);
  expect(decodeAddress(body)).toEqual({ index: 3, address: cidr, isDuplicate: false });
});

test("an address that another host has is told apart", () => {
  const { body } = requestAddress(3, "2001:db8::1/64");
  body.writeUInt8(0x88, 2); // permanent, and DAD failed
  expect(decodeAddress(body)).toEqual({ index: 3, address: "2001:db8::1/64", isDuplicate: true });
});

test("an address is taken away by itself", () => {
  expect(hex(requestAddressRemoval(3, "192.0.2.1/24").body)).toBe("02180000 03000000 08000200 c0000201 08000100 c0000201");
});

test.each([
  "",
  "192.0.2.1",
  "192.0.2.1/33",
  "192.0.2.1/-1",
  "192.0.2/24",
  "2001:db8::1/129",
  "fe80::1%eth0/64",
  "host/24",
  "192.0.2.1/24/24",
])("%j is no address with the length of its prefix", (text) =>
  expect(() => parseCidr(text)).toThrow(`${JSON.stringify(text)} is no IP address`),
);

test.each(["0218", "0218000003000000"])("a message about an address that has only %s is refused", (text) =>
  expect(() => decodeAddress(Buffer.from(text, "hex"))).toThrow("a message about an IP address"),
);
