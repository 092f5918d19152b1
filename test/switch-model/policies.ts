/**
 * What is in force at a port of the model: the port group's policy over the switch's, the VLANs that it carries, its uplink. Pure.
 * Paper «Virtual Ports», «Virtual Switch VLANs»; vim25 HostNetworkPolicy. Written from those, and not from the compiler.
 */
import type { NetworkPolicy, PortGroupConfig, SecurityPolicy, SwitchConfig } from "../../src/vmkernel/network/config.ts";
import { VLAN_MAX } from "./frame.ts";

export const EST = 0;
export const VGT = 4095;

/** What the port group sets goes before what the switch sets, field by field. */
export function securityOf(policy: NetworkPolicy, group: PortGroupConfig): SecurityPolicy {
  return { ...policy.security, ...group.overrides.security };
}

/** The order of uplinks is inherited as one. */
function teamOf({ policy, uplinks }: SwitchConfig, { overrides: { teaming } }: PortGroupConfig): readonly string[] {
  const hasOwn = teaming?.active !== undefined || teaming?.standby !== undefined;
  const { active = [], standby = [] } = hasOwn ? teaming : policy.teaming;
  return [...active, ...standby].filter((device) => uplinks.includes(device));
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

export interface Team {
  /** By which the port sends, and hears groups. All links are up here, so standby ones are used where no active one is left in the order. */
  readonly inUse: string | undefined;
  /** From which it takes what is sent to it alone. */
  readonly all: readonly string[];
}

/** Of policies that have one answer: an explicit order, and port id where one uplink is active. */
export function uplinksOf(owner: SwitchConfig, group: PortGroupConfig): Team {
  const all = teamOf(owner, group);
  return { inUse: all[0], all };
}
