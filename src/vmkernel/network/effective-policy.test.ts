import { expect, test } from "vitest";
import { effectivePolicy } from "./effective-policy.ts";
import { makePolicy } from "./network.fixture.ts";

const ofSwitch = makePolicy({
  security: { allowPromiscuous: true, macChanges: false },
  shaping: { enabled: true, averageBandwidth: 1000, peakBandwidth: 2000, burstSize: 100 },
  teaming: { active: ["eth1"], standby: ["eth2"], notifySwitches: false },
});

test("a port group that sets nothing has what its switch has", () => {
  expect(effectivePolicy(ofSwitch, {})).toEqual(ofSwitch);
});

test.each([
  ["security", { security: { macChanges: true } }, { security: { ...ofSwitch.security, macChanges: true } }],
  ["shaping", { shaping: { peakBandwidth: 5000 } }, { shaping: { ...ofSwitch.shaping, peakBandwidth: 5000 } }],
  ["shaping, off", { shaping: { enabled: false } }, { shaping: { ...ofSwitch.shaping, enabled: false } }],
  ["teaming", { teaming: { rollingOrder: true } }, { teaming: { ...ofSwitch.teaming, rollingOrder: true } }],
])("a port group overrides one field of %s and no other", (_, overrides, changed) => {
  expect(effectivePolicy(ofSwitch, overrides)).toEqual({ ...ofSwitch, ...changed });
});

test("the order of uplinks is overridden as one: a port group's active ones do not get the switch's standby ones", () => {
  const { teaming } = effectivePolicy(ofSwitch, { teaming: { active: ["eth2"] } });
  expect([teaming.active, teaming.standby]).toEqual([["eth2"], []]);
});
