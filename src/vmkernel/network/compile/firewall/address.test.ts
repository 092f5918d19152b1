import { expect, test } from "vitest";
import { addressBytes, networkWords } from "./address.ts";

test.each([
  ["10.0.200.3", "0a00c803"],
  ["::", "00000000000000000000000000000000"],
  ["::1", "00000000000000000000000000000001"],
  ["fd00::", "fd000000000000000000000000000000"],
  ["fd00:1:2:3:4:5:6:7", "fd000001000200030004000500060007"],
  ["fd00::abcd:1", "fd000000000000000000 0000abcd0001".replace(" ", "")],
  ["::ffff:10.0.0.1", "00000000000000000000ffff0a000001"],
])("%s is %s", (text, hex) => {
  expect(addressBytes(text).toString("hex")).toBe(hex);
});

test.each([
  ["10.0.0.0", 0, []],
  ["10.1.2.3", 32, ["0: ffffffff 0a010203"]],
  ["10.255.2.3", 12, ["0: fff00000 0af00000"]],
  ["fd00::1", 0, []],
  ["fd00:1::", 33, ["0: ffffffff fd000001", "4: 80000000 00000000"]],
  ["fd00::1", 128, ["0: ffffffff fd000000", "4: ffffffff 00000000", "8: ffffffff 00000000", "12: ffffffff 00000001"]],
])("of an address in %s/%i these words are compared", (address, prefixLength, expected) => {
  const bigEndian = (value: number): string => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value);
    return bytes.toString("hex");
  };
  const words = networkWords(address, prefixLength).map(({ at, mask, value }) => `${at}: ${bigEndian(mask)} ${bigEndian(value)}`);
  expect(words).toEqual(expected);
});
