import fc from "fast-check";
import { expect, test } from "vitest";
import { contains, formatIpNetwork, type IpNetwork, parseIpNetwork } from "./ip-network.ts";

test.each([
  ["192.0.2.7", undefined, "192.0.2.7"],
  ["192.0.2.7", 24, "192.0.2.0/24"],
  ["0.0.0.0", 0, "0.0.0.0/0"],
  ["2001:DB8::1", undefined, "2001:db8:0:0:0:0:0:1"],
  ["2001:db8::1", 33, "2001:db8:0:0:0:0:0:0/33"],
  ["::", 0, "0:0:0:0:0:0:0:0/0"],
  ["::ffff:192.0.2.7", undefined, "192.0.2.7"],
  ["::ffff:192.0.2.7", 120, "192.0.2.0/24"],
  ["::ffff:0:0", 90, "0:0:0:0:0:ffc0:0:0/90"],
])("%s / %s is %s", (address, prefixLength, text) => {
  expect(formatIpNetwork(parseIpNetwork(address, prefixLength) as IpNetwork)).toBe(text);
});

test.each([
  ["", undefined],
  ["localhost", undefined],
  ["192.0.2", undefined],
  ["192.0.2.0/24", undefined],
  ["fe80::1%eth0", undefined],
  ["192.0.2.7", 33],
  ["192.0.2.7", -1],
  ["192.0.2.7", 1.5],
  ["2001:db8::", 129],
])("%s / %s is no network", (address, prefixLength) => {
  expect(parseIpNetwork(address, prefixLength)).toBeUndefined();
});

test("a network is in another just when the bits say so, and in itself", () => {
  const bits = fc.bigInt({ min: 0n, max: 2n ** 128n - 1n });
  fc.assert(
    fc.property(
      bits,
      fc.integer({ min: 0, max: 128 }),
      fc.integer({ min: 0, max: 128 }),
      fc.integer({ min: 0, max: 127 }),
      (value, a, b, flip) => {
        const text = (of: bigint) => formatIpNetwork({ version: 6, first: of, prefixLength: 128 });
        const [outer, inner] = [parseIpNetwork(text(value), a), parseIpNetwork(text(value ^ (1n << BigInt(127 - flip))), b)];
        if (outer === undefined || inner === undefined || outer.version !== inner.version) return; // a mapped one
        expect(contains(outer, outer)).toBe(true);
        expect(contains(outer, inner)).toBe(a <= b && flip >= a);
      },
    ),
  );
});
