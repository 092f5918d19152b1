/**
 * What the host's port groups can be and vim25 of a single host has no words for: trunks of some VLANs, and shaping of what ports
 * receive. Pure. The limits are those of vim25 for distributed port groups, which have both: VmwareDistributedVirtualSwitchTrunkVlanSpec,
 * DVSTrafficShapingPolicy.
 */
import { isDeepStrictEqual } from "node:util";
import { type ShapedWay, VGT_ID, type VlanRange } from "../../vmkernel/index.ts";
import type { HostNetworkTrafficShapingPolicy } from "../../wire/index.ts";
import { computePolicy } from "./computed-policy.ts";
import { findPortGroup, type VirtualNetwork, type VirtualPortGroup, type VirtualSwitch } from "./network-config.ts";
import { checkBandwidths, invalidArgument, readBandwidths } from "./parse-policy.ts";
import { notFound } from "./plan-network.ts";
import { withInbound, withShaping } from "./unsaid.ts";

const VLAN_MAX = 4094;
const RANGES_MAX = 2048; // every second VLAN
/** More than as many ranges take, each with a blank. */
const TEXT_LENGTH_MAX = RANGES_MAX * "4093-4094, ".length;
const UNSHAPED: ShapedWay = { enabled: false, averageBandwidth: 0, peakBandwidth: 0, burstSize: 0 };

/**
 * The VLANs that a trunk carries, 0 for frames without a tag.
 * @param ranges "1-10,30"; undefined for all
 * @throws {Fault} NotFound, InvalidArgument
 */
export function setTrunk(
  network: VirtualNetwork,
  { name, ranges }: { readonly name: string; readonly ranges: string | undefined },
): VirtualNetwork {
  return changePortGroup(network, name, ({ trunk: _, ...portGroup }) => {
    if (portGroup.vlanId !== VGT_ID) throw invalidArgument("vlanId", `the port group is of VLAN ${portGroup.vlanId}, so it is no trunk`);
    return ranges === undefined ? portGroup : { ...portGroup, trunk: parseRanges(ranges) };
  });
}

/** As they are typed. */
export function formatRanges(ranges: readonly VlanRange[] = [{ first: 0, last: VLAN_MAX }]): readonly string[] {
  return ranges.map(({ first, last }) => (first === last ? String(first) : `${first}-${last}`));
}

function parseRanges(text: string): readonly VlanRange[] {
  if (text.length > TEXT_LENGTH_MAX) throw invalidArgument("ranges", `there are more than ${RANGES_MAX}`);
  const ranges = text.split(",").map((part): VlanRange => {
    const [, from = "", to = from] = /^(\d{1,4})(?:-(\d{1,4}))?$/.exec(part.trim()) ?? [];
    const [first, last] = [Number(from), Number(to)];
    if (from === "" || first > last || last > VLAN_MAX)
      throw invalidArgument("ranges", `"${part.trim().slice(0, 32)}" is no VLAN and no range of them from 0 to ${VLAN_MAX}`);
    return { first, last };
  });
  if (ranges.length > RANGES_MAX) throw invalidArgument("ranges", `there are more than ${RANGES_MAX}`);
  return ranges;
}

/** Which ports' receiving is shaped: those of a port group, or of all of a switch whose port groups say nothing else. */
export type InboundPlace = { readonly kind: "portGroup" | "vswitch"; readonly name: string };

/** What is not said stays; of a port group that said nothing yet, what its switch says. */
export interface InboundChange {
  /** The port group gives up what it has of its own, first. */
  readonly inherits?: boolean;
  readonly values: HostNetworkTrafficShapingPolicy;
}

/** @throws {Fault} NotFound, InvalidArgument */
export function setInbound(
  network: VirtualNetwork,
  { kind, name }: InboundPlace,
  { inherits = false, values }: InboundChange,
): VirtualNetwork {
  const said = readBandwidths(values, "inbound");
  if (kind === "vswitch") {
    return changeSwitch(network, name, (vswitch) => {
      const inbound = { ...UNSHAPED, ...vswitch.policy.shaping.inbound, ...said };
      checkBandwidths(inbound, "inbound");
      return withInbound(vswitch, isDeepStrictEqual(inbound, UNSHAPED) ? undefined : inbound);
    });
  }
  const owner = findPortGroup(network, name)?.vswitch;
  return changePortGroup(network, name, (portGroup) => {
    const { inbound: own, ...shaping } = portGroup.overrides.shaping ?? {};
    const before = inherits ? undefined : own;
    const isSaid = before !== undefined || Object.keys(said).length > 0;
    const inbound = { ...UNSHAPED, ...owner?.policy.shaping.inbound, ...before, ...said };
    if (isSaid) checkBandwidths(inbound, "inbound");
    return withShaping(portGroup, { ...shaping, ...(isSaid && { inbound }) });
  });
}

/** What is in force, and whether it is the port group's own. @throws {Fault} NotFound */
export function inboundOf(network: VirtualNetwork, { kind, name }: InboundPlace): { readonly inForce: ShapedWay; readonly isOwn: boolean } {
  if (kind === "vswitch") return { inForce: requireSwitch(network, name).policy.shaping.inbound ?? UNSHAPED, isOwn: true };
  const found = findPortGroup(network, name);
  if (found === undefined) throw notFound("port group", name);
  const { vswitch, portGroup } = found;
  const { inbound } = computePolicy(vswitch.policy, portGroup.overrides).shaping;
  return { inForce: inbound ?? UNSHAPED, isOwn: portGroup.overrides.shaping?.inbound !== undefined };
}

function changePortGroup(network: VirtualNetwork, name: string, change: (portGroup: VirtualPortGroup) => VirtualPortGroup): VirtualNetwork {
  const found = findPortGroup(network, name);
  if (found === undefined) throw notFound("port group", name);
  const changed = change(found.portGroup);
  return changeSwitch(network, found.vswitch.name, (vswitch) => ({
    ...vswitch,
    portGroups: vswitch.portGroups.map((portGroup) => (portGroup.name === name ? changed : portGroup)),
  }));
}

function changeSwitch(network: VirtualNetwork, name: string, change: (vswitch: VirtualSwitch) => VirtualSwitch): VirtualNetwork {
  const changed = change(requireSwitch(network, name));
  return { ...network, switches: network.switches.map((vswitch) => (vswitch.name === name ? changed : vswitch)) };
}

function requireSwitch({ switches }: VirtualNetwork, name: string): VirtualSwitch {
  const found = switches.find((vswitch) => vswitch.name === name);
  if (found === undefined) throw notFound("virtual switch", name);
  return found;
}
