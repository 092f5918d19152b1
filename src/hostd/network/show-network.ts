/** The virtual network as clients see it: what it shall be, with what is connected to it. Pure. Source: vim25 HostNetworkInfo. */
import { isDeepStrictEqual } from "node:util";
import type { NetworkDescription, PortDescription } from "../../vmkernel/index.ts";
import type {
  HostPortGroup,
  HostPortGroupPort,
  HostPortGroupSpec,
  HostVirtualSwitch,
  HostVirtualSwitchBondBridge,
  HostVirtualSwitchSpec,
} from "../../wire/index.ts";
import { computePolicy, showOverrides, showPolicy } from "./computed-policy.ts";
import {
  DEFAULT_DISCOVERY,
  NUM_PORTS,
  type PlacedPortGroup,
  portGroupsOf,
  type VirtualNetwork,
  type VirtualSwitch,
} from "./network-config.ts";

/** What clients call an adapter of the machine: "vmnic0". */
type DeviceOf = (name: string) => string;

export function showSwitch(vswitch: VirtualSwitch, ports: readonly PortDescription[], deviceOf: DeviceOf): HostVirtualSwitch {
  const { name, mtu, uplinks, portGroups } = vswitch;
  const used = ports.length;
  return {
    name,
    key: `key-vim.host.VirtualSwitch-${name}`,
    numPorts: NUM_PORTS.max, // made on demand
    numPortsAvailable: Math.max(0, NUM_PORTS.max - used),
    mtu,
    portgroup: portGroups.map((portGroup) => portGroupKey(portGroup.name)),
    pnic: uplinks.map((uplink) => adapterKey(deviceOf(uplink))),
    spec: showSwitchSpec(vswitch, deviceOf),
  };
}

export function showSwitchSpec(
  { numPorts, mtu, uplinks, policy, linkDiscovery }: VirtualSwitch,
  deviceOf: DeviceOf,
): HostVirtualSwitchSpec {
  const bridge: HostVirtualSwitchBondBridge = {
    $type: "HostVirtualSwitchBondBridge",
    nicDevice: uplinks.map(deviceOf),
    beacon: { interval: 1 },
    linkDiscoveryProtocolConfig: linkDiscovery,
  };
  // A switch without uplinks has no bridge to show, unless something is set that only a bridge tells of.
  const hasBridge = uplinks.length > 0 || !isDeepStrictEqual(linkDiscovery, DEFAULT_DISCOVERY);
  return { numPorts, mtu, policy: showPolicy(policy, deviceOf), ...(hasBridge && { bridge }) };
}

export function showPortGroup(placed: PlacedPortGroup, ports: readonly PortDescription[], deviceOf: DeviceOf): HostPortGroup {
  const { vswitch, portGroup } = placed;
  return {
    key: portGroupKey(portGroup.name),
    port: ports.filter((port) => port.portGroup === portGroup.name).map(showPort),
    vswitch: `key-vim.host.VirtualSwitch-${vswitch.name}`,
    computedPolicy: showPolicy(computePolicy(vswitch.policy, portGroup.overrides), deviceOf),
    spec: showPortGroupSpec(placed, deviceOf),
  };
}

export function showPortGroupSpec({ vswitch, portGroup }: PlacedPortGroup, deviceOf: DeviceOf): HostPortGroupSpec {
  const { name, vlanId, overrides } = portGroup;
  return { name, vlanId, vswitchName: vswitch.name, policy: showOverrides(overrides, deviceOf) };
}

export function showSwitches(network: VirtualNetwork, { switches }: NetworkDescription, deviceOf: DeviceOf) {
  const portsOf = (name: string) => switches.find((one) => one.name === name)?.ports ?? [];
  return {
    vswitch: network.switches.map((vswitch) => showSwitch(vswitch, portsOf(vswitch.name), deviceOf)),
    portgroup: portGroupsOf(network).map((placed) => showPortGroup(placed, portsOf(placed.vswitch.name), deviceOf)),
  };
}

function showPort({ id, connectee, effectiveMac }: PortDescription): HostPortGroupPort {
  return {
    key: `key-vim.host.PortGroup.Port-${id}`,
    mac: [effectiveMac],
    type: connectee.kind === "uplink" ? "unknown" : connectee.kind,
  };
}

export function adapterKey(device: string): string {
  return `key-vim.host.PhysicalNic-${device}`;
}

function portGroupKey(name: string): string {
  return `key-vim.host.PortGroup-${name}`;
}
