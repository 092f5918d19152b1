/**
 * Policies of switches and port groups: what a port group inherits, and both as clients see them. Pure.
 * Source: vim25 HostNetworkPolicy, HostPortGroup.computedPolicy; each field is inherited by itself, the order of adapters as one.
 */
import type { NetworkPolicy, PolicyOverrides, TeamingPolicy } from "../../vmkernel/index.ts";
import type { HostNetworkPolicy, HostNicFailureCriteria, HostNicTeamingPolicy } from "../../wire/index.ts";

/** What holds at the ports of a port group: its own, and the switch's where it has none. */
export function computePolicy(policy: NetworkPolicy, overrides: PolicyOverrides): NetworkPolicy {
  return {
    security: { ...policy.security, ...overrides.security },
    shaping: { ...policy.shaping, ...overrides.shaping },
    teaming: { ...policy.teaming, ...overrides.teaming },
  };
}

/** Link status tells whether an adapter can be used: the rest is as ESXi shows it for that. */
export const FAILURE_CRITERIA = {
  checkSpeed: "minimum",
  speed: 10,
  checkDuplex: false,
  fullDuplex: false,
  checkErrorPercent: false,
  percentage: 0,
} as const satisfies HostNicFailureCriteria;

/** @param deviceOf what clients call an adapter of the machine: "vmnic0" */
export function showPolicy({ security, shaping, teaming }: NetworkPolicy, deviceOf: (name: string) => string): HostNetworkPolicy {
  const { allowPromiscuous, macChanges, forgedTransmits } = security;
  const { enabled, averageBandwidth, peakBandwidth, burstSize } = shaping;
  const { failureCriteria, ...shownTeaming } = showTeaming(teaming, deviceOf);
  return {
    security: { allowPromiscuous, macChanges, forgedTransmits },
    nicTeaming: { ...shownTeaming, reversePolicy: true, failureCriteria: { ...FAILURE_CRITERIA, ...failureCriteria } },
    offloadPolicy: { csumOffload: true, tcpSegmentation: true, zeroCopyXmit: true },
    shapingPolicy: { enabled, averageBandwidth, peakBandwidth, burstSize },
  };
}

/** Of a port group: what is inherited is left out, but its place is there, as clients expect it. */
export function showOverrides(
  { security = {}, shaping = {}, teaming = {} }: PolicyOverrides,
  deviceOf: (name: string) => string,
): HostNetworkPolicy {
  const { blockSwitchProtocols: _, ...shownSecurity } = security;
  const { inbound: __, ...shownShaping } = shaping;
  return { security: shownSecurity, nicTeaming: showTeaming(teaming, deviceOf), offloadPolicy: {}, shapingPolicy: shownShaping };
}

function showTeaming(teaming: Partial<TeamingPolicy>, deviceOf: (name: string) => string): HostNicTeamingPolicy {
  const { policy, notifySwitches, rollingOrder, checkBeacon, active, standby } = teaming;
  const hasOrder = active !== undefined || standby !== undefined;
  return {
    ...(policy !== undefined && { policy }),
    ...(notifySwitches !== undefined && { notifySwitches }),
    ...(rollingOrder !== undefined && { rollingOrder }),
    failureCriteria: checkBeacon === undefined ? {} : { checkBeacon },
    ...(hasOrder && { nicOrder: { activeNic: (active ?? []).map(deviceOf), standbyNic: (standby ?? []).map(deviceOf) } }),
  };
}
