/**
 * What a client's spec makes of a virtual switch, new or not. Pure.
 * Source: vim25 HostVirtualSwitchSpec: what it leaves out is as by default at a new switch, and stays at another.
 */
import type { NetworkPolicy, TeamingPolicy } from "../../vmkernel/index.ts";
import { fault, type HostVirtualSwitchBridge, type HostVirtualSwitchSpec, type LinkDiscoveryProtocolConfig } from "../../wire/index.ts";
import { computePolicy } from "./computed-policy.ts";
import {
  DEFAULT_DISCOVERY,
  DEFAULT_POLICY,
  type LinkDiscovery,
  MTU,
  NUM_PORTS,
  type VirtualNetwork,
  type VirtualPortGroup,
  type VirtualSwitch,
} from "./network-config.ts";
import { checkPolicy, invalidArgument, notSupported, parsePolicy } from "./parse-policy.ts";

/** A network adapter of the machine, as a switch may want it for an uplink. */
export interface Adapter {
  /** What clients call it: "vmnic0". */
  readonly device: string;
  /** What the machine calls it: "eth0". */
  readonly name: string;
  /** Why no switch may have it: the machine itself needs it. */
  readonly heldBecause?: string;
}

export interface SwitchQuestion {
  readonly vswitch: VirtualSwitch;
  readonly spec: HostVirtualSwitchSpec;
  /** The other switches are those of this network. */
  readonly network: VirtualNetwork;
  readonly adapters: readonly Adapter[];
  /** What faults call the spec. */
  readonly at: string;
}

const UPLINKS_MAX = 32; // vSphere's configuration maximum for a host's adapters
const BEACON_INTERVAL = 1; // seconds; the only one that vSphere's own clients set

export function newSwitch(name: string): VirtualSwitch {
  const { numPorts, mtu } = { numPorts: 128, mtu: MTU.default };
  return { name, numPorts, mtu, uplinks: [], policy: DEFAULT_POLICY, portGroups: [], linkDiscovery: DEFAULT_DISCOVERY };
}

/** @throws {Fault} InvalidArgument, NotSupported, ResourceInUse */
export function applySwitchSpec(question: SwitchQuestion): VirtualSwitch {
  const { vswitch, spec, adapters, at } = question;
  const { numPorts, mtu = vswitch.mtu, bridge, policy } = spec;
  if (!isWithin(numPorts, NUM_PORTS)) throw invalidArgument(`${at}.numPorts`, `it is from ${NUM_PORTS.min} to ${NUM_PORTS.max}`);
  if (!isWithin(mtu, MTU)) throw invalidArgument(`${at}.mtu`, `it is from ${MTU.min} to ${MTU.max}`);
  const uplinks = bridge === undefined ? vswitch.uplinks : uplinksOf(bridge, question);
  const uplinkOf = (device: string) => uplinks.find((name) => adapters.some((one) => one.device === device && one.name === name));
  const wanted: VirtualSwitch = {
    ...withUplinks(vswitch, uplinks),
    numPorts,
    mtu,
    linkDiscovery: linkDiscoveryOf(bridge, at) ?? vswitch.linkDiscovery,
  };
  const own = computePolicy(wanted.policy, parsePolicy(policy, { at: `${at}.policy`, uplinkOf }));
  checkPolicies({ ...wanted, policy: own }, `${at}.policy`);
  return { ...wanted, policy: own };
}

/** An adapter that goes leaves every order that it was in; one that comes is active, if nothing else is said. */
export function withUplinks(vswitch: VirtualSwitch, uplinks: readonly string[]): VirtualSwitch {
  const stays = (name: string): boolean => uplinks.includes(name);
  const added = uplinks.filter((name) => !vswitch.uplinks.includes(name));
  const { teaming } = vswitch.policy;
  const policy: NetworkPolicy = {
    ...vswitch.policy,
    teaming: { ...teaming, active: [...teaming.active.filter(stays), ...added], standby: teaming.standby.filter(stays) },
  };
  return { ...vswitch, uplinks, policy, portGroups: vswitch.portGroups.map((portGroup) => withOrder(portGroup, stays)) };
}

