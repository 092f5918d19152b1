/** Configurations from what is special about them; the rest is ESXi's default, with all three of the security policy rejected. Pure. For tests. */
import type {
  Firewall,
  GroupFilter,
  NetworkPolicy,
  NicPort,
  PolicyOverrides,
  PortGroupConfig,
  SecurityPolicy,
  SwitchConfig,
  TeamingPolicy,
  VlanRange,
} from "../../src/vmkernel/network/config.ts";
import type { PluggedNic } from "./switch-model.ts";

export interface SwitchParts {
  readonly name?: string;
  readonly uplinks?: readonly string[];
  readonly security?: Partial<SecurityPolicy>;
  readonly teaming?: Partial<TeamingPolicy>;
  readonly groups: readonly PortGroupConfig[];
}

export function makeSwitch({ name = "vSwitch0", uplinks = [], security, teaming, groups }: SwitchParts): SwitchConfig {
  const policy = makePolicy({ security, teaming: { active: uplinks, ...teaming } });
  return { name, numPorts: 128, mtu: 1500, uplinks, policy, portGroups: groups };
}

function makePolicy(parts: { security: Partial<SecurityPolicy> | undefined; teaming: Partial<TeamingPolicy> }): NetworkPolicy {
  return {
    security: { allowPromiscuous: false, macChanges: false, forgedTransmits: false, blockSwitchProtocols: true, ...parts.security },
    shaping: { enabled: false, averageBandwidth: 0, peakBandwidth: 0, burstSize: 0 },
    teaming: {
      policy: "failover_explicit",
      notifySwitches: false,
      rollingOrder: false,
      checkBeacon: false,
      active: [],
      standby: [],
      ...parts.teaming,
    },
  };
}

export function makeGroup(name: string, vlanId: number, overrides: PolicyOverrides = {}, trunk?: readonly VlanRange[]): PortGroupConfig {
  return { name, vlanId, overrides, ...(trunk && { trunk }) };
}

export interface NicParts {
  /** Its digits are the VM's id. */
  readonly name: string;
  readonly group: string;
  readonly mac: string;
  readonly effectiveMac?: string;
  readonly groups?: GroupFilter;
  readonly firewall?: Firewall;
  readonly connected?: boolean;
}

export function makeNic({ name, group, mac, effectiveMac = mac, groups, firewall, connected = true }: NicParts): PluggedNic {
  const base = { vm: name.replaceAll(/\D/g, ""), key: 4000, portGroup: group, initialMac: mac, effectiveMac };
  const nic = { ...base, ...(groups && { groups }), ...(firewall && { firewall }) };
  return { name, connected, nic: nic as NicPort };
}
