/**
 * Which VLANs a port carries, and how its frames are tagged there. Pure.
 * Paper «Virtual Switch VLANs»: EST, VST and VGT. The VLAN of an untagged frame is 0, which is a VLAN of its own: no other VLAN is
 * native («Virtual switches have no support for native VLAN»).
 */
import type { PortGroupConfig, VlanRange } from "./config.ts";

export type VlanMode =
  /** External switch tagging: frames are untagged, and stay so. */
  | { readonly kind: "est" }
  /** Virtual switch tagging: frames are untagged at the port, and of this VLAN in the switch. */
  | { readonly kind: "vst"; readonly vlan: number }
  /** Guest tagging: frames are as they are in the switch. Ranges in their order, apart from each other. */
  | { readonly kind: "vgt"; readonly ranges: readonly VlanRange[] };

export const VLAN_MAX = 4094;
/** The configuration's word for VGT. As a VLAN it is reserved (IEEE 802.1Q §9.6), so here it stands for one that nobody is in. */
export const VGT_ID = 4095;
export const NOBODYS_VLAN = 4095;
export const UNTAGGED = 0;
const ALL: VlanRange = { first: UNTAGGED, last: VLAN_MAX };

export type TrunkMode = Extract<VlanMode, { kind: "vgt" }>;

/** An uplink carries every VLAN, as the wire does. */
export const WIRE: TrunkMode = { kind: "vgt", ranges: [ALL] };

export function vlanModeOf({ vlanId, trunk }: Pick<PortGroupConfig, "vlanId" | "trunk">): VlanMode {
  if (vlanId === UNTAGGED) return { kind: "est" };
  return vlanId === VGT_ID ? { kind: "vgt", ranges: joinRanges(trunk ?? [ALL]) } : { kind: "vst", vlan: vlanId };
}

function joinRanges(ranges: readonly VlanRange[]): readonly VlanRange[] {
  const joined: VlanRange[] = [];
  for (const range of [...ranges].sort((a, b) => a.first - b.first)) {
    const before = joined.at(-1);
    if (before !== undefined && range.first <= before.last + 1)
      joined.splice(-1, 1, { first: before.first, last: Math.max(before.last, range.last) });
    else joined.push(range);
  }
  return joined;
}

/** What it carries, as ranges. */
export function rangesOf(mode: VlanMode): readonly VlanRange[] {
  switch (mode.kind) {
    case "est":
      return [{ first: UNTAGGED, last: UNTAGGED }];
    case "vst":
      return [{ first: mode.vlan, last: mode.vlan }];
    case "vgt":
      return mode.ranges;
  }
}

/** Whether a port of this mode may send and receive frames of this VLAN. */
export function carries(mode: VlanMode, vlan: number): boolean {
  return rangesOf(mode).some(({ first, last }) => first <= vlan && vlan <= last);
}

/** Whether frames of this VLAN have their tag at a port of this mode. */
export function isTaggedAt(mode: VlanMode, vlan: number): boolean {
  return mode.kind === "vgt" && vlan !== UNTAGGED;
}

/** Whether some frame can go from the one to the other. */
export function shareVlan(one: VlanMode, other: VlanMode, among: VlanRange = ALL): boolean {
  return rangesOf(one).some((a) =>
    rangesOf(other).some((b) => Math.max(a.first, b.first, among.first) <= Math.min(a.last, b.last, among.last)),
  );
}

/** VLANs that have a tag on a trunk. */
export const TAGGED_VLANS: VlanRange = { first: 1, last: VLAN_MAX };

/**
 * VLANs that the same ports are in are one class, and one of them stands for all: a switch with a trunk needs no 4094 rows in its table.
 */
export interface VlanClasses {
  /** Which VLAN stands for this one; {@link NOBODYS_VLAN} where no port carries it. */
  standInOf(vlan: number): number;
  /** One for each class that the mode carries. */
  standInsOf(mode: VlanMode): readonly number[];
}

export function classifyVlans(modes: readonly VlanMode[]): VlanClasses {
  const ranges = modes.flatMap(rangesOf);
  // The untagged are a class of their own: what has a tag and what has none are not treated alike.
  const cuts = new Set([UNTAGGED, UNTAGGED + 1, ...ranges.flatMap(({ first, last }) => [first, last + 1])]);
  const starts = [...cuts].filter((vlan) => vlan <= VLAN_MAX).sort((a, b) => a - b);
  const isUsed = (vlan: number): boolean => ranges.some(({ first, last }) => first <= vlan && vlan <= last);
  const used = starts.filter(isUsed);
  return {
    standInOf: (vlan) => {
      const start = starts.findLast((candidate) => candidate <= vlan) ?? UNTAGGED;
      return vlan <= VLAN_MAX && isUsed(start) ? start : NOBODYS_VLAN;
    },
    standInsOf: (mode) => used.filter((start) => carries(mode, start)),
  };
}
