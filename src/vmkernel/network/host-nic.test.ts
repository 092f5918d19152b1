import { expect, test } from "vitest";
import { checkConfig } from "./check-config.ts";
import type { HostNicConfig } from "./config.ts";
import { cidrOf, hostPortDevice, isHostPort } from "./host-nic.ts";
import { makeGroup, makeHostNic, makeSwitch } from "./network.fixture.ts";

const check = (...hostNics: readonly HostNicConfig[]) =>
  checkConfig({ switches: [makeSwitch({ groups: [makeGroup("lan", 0)] })], hostNics });
const ip = (address: string, prefixLength: number) => ({ ip: [{ kind: "static", address, prefixLength }] as const });

test("interfaces that can be are taken", () => {
  check(makeHostNic(0, "lan"), makeHostNic(255, "lan", { mac: "00:50:56:60:00:ff", ...ip("2001:db8::1", 64) }));
  check(makeHostNic(0, "lan"), makeHostNic(1, "lan", ip("10.0.0.10", 24))); // of another netstack
});

test.each<[string, readonly HostNicConfig[], string]>([
  ["of a name that is none", [makeHostNic(256, "lan")], "InvalidArgument"],
  ["on a port group that is not there", [makeHostNic(0, "none")], "NotFound"],
  ["of a name twice", [makeHostNic(0, "lan"), makeHostNic(0, "lan")], "AlreadyExists"],
  [
    "with the MAC address of another",
    [makeHostNic(0, "lan"), makeHostNic(1, "lan", { mac: makeHostNic(0, "lan").mac })],
    "InvalidArgument",
  ],
  ["with a group's MAC address", [makeHostNic(0, "lan", { mac: "01:50:56:60:00:00" })], "InvalidArgument"],
  ["with frames too short for IPv6", [makeHostNic(0, "lan", { mtu: 1279 })], "InvalidArgument"],
  ["with an address that is none", [makeHostNic(0, "lan", ip("10.0.0", 24))], "InvalidArgument"],
  ["with a group's address", [makeHostNic(0, "lan", ip("224.0.0.1", 24))], "InvalidArgument"],
  ["with the loopback's address", [makeHostNic(0, "lan", ip("::1", 128))], "InvalidArgument"],
  ["with an address of a link that it names", [makeHostNic(0, "lan", ip("fe80::1%eth0", 64))], "InvalidArgument"],
  ["with a prefix longer than its address", [makeHostNic(0, "lan", ip("10.0.0.1", 33))], "InvalidArgument"],
  ["in a netstack that is a path", [makeHostNic(0, "lan", { netstack: "../x" })], "InvalidArgument"],
  [
    "with an address of its netstack's other one, written otherwise",
    [
      makeHostNic(0, "lan", { ...ip("2001:db8::1", 64), netstack: "s" }),
      makeHostNic(1, "lan", { ...ip("2001:DB8:0::1", 48), netstack: "s" }),
    ],
    "InvalidArgument",
  ],
])("an interface %s is refused", (_, nics, name) => {
  expect(() => check(...nics)).toThrow(expect.objectContaining({ fault: name }));
});

test("an address is said as the kernel says it", () => {
  expect(cidrOf({ kind: "static", address: "2001:DB8:0:0::1", prefixLength: 64 })).toBe("2001:db8::1/64");
  expect(cidrOf({ kind: "static", address: "10.0.0.1", prefixLength: 8 })).toBe("10.0.0.1/8");
});

test("a link is taken for the end of the host's cable by its name, and no adapter is", () => {
  expect([hostPortDevice("vmk255"), "vmk256-port", "eth0-port", "vmk0"].map(isHostPort)).toEqual([true, false, false, false]);
});
