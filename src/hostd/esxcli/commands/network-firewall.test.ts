import { expect, test } from "vitest";
import { changeAllowed } from "./network-firewall.ts";

const list = { allIp: false, ipAddress: ["192.0.2.7"], ipNetwork: [{ network: "10.0.0.0", prefixLength: 8 }] };

test.each([
  ["add", "2001:db8::/32", { ...list, ipNetwork: [...list.ipNetwork, { network: "2001:db8::", prefixLength: 32 }] }],
  ["add", "192.0.2.8", { ...list, ipAddress: ["192.0.2.7", "192.0.2.8"] }],
  ["remove", "10.0.0.0/8", { ...list, ipNetwork: [] }],
  ["remove", "192.0.2.7", { ...list, ipAddress: [] }],
] as const)("%s %s", (deed, written, changed) => {
  expect(changeAllowed(list, written, deed)).toEqual(changed);
});

test.each([
  ["add", "192.0.2.7", "Ip address already exists"],
  ["remove", "192.0.2.8", "Ip address not found"],
  ["add", "192.0.2.0/33", "Invalid IP address 192.0.2.0/33"],
  ["add", "2001:db8::/129", "Invalid IP address 2001:db8::/129"],
  ["add", "somewhere", "Invalid IP address somewhere"],
  ["add", "", "Invalid IP address "],
] as const)("%s %j is refused: %s", (deed, written, words) => {
  expect(() => changeAllowed(list, written, deed)).toThrow(words);
});
