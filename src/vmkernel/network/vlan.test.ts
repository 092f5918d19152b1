import fc from "fast-check";
import { expect, test } from "vitest";
import { carries, classifyVlans, isTaggedAt, NOBODYS_VLAN, rangesOf, shareVlan, VLAN_MAX, vlanModeOf, WIRE } from "./vlan.ts";

test.each([
  ["0 is EST", { vlanId: 0 }, { kind: "est" }],
  ["10 is VST", { vlanId: 10 }, { kind: "vst", vlan: 10 }],
  ["4094 is VST", { vlanId: 4094 }, { kind: "vst", vlan: 4094 }],
  ["4095 is VGT with all VLANs", { vlanId: 4095 }, { kind: "vgt", ranges: [{ first: 0, last: 4094 }] }],
  [
    "a trunk's ranges are put in order and joined",
    { vlanId: 4095, trunk: [{ first: 20, last: 30 }, { first: 5, last: 5 }, { first: 31, last: 40 }, { first: 25, last: 26 }] }, // biome-ignore format: a row
    { kind: "vgt", ranges: [{ first: 5, last: 5 }, { first: 20, last: 40 }] }, // biome-ignore format: a row
  ],
])("%s", (_, group, mode) => {
  expect(vlanModeOf(group)).toEqual(mode);
});

test.each([
  ["EST", 0, 0, true, false],
  ["EST", 0, 10, false, false],
  ["VST 10", 10, 10, true, false],
  ["VST 10", 10, 0, false, false],
  ["VST 10", 10, 11, false, false],
  ["VGT", 4095, 0, true, false],
  ["VGT", 4095, 10, true, true],
  ["VGT", 4095, 4095, false, true],
])("%s (%i): VLAN %i is carried: %s, with its tag: %s", (_, vlanId, vlan, isCarried, isTagged) => {
  const mode = vlanModeOf({ vlanId });
  expect([carries(mode, vlan), isTaggedAt(mode, vlan)]).toEqual([isCarried, isTagged]);
});

const vlans = fc.integer({ min: 0, max: VLAN_MAX });
const ranges = fc.array(fc.tuple(vlans, vlans), { minLength: 1, maxLength: 4 });
const modes = fc.oneof(
  vlans.map((vlanId) => vlanModeOf({ vlanId })),
  ranges.map((pairs) => vlanModeOf({ vlanId: 4095, trunk: pairs.map(([a, b]) => ({ first: Math.min(a, b), last: Math.max(a, b) })) })),
);

test("a VLAN and the one that stands for it are carried by the same ports, with or without a tag alike", () => {
  fc.assert(
    fc.property(fc.array(modes, { maxLength: 6 }), vlans, (all, vlan) => {
      const standIn = classifyVlans(all).standInOf(vlan);
      const carriers = all.map((mode) => carries(mode, vlan));
      if (standIn === NOBODYS_VLAN) return !carriers.includes(true);
      expect(all.map((mode) => carries(mode, standIn))).toEqual(carriers);
      expect(standIn === 0).toBe(vlan === 0);
      return true;
    }),
  );
});

test("what a mode carries has its stand-ins, and no other", () => {
  fc.assert(
    fc.property(fc.array(modes, { minLength: 1, maxLength: 4 }), vlans, ([mode = WIRE, ...others], vlan) => {
      const classes = classifyVlans([mode, ...others]);
      expect(classes.standInsOf(mode).includes(classes.standInOf(vlan))).toBe(carries(mode, vlan));
    }),
  );
});

test("a VST port's VLAN stands for itself, whatever trunks there are: its program has it as a constant", () => {
  fc.assert(
    fc.property(fc.array(modes), vlans, (others, vlan) => {
      expect(classifyVlans([...others, vlanModeOf({ vlanId: vlan })]).standInOf(vlan)).toBe(vlan);
    }),
  );
});

test("two modes share a VLAN exactly when some VLAN is carried by both", () => {
  fc.assert(
    fc.property(modes, modes, (one, other) => {
      const candidates = [...rangesOf(one), ...rangesOf(other)].map(({ first }) => first);
      expect(shareVlan(one, other)).toBe(candidates.some((vlan) => carries(one, vlan) && carries(other, vlan)));
    }),
  );
});
