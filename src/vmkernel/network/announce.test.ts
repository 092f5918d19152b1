import { expect, test } from "vitest";
import { announcement } from "./announce.ts";
import { vlanModeOf } from "./vlan.ts";

test.each([
  ["EST", 0, ""],
  ["VST", 10, "8100000a"],
  ["VGT", 4095, ""],
])("a port in %s mode is announced by a reverse ARP request to all, with the tag of its frames", (_, vlanId, tag) => {
  const frame = announcement("00:50:56:00:00:01", vlanModeOf({ vlanId })).toString("hex");
  const request = "0001080006040003005056000001000000000050560000010000000000".slice(0, 56);
  expect(frame.startsWith(`ffffffffffff005056000001${tag}8035${request}`)).toBe(true);
  expect(frame.length).toBe(120);
});
