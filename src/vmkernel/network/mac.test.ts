import fc from "fast-check";
import { expect, test } from "vitest";
import { isGroupMac, isMac, macBytes, macWord } from "./mac.ts";

test.each([
  ["00:50:56:00:00:01", true],
  ["00:50:56:00:00:0A", false],
  ["00-50-56-00-00-01", false],
  ["00:50:56:00:00", false],
  ["00:50:56:00:00:01:02", false],
  ["0:50:56:00:00:01", false],
])("%s is a MAC address: %s", (text, is) => {
  expect(isMac(text)).toBe(is);
});

test.each([
  ["ff:ff:ff:ff:ff:ff", true],
  ["01:00:5e:00:00:01", true],
  ["00:50:56:00:00:01", false],
  ["02:00:00:00:00:00", false],
])("%s is of a group: %s", (mac, is) => {
  expect(isGroupMac(mac)).toBe(is);
});

test("a word is what a little-endian machine loads from the frame", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 6, maxLength: 6 }), (bytes) => {
      const mac = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(":");
      expect(macWord(mac)).toBe(Buffer.concat([macBytes(mac), Buffer.alloc(2)]).readBigUInt64LE());
    }),
  );
});
