/** Networks for tests, from what is special about them: the rest is a switch that allows nothing special. */
import { parseVmId, type VmId } from "../../base/index.ts";
import type {
  HostNicConfig,
  NetworkPolicy,
  NicPort,
  PolicyOverrides,
  PortGroupConfig,
  SecurityPolicy,
  ShapingPolicy,
  SwitchConfig,
  TeamingPolicy,
  VlanRange,
} from "./config.ts";

interface PolicyParts {
  readonly security?: Partial<SecurityPolicy>;
  readonly shaping?: Partial<ShapingPolicy>;
  readonly teaming?: Partial<TeamingPolicy>;
}

export function makePolicy({ security, shaping, teaming }: PolicyParts = {}): NetworkPolicy {
  return {
    security: { allowPromiscuous: false, macChanges: false, forgedTransmits: false, blockSwitchProtocols: true, ...security },
    shaping: { enabled: false, averageBandwidth: 0, peakBandwidth: 0, burstSize: 0, ...shaping },
    teaming: {
      policy: "loadbalance_srcid",
      notifySwitches: true,
      rollingOrder: false,
      checkBeacon: false,
      active: [],
      standby: [],
      ...teaming,
    },
  };
}

export interface SwitchParts extends PolicyParts {
  readonly name?: string;
  readonly uplinks?: readonly string[];
  readonly groups?: readonly PortGroupConfig[];
}

export function makeSwitch({ name = "vSwitch0", uplinks = [], groups = [], teaming, ...policy }: SwitchParts = {}): SwitchConfig {
  return {
    name,
    numPorts: 128,
    mtu: 1500,
    uplinks,
    policy: makePolicy({ ...policy, teaming: { active: uplinks, ...teaming } }),
    portGroups: groups,
  };
}

export function makeGroup(name: string, vlanId: number, overrides: PolicyOverrides = {}, trunk?: readonly VlanRange[]): PortGroupConfig {
  return { name, vlanId, overrides, ...(trunk && { trunk }) };
}

export function vmId(number: number): VmId {
  const id = parseVmId(String(number));
  if (id === undefined) throw new Error(`${number} is no id of a VM`);
  return id;
}

/** The VM of that number, with its address: 00:50:56:00:00:0n. */
export function makeNic(number: number, portGroup: string, parts: Partial<NicPort> = {}): NicPort {
  const mac = macOf(number);
  return { vm: vmId(number), key: 4000, portGroup, initialMac: mac, effectiveMac: mac, ...parts };
}

/** vmk0, vmk1 …: 10.0.0.1n/24 in the netstack of its own number, with the address 00:50:56:60:00:0n. */
export function makeHostNic(number: number, portGroup: string, parts: Partial<HostNicConfig> = {}): HostNicConfig {
  return {
    device: `vmk${number}`,
    portGroup,
    mac: `00:50:56:60:00:0${number}`,
    mtu: 1500,
    ip: [{ kind: "static", address: `10.0.0.${10 + number}`, prefixLength: 24 }],
    netstack: `stack${number}`,
    ...parts,
  };
}

export function macOf(number: number): string {
  return `00:50:56:00:${(number >> 8).toString(16).padStart(2, "0")}:${(number & 0xff).toString(16).padStart(2, "0")}`;
}
