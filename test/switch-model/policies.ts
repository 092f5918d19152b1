/**
 * What is in force at a port of the model: the port group's policy over the switch's, the VLANs that it carries, its uplink. Pure.
 * Paper «Virtual Ports», «Virtual Switch VLANs»; vim25 HostNetworkPolicy. Written from those, and not from the compiler.
 */
import type { NetworkPolicy, PortGroupConfig, SecurityPolicy, SwitchConfig } from "../../src/vmkernel/network/config.ts";
import { type EthernetFrame, VLAN_MAX, writeFrame } from "./frame.ts";

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
  /** By which the port sends this frame. */
  sendsBy(frame: EthernetFrame): string | undefined;
  /** By which it hears groups. */
  readonly hears: readonly string[];
  /** From which it takes what is sent to it alone. */
  readonly all: readonly string[];
}

/**
 * All links are up here, so standby ones are used where no active one is left in the order. Port id has one answer where one uplink is
 * active: others are not asked of this model.
 * @param address of the port, twelve hexadecimal digits
 */
export function uplinksOf(owner: SwitchConfig, group: PortGroupConfig, address: string): Team {
  const all = teamOf(owner, group);
  const { policy, active } = { ...owner.policy.teaming, ...group.overrides.teaming };
  const hasOwn = group.overrides.teaming?.active !== undefined || group.overrides.teaming?.standby !== undefined;
  const own = (hasOwn ? (group.overrides.teaming?.active ?? []) : active).filter((device) => all.includes(device));
  const inUse = own.length > 0 ? own : all.slice(0, 1);
  const pick = (hash: number): string | undefined => inUse[(hash % SLOTS) % Math.max(1, inUse.length)];
  switch (policy) {
    case "loadbalance_srcmac":
      // The lowest bits of who speaks; and one address is in one place for the switches outside.
      return { sendsBy: ({ source }) => pick(lastByte(source)), hears: [pick(lastByte(address)) ?? []].flat(), all };
    case "loadbalance_ip":
      // Linked uplinks: the wire sends a group's frame by one of them.
      return { sendsBy: (frame) => pick(addressHash(frame)), hears: inUse, all };
    default:
      return { sendsBy: () => all[0], hears: all.slice(0, 1), all };
  }
}

/** Uplinks are dealt out to so many places. */
const SLOTS = 16;

function lastByte(address: string): number {
  return Number.parseInt(address.slice(-2), 16);
}

/** Where the addresses of IPv4 end in a frame without a tag, whatever the frame is; 0 where it is shorter. */
function addressHash(frame: EthernetFrame): number {
  const bytes = writeFrame(frame, undefined);
  return bytes.length > 33 ? bytes.readUInt8(29) ^ bytes.readUInt8(33) : 0;
}
