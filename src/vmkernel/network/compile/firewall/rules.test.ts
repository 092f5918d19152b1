import { expect, test } from "vitest";
import type { FirewallRule } from "../../config.ts";
import { relevantRules } from "./rules.ts";

const rules: readonly FirewallRule[] = [
  { direction: "both", action: "allow" },
  { direction: "out", action: "allow", protocol: "arp" },
  { direction: "in", action: "allow", protocol: "tcp", localPorts: { first: 22, last: 22 } },
  { direction: "out", action: "deny", remote: { address: "10.0.0.0", prefixLength: 8 } },
  { direction: "out", action: "deny", remote: { address: "fd00::", prefixLength: 8 } },
  { direction: "both", action: "deny", remoteMac: "00:50:56:00:00:01" },
];

test.each([
  ["out", "ipv4", [0, 3, 5]],
  ["out", "ipv6", [0, 4, 5]],
  ["out", "arp", [0, 1, 5]],
  ["out", "other", [0, 5]],
  ["in", "ipv4", [0, 2, 5]],
  ["in", "arp", [0, 5]],
] as const)("for a packet that goes %s and is %s, the rules %j are tried, in their order", (direction, kind, expected) => {
  expect(relevantRules({ rules, otherwise: "deny" }, direction, kind).map(({ index }) => index)).toEqual(expected);
});
