/**
 * What a client's request makes of the host's virtual network: the whole of it as it shall be, or a fault. Pure.
 * Source: vim25 HostNetworkSystem, whose faults these are; vSphere 8 configuration maximums.
 */
import type { PortGroupConfig } from "../../vmkernel/index.ts";
import { fault, type HostPortGroupSpec, type HostVirtualSwitchSpec } from "../../wire/index.ts";
import { computePolicy } from "./computed-policy.ts";
import { findPortGroup, portGroupsOf, type VirtualNetwork, type VirtualSwitch } from "./network-config.ts";
import { checkPolicy, invalidArgument, parsePolicy } from "./parse-policy.ts";
import { type Adapter, applySwitchSpec, newSwitch } from "./plan-switch.ts";
import { withUnsaid } from "./unsaid.ts";

/** What is known of the host beside the network that it shall have. */
export interface NetworkFacts {
  readonly adapters: readonly Adapter[];
  /** Port groups to which VMs are connected, each with a name for what it is. */
  readonly inUse: ReadonlyMap<string, string>;
}

const SWITCHES_MAX = 127; // a switch's number is seven bits of its ports' ids
export const PORT_GROUPS_MAX = 512; // of one switch
const HOST_PORT_GROUPS_MAX = 1000;
const VLAN_MAX = 4095; // a trunk
const SWITCH_NAME_MAX = 32;
const PORT_GROUP_NAME_MAX = 256;

interface SwitchRequest {
  readonly name: string;
  readonly spec: HostVirtualSwitchSpec | undefined;
  /** What faults call the spec. */
  readonly at?: string;
}

/** @throws {Fault} AlreadyExists, InvalidArgument, ResourceInUse, HostConfigFault */
export function addSwitch(network: VirtualNetwork, { name, spec, at = "spec" }: SwitchRequest, { adapters }: NetworkFacts): VirtualNetwork {
  checkName(name, { max: SWITCH_NAME_MAX, property: "vswitchName" });
  if (network.switches.some((vswitch) => vswitch.name === name)) throw alreadyExists("virtual switch", name);
  if (network.switches.length >= SWITCHES_MAX) throw tooMany(`The host has ${SWITCHES_MAX} virtual switches already.`);
  const vswitch = newSwitch(name);
  const added = spec === undefined ? vswitch : applySwitchSpec({ vswitch, spec, network, adapters, at });
  return { ...network, switches: [...network.switches, added] };
}

/** @throws {Fault} NotFound, InvalidArgument, NotSupported, ResourceInUse */
export function updateSwitch(
  network: VirtualNetwork,
  { name, spec, at = "spec" }: SwitchRequest,
  { adapters }: NetworkFacts,
): VirtualNetwork {
  const vswitch = requireSwitch(network, name);
  return spec === undefined ? network : replaceSwitch(network, applySwitchSpec({ vswitch, spec, network, adapters, at }));
}

/** Its port groups go with it. @throws {Fault} NotFound, ResourceInUse */
export function removeSwitch(network: VirtualNetwork, name: string, facts: NetworkFacts): VirtualNetwork {
  const { portGroups } = requireSwitch(network, name);
  for (const portGroup of portGroups) refuseInUse(network, portGroup.name, facts, { type: "HostVirtualSwitch", name });
  return { ...network, switches: network.switches.filter((vswitch) => vswitch.name !== name) };
}

/** @throws {Fault} NotFound, AlreadyExists, InvalidArgument, NotSupported, HostConfigFault */
export function addPortGroup(network: VirtualNetwork, spec: HostPortGroupSpec, facts: NetworkFacts, at = "portgrp"): VirtualNetwork {
  const vswitch = requireSwitch(network, spec.vswitchName);
  const portGroup = parsePortGroup(spec, { vswitch, facts, at });
  requireFreeName(network, portGroup.name);
  requireRoom(network, vswitch);
  return replaceSwitch(network, { ...vswitch, portGroups: [...vswitch.portGroups, portGroup] });
}

interface PortGroupRequest {
  readonly name: string;
  readonly spec: HostPortGroupSpec;
  readonly at?: string;
}

/**
 * It may get another name or another switch only while nothing is connected to it.
 * @throws {Fault} NotFound, AlreadyExists, InvalidArgument, NotSupported, HostConfigFault
 */
