import { expect, test } from "vitest";
import { computePolicy, showOverrides, showPolicy } from "./computed-policy.ts";
import { DEFAULT_POLICY } from "./network-config.ts";
import { parsePolicy } from "./parse-policy.ts";

const names = new Map([["eth0", "vmnic0"]]);
const deviceOf = (name: string) => names.get(name) ?? name;
const uplinkOf = (device: string) => (device === "vmnic0" ? "eth0" : undefined);
const place = { at: "policy", uplinkOf };

test("each field that a port group sets goes before its switch's, and the others are inherited", () => {
  const computed = computePolicy(DEFAULT_POLICY, { security: { macChanges: true }, teaming: { policy: "failover_explicit" } });
  expect(computed.security).toEqual({ ...DEFAULT_POLICY.security, macChanges: true });
  expect(computed.teaming).toEqual({ ...DEFAULT_POLICY.teaming, policy: "failover_explicit" });
  expect(computed.shaping).toEqual(DEFAULT_POLICY.shaping);
});

test("a policy that is shown and sent back is the same", () => {
  const policy = { ...DEFAULT_POLICY, teaming: { ...DEFAULT_POLICY.teaming, active: ["eth0"], checkBeacon: false } };
  expect(computePolicy(DEFAULT_POLICY, parsePolicy(showPolicy(policy, deviceOf), place))).toEqual(policy);
  const overrides = {
    security: { macChanges: true },
    shaping: { burstSize: 5 },
    teaming: { active: ["eth0"], standby: [], rollingOrder: true },
  };
  expect(parsePolicy(showOverrides(overrides, deviceOf), place)).toEqual(overrides);
});

test("of a port group that inherits everything, clients find each part, and nothing in it", () => {
  expect(showOverrides({}, deviceOf)).toEqual({ security: {}, nicTeaming: { failureCriteria: {} }, offloadPolicy: {}, shapingPolicy: {} });
  expect(parsePolicy(showOverrides({}, deviceOf), place)).toEqual({});
});

test("what guests may not send to switches is no client's to read or to override", () => {
  expect(showPolicy(DEFAULT_POLICY, deviceOf).security).not.toHaveProperty("blockSwitchProtocols");
  expect(parsePolicy({ security: { blockSwitchProtocols: false } as never }, place)).toEqual({});
});
