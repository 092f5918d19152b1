/**
 * What is in force at a port of the model: the port group's policy over the switch's, the VLANs that it carries, its uplink. Pure.
 * Paper «Virtual Ports», «Virtual Switch VLANs»; vim25 HostNetworkPolicy. Written from those, and not from the compiler.
 */
import type { NetworkPolicy, PortGroupConfig, SecurityPolicy, SwitchConfig, TeamingPolicy } from "../../src/vmkernel/network/config.ts";
import { VLAN_MAX } from "./frame.ts";

export const EST = 0;
export const VGT = 4095;

/** What the port group sets goes before what the switch sets, field by field. */
export function securityOf(policy: NetworkPolicy, group: PortGroupConfig): SecurityPolicy {
  return { ...policy.security, ...group.overrides.security };
}

export function teamingOf(policy: NetworkPolicy, group: PortGroupConfig): TeamingPolicy {
  return { ...policy.teaming, ...group.overrides.teaming };
}

/**
 * The VLAN of an untagged frame is 0: EST's.
 * @returns whether a port of this group receives frames of this VLAN, and may send them
 */
export function carries(group: PortGroupConfig, vlan: number): boolean {
  if (group.vlanId !== VGT) return group.vlanId === vlan;
  const trunk = group.trunk ?? [{ first: 0, last: VLAN_MAX }];
  return trunk.some(({ first, last }) => first <= vlan && vlan <= last);
}

/** The model knows of links that are up only, so standby ones are used where no active one is left in the list. */
export function uplinkOf(owner: SwitchConfig, group: PortGroupConfig): string | undefined {
  const { active, standby } = teamingOf(owner.policy, group);
  return [...active, ...standby].find((device) => owner.uplinks.includes(device));
}