export function updatePortGroup(
  network: VirtualNetwork,
  { name, spec, at = "portgrp" }: PortGroupRequest,
  facts: NetworkFacts,
): VirtualNetwork {
  const found = findPortGroup(network, name);
  if (found === undefined) throw notFound("port group", name);
  const vswitch = requireSwitch(network, spec.vswitchName);
  const { isForHost } = found.portGroup;
  const parsed = withUnsaid(parsePortGroup(spec, { vswitch, facts, at }), found.portGroup);
  const wanted = { ...parsed, ...(isForHost && { isForHost }) };
  if (wanted.name !== name) requireFreeName(network, wanted.name);
  const moves = found.vswitch.name !== vswitch.name;
  const user = userOf(network, name, facts);
  if (user !== undefined && (wanted.name !== name || moves)) {
    const message = `The port group ${name} cannot get another ${moves ? "switch" : "name"} while ${user} is connected to it.`;
    throw fault("HostConfigFault", message, {});
  }
  if (!moves) {
    const portGroups = vswitch.portGroups.map((portGroup) => (portGroup.name === name ? wanted : portGroup));
    return replaceSwitch(network, { ...vswitch, portGroups });
  }
  requireRoom(network, vswitch);
  return replaceSwitch(withoutPortGroup(network, name), { ...vswitch, portGroups: [...vswitch.portGroups, wanted] });
}

/** @throws {Fault} NotFound, ResourceInUse */
export function removePortGroup(network: VirtualNetwork, name: string, facts: NetworkFacts): VirtualNetwork {
  if (findPortGroup(network, name) === undefined) throw notFound("port group", name);
  refuseInUse(network, name, facts, { type: "HostPortGroup", name });
  return withoutPortGroup(network, name);
}

function withoutPortGroup({ switches, ...others }: VirtualNetwork, name: string): VirtualNetwork {
  return {
    ...others,
    switches: switches.map((vswitch) => ({ ...vswitch, portGroups: vswitch.portGroups.filter((portGroup) => portGroup.name !== name) })),
  };
}

interface PortGroupPlace {
  readonly vswitch: VirtualSwitch;
  readonly facts: NetworkFacts;
  readonly at: string;
}

function parsePortGroup({ name, vlanId, policy }: HostPortGroupSpec, { vswitch, facts, at }: PortGroupPlace): PortGroupConfig {
  checkName(name, { max: PORT_GROUP_NAME_MAX, property: `${at}.name` });
  if (!Number.isInteger(vlanId) || vlanId < 0 || vlanId > VLAN_MAX) throw invalidArgument(`${at}.vlanId`, `it is from 0 to ${VLAN_MAX}`);
  const uplinkOf = (device: string) =>
    vswitch.uplinks.find((uplink) => facts.adapters.some((adapter) => adapter.device === device && adapter.name === uplink));
  const overrides = parsePolicy(policy, { at: `${at}.policy`, uplinkOf });
  checkPolicy(computePolicy(vswitch.policy, overrides), `${at}.policy`);
  return { name, vlanId, overrides };
}

function checkName(name: string, { max, property }: { readonly max: number; readonly property: string }): void {
  if (name.trim() === "") throw invalidArgument(property, "it is empty");
  if (name.length > max) throw invalidArgument(property, `it has more than ${max} characters`);
  if (/[\p{Cc}\p{Cs}\ufffe\uffff]/u.test(name)) throw invalidArgument(property, "it has a character that is none, or none to be seen");
}

function requireSwitch({ switches }: VirtualNetwork, name: string): VirtualSwitch {
  const found = switches.find((vswitch) => vswitch.name === name);
  if (found === undefined) throw notFound("virtual switch", name);
  return found;
}

function replaceSwitch({ switches, ...others }: VirtualNetwork, wanted: VirtualSwitch): VirtualNetwork {
  return { ...others, switches: switches.map((vswitch) => (vswitch.name === wanted.name ? wanted : vswitch)) };
}

function requireFreeName(network: VirtualNetwork, name: string): void {
  if (findPortGroup(network, name) !== undefined) throw alreadyExists("port group", name);
}

function requireRoom(network: VirtualNetwork, { name, portGroups }: VirtualSwitch): void {
  if (portGroups.length >= PORT_GROUPS_MAX) throw tooMany(`${name} has ${PORT_GROUPS_MAX} port groups already.`);
  if (portGroupsOf(network).length >= HOST_PORT_GROUPS_MAX) throw tooMany(`The host has ${HOST_PORT_GROUPS_MAX} port groups already.`);
}

function userOf({ hostNics }: VirtualNetwork, portGroup: string, { inUse }: NetworkFacts): string | undefined {
  const nic = hostNics.find((one) => one.portGroup === portGroup);
  return nic === undefined ? inUse.get(portGroup) : `the host's own interface ${nic.device}`;
}

function refuseInUse(
  network: VirtualNetwork,
  portGroup: string,
  facts: NetworkFacts,
  what: { readonly type: string; readonly name: string },
): void {
  const user = userOf(network, portGroup, facts);
  if (user === undefined) return;
  const message = `${what.name} is in use: ${user} is connected to ${portGroup}.`;
  throw fault("ResourceInUse", message, what);
}

export function tooMany(message: string) {
  return fault("HostConfigFault", message, {});
}

export function alreadyExists(kind: string, name: string) {
  return fault("AlreadyExists", `The specified key, name, or identifier already exists: ${kind} ${name}.`, { name });
}

export function notFound(kind: string, name: string) {
  return fault("NotFound", `The object or item referred to could not be found: the host has no ${kind} ${name.slice(0, 256)}.`, {});
}
