import fc from "fast-check";
import { expect, test } from "vitest";
import { chooseUplink, listenedUplinks, slotOfMac, TEAM_SLOTS, uplinksInUse } from "./teaming.ts";

const team = { active: ["a", "b"], standby: ["c", "d"] };

test.each([
  // failback, links that are up, those in use before, those in use now
  ["both active ones", true, "abcd", "", "ab"],
  ["the active one that is left", true, "bcd", "ab", "b"],
  ["the first of those in standby, when no active one is left", true, "cd", "b", "c"],
  ["the next in standby, when the first has no link either", true, "d", "", "d"],
  ["none, when no link is up", true, "", "a", ""],
  ["the active ones again, as soon as one is back", true, "acd", "c", "a"],
  ["without failback, the one in standby until it fails", false, "abcd", "c", "c"],
  ["without failback, the active ones once that in standby has failed", false, "abd", "c", "ab"],
  ["without failback, one of the active ones while the other one is back but idle", false, "ab", "b", "b"],
  ["without failback, those that are in the team still", false, "ab", "x", "ab"],
])("in use: %s", (_, failback, up, before, expected) => {
  const inUse = uplinksInUse({ ...team, rollingOrder: !failback }, (device) => up.includes(device), [...before]);
  expect(inUse.join("")).toBe(expected);
});

test("what is in use has its link and is in the team, whatever was in use before", () => {
  const some = fc.uniqueArray(fc.constantFrom(..."abcdxy"));
  fc.assert(
    fc.property(some, some, fc.boolean(), (up, before, rollingOrder) => {
      const inUse = uplinksInUse({ ...team, rollingOrder }, (device) => up.includes(device), before);
      for (const device of inUse) expect(up.includes(device) && "abcd".includes(device)).toBe(true);
      if (up.some((device) => "abcd".includes(device))) expect(inUse).not.toEqual([]);
    }),
  );
});

test.each([
  ["explicit order: the first", "failover_explicit", 5, { kind: "fixed", uplink: "a" }],
  ["port id: in turn", "loadbalance_srcid", 5, { kind: "fixed", uplink: "c" }],
  ["port id: in turn, from the first", "loadbalance_srcid", 6, { kind: "fixed", uplink: "a" }],
] as const)("%s", (_, policy, port, choice) => {
  expect(chooseUplink(policy, ["a", "b", "c"], port)).toEqual(choice);
});

test.each(["loadbalance_srcmac", "loadbalance_ip"] as const)("%s deals its slots out evenly", (policy) => {
  const choice = chooseUplink(policy, ["a", "b", "c"], 1);
  const slots = choice.kind === "hashed" ? choice.slots : [];
  expect(slots.length).toBe(TEAM_SLOTS);
  const counts = ["a", "b", "c"].map((device) => slots.filter((slot) => slot === device).length);
  expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
});

test.each(["failover_explicit", "loadbalance_srcid", "loadbalance_srcmac", "loadbalance_ip"] as const)(
  "%s: no uplink, no choice",
  (policy) => {
    expect(chooseUplink(policy, [], 1)).toEqual({ kind: "none" });
  },
);

test("a port takes group frames from the uplink that its own go to, so it gets each once", () => {
  const mac = "00:50:56:00:00:07";
  const choice = chooseUplink("loadbalance_srcmac", ["a", "b", "c"], 1);
  const sentBy = choice.kind === "hashed" ? choice.slots[slotOfMac(mac)] : undefined;
  expect(listenedUplinks(choice, mac)).toEqual([sentBy]);
  expect(listenedUplinks(chooseUplink("failover_explicit", ["b", "a"], 1), mac)).toEqual(["b"]);
});

test("of linked uplinks (IP hash) a port takes group frames from each: they send it once", () => {
  expect(listenedUplinks(chooseUplink("loadbalance_ip", ["a", "b"], 1), "00:50:56:00:00:07")).toEqual(["a", "b"]);
});