function withOrder(portGroup: VirtualPortGroup, stays: (name: string) => boolean): VirtualPortGroup {
  const { active, standby, ...others } = portGroup.overrides.teaming ?? {};
  if (active === undefined && standby === undefined) return portGroup;
  const teaming: Partial<TeamingPolicy> = { ...others, active: (active ?? []).filter(stays), standby: (standby ?? []).filter(stays) };
  return { ...portGroup, overrides: { ...portGroup.overrides, teaming } };
}

/** The switch's policy by itself, and with what each of its port groups makes of it. */
function checkPolicies({ policy, portGroups }: VirtualSwitch, at: string): void {
  checkPolicy(policy, at);
  for (const { overrides } of portGroups) checkPolicy(computePolicy(policy, overrides), at);
}

function uplinksOf(bridge: HostVirtualSwitchBridge, { vswitch, network, adapters, at }: SwitchQuestion): readonly string[] {
  const property = `${at}.bridge.nicDevice`;
  const devices = devicesOf(bridge, at);
  if (new Set(devices).size < devices.length) throw invalidArgument(property, "an adapter is in it twice");
  if (devices.length > UPLINKS_MAX) throw invalidArgument(property, `there are more than ${UPLINKS_MAX}`);
  return devices.map((device) => {
    const adapter = adapters.find((candidate) => candidate.device === device);
    if (adapter === undefined) throw invalidArgument(property, `the host has no physical adapter ${device.slice(0, 32)}`);
    const owner = network.switches.find(({ name, uplinks }) => name !== vswitch.name && uplinks.includes(adapter.name));
    if (owner !== undefined) throw adapterInUse(device, `it is an uplink of ${owner.name}`);
    if (adapter.heldBecause !== undefined && !vswitch.uplinks.includes(adapter.name)) throw adapterInUse(device, adapter.heldBecause);
    return adapter.name;
  });
}

/** ESXi has two ways to name them: one adapter, or a bond of some. Choosing by itself it has not done for long. */
export function devicesOf(bridge: HostVirtualSwitchBridge, at: string): readonly string[] {
  const { $type, nicDevice } = bridge as { readonly $type?: string; readonly nicDevice?: string | readonly string[] };
  if ($type === "HostVirtualSwitchAutoBridge") throw notSupported(`${at}.bridge`);
  return typeof nicDevice === "string" ? [nicDevice] : (nicDevice ?? []);
}

interface Discovering {
  readonly beacon?: { readonly interval: number };
  readonly linkDiscoveryProtocolConfig?: LinkDiscoveryProtocolConfig;
}

function linkDiscoveryOf(bridge: HostVirtualSwitchBridge | undefined, at: string): LinkDiscovery | undefined {
  const { beacon, linkDiscoveryProtocolConfig: wanted } = (bridge ?? {}) as Discovering;
  if ((beacon?.interval ?? BEACON_INTERVAL) !== BEACON_INTERVAL) throw notSupported(`${at}.bridge.beacon.interval`);
  if (wanted === undefined) return undefined;
  const property = `${at}.bridge.linkDiscoveryProtocolConfig`;
  const { protocol, operation } = wanted;
  if (protocol !== "cdp" && protocol !== "lldp") throw invalidArgument(`${property}.protocol`, "it is cdp or lldp");
  if (operation === "advertise" || operation === "both") throw notSupported(`${property}.operation`);
  if (operation !== "none" && operation !== "listen") throw invalidArgument(`${property}.operation`, "there is no such operation");
  return { protocol, operation };
}

function adapterInUse(device: string, because: string) {
  return fault("ResourceInUse", `The physical adapter ${device} cannot be taken: ${because}.`, { type: "PhysicalNic", name: device });
}

function isWithin(value: number, { min, max }: { readonly min: number; readonly max: number }): boolean {
  return Number.isInteger(value) && value >= min && value <= max;
}
