/**
 * Decides whether a network can be as it is configured, before anything of it is made. Pure.
 * Faults as vim25 names them for AddVirtualSwitch, AddPortGroup and their like.
 */
import type { Fault } from "../../base/index.ts";
import { fault } from "../../wire/index.ts";
import { RULES_MAX } from "./compile/firewall/rules.ts";
import type { NetworkConfig, NetworkPolicy, NicPort, PortGroupConfig, ShapedWay, SwitchConfig, TeamingPolicy } from "./config.ts";
import { effectivePolicy } from "./effective-policy.ts";
import { checkHostNics } from "./host-nic.ts";
import { isGroupMac, isMac } from "./mac.ts";
import { SWITCH_NUMBER_MAX } from "./port-id.ts";
import { UNTAGGED, VGT_ID, VLAN_MAX } from "./vlan.ts";

/** The last number is of ports that are on none. */
const SWITCHES_MAX = SWITCH_NUMBER_MAX - 1;
const SWITCH_NAME_MAX = 32;
const PORT_GROUP_NAME_MAX = 256;
const NUM_PORTS = { min: 1, max: 4096 };
const MTU = { min: 1280, max: 9000 };
/** One bit each in a word of the table. */
export const UPLINKS_MAX = 32;

/** @throws {Fault} AlreadyExists, NotFound, ResourceInUse or InvalidArgument, which names what it is about */
export function checkConfig(config: NetworkConfig): void {
  const { switches } = config;
  if (switches.length > SWITCHES_MAX) throw invalid("switches", `A host has at most ${SWITCHES_MAX} switches.`);
  const switchTwice = repeated(switches.map(({ name }) => name));
  if (switchTwice !== undefined) throw alreadyExists("virtual switch", switchTwice);
  const groupTwice = repeated(switches.flatMap(({ portGroups }) => portGroups.map(({ name }) => name)));
  if (groupTwice !== undefined) throw alreadyExists("port group", groupTwice);
  //= paper «Virtual Switch Isolation»
  //# virtual switches cannot share physical Ethernet adapters
  const uplinkTwice = repeated(switches.flatMap(({ uplinks }) => uplinks));
  if (uplinkTwice !== undefined) {
    throw fault("ResourceInUse", `The adapter ${uplinkTwice} is an uplink already.`, { type: "PhysicalNic", name: uplinkTwice });
  }
  for (const one of switches) checkSwitch(one);
  checkHostNics(config);
}

/** @throws {Fault} InvalidArgument */
export function checkNic(nic: NicPort): NicPort {
  const problem = [nic.initialMac, nic.effectiveMac].find((mac) => !isMac(mac));
  if (problem !== undefined) throw fault("InvalidArgument", `${problem} is no MAC address.`, { invalidProperty: "mac" });
  if (isGroupMac(nic.initialMac)) throw fault("InvalidArgument", `${nic.initialMac} is a group's address.`, { invalidProperty: "mac" });
  if ((nic.firewall?.rules.length ?? 0) > RULES_MAX) {
    throw fault("InvalidArgument", `A firewall has at most ${RULES_MAX} rules.`, { invalidProperty: "firewall.rules" });
  }
  return nic;
}

function checkSwitch(one: SwitchConfig): void {
  const { name, numPorts, mtu, uplinks, policy, portGroups } = one;
  checkName(name, SWITCH_NAME_MAX, "vswitchName");
  checkRange(numPorts, NUM_PORTS, `numPorts of ${name}`);
  checkRange(mtu, MTU, `mtu of ${name}`);
  if (uplinks.length > UPLINKS_MAX) throw invalid("bridge.nicDevice", `A switch has at most ${UPLINKS_MAX} uplinks.`);
  checkPolicy(policy, one, name);
  for (const group of portGroups) checkPortGroup(group, one);
}

function checkPortGroup(group: PortGroupConfig, owner: SwitchConfig): void {
  checkName(group.name, PORT_GROUP_NAME_MAX, "portgrp.name");
  checkRange(group.vlanId, { min: UNTAGGED, max: VGT_ID }, `vlanId of ${group.name}`);
  if (group.trunk !== undefined && group.vlanId !== VGT_ID) {
    throw invalid("trunk", `${group.name} is of VLAN ${group.vlanId}, so it is no trunk.`);
  }
  for (const { first, last } of group.trunk ?? []) {
    checkRange(first, { min: UNTAGGED, max: VLAN_MAX }, `trunk of ${group.name}`);
    checkRange(last, { min: first, max: VLAN_MAX }, `trunk of ${group.name}`);
  }
  checkPolicy(effectivePolicy(owner.policy, group.overrides), owner, group.name);
}

function checkPolicy({ shaping, teaming }: NetworkPolicy, { uplinks }: SwitchConfig, of: string): void {
  if (shaping.enabled) checkBandwidth(shaping, of);
  if (shaping.inbound?.enabled) checkBandwidth(shaping.inbound, of);
  checkTeaming(teaming, uplinks, of);
}

function checkBandwidth({ averageBandwidth, peakBandwidth, burstSize }: ShapedWay, of: string): void {
  if (!(averageBandwidth > 0)) throw invalid("shapingPolicy.averageBandwidth", `The average bandwidth of ${of} is not above 0.`);
  if (!(burstSize > 0)) throw invalid("shapingPolicy.burstSize", `The burst size of ${of} is not above 0.`);
  if (!(peakBandwidth >= averageBandwidth)) {
    throw invalid("shapingPolicy.peakBandwidth", `The peak bandwidth of ${of} is below its average bandwidth.`);
  }
}

function checkTeaming({ active, standby }: TeamingPolicy, uplinks: readonly string[], of: string): void {
  const ordered = [...active, ...standby];
  const stranger = ordered.find((device) => !uplinks.includes(device));
  if (stranger !== undefined) throw invalid("nicTeaming.nicOrder", `${stranger} is no uplink of the switch of ${of}.`);
  const twice = repeated(ordered);
  if (twice !== undefined) throw invalid("nicTeaming.nicOrder", `${twice} is twice in the order of uplinks of ${of}.`);
}

function checkName(name: string, max: number, at: string): void {
  if (name.length < 1 || name.length > max) throw invalid(at, `A name has 1 to ${max} characters; "${name}" has not.`);
}

function checkRange(value: number, { min, max }: { readonly min: number; readonly max: number }, of: string): void {
  if (!Number.isInteger(value) || value < min || value > max)
    throw invalid(of.split(" ")[0] ?? of, `${of} is ${value}, not within ${min} to ${max}.`);
}

function repeated(names: readonly string[]): string | undefined {
  return names.find((name, index) => names.indexOf(name) !== index);
}

function invalid(property: string, message: string): Fault {
  return fault("InvalidArgument", message, { invalidProperty: property });
}

function alreadyExists(what: string, name: string): Fault {
  return fault("AlreadyExists", `There is a ${what} ${name} already.`, { name });
}
