/**
 * vim25 HostNetworkSystem and HostVirtualNicManager: the host's virtual switches, port groups and own interfaces, the machine's adapters,
 * and the machine's way to the network, which this host shows and does not change. What can be changed is decided in network/.
 */
import {
  fault,
  type HostDnsConfig,
  type HostNetCapabilities,
  type HostNetworkConfig,
  type HostNetworkInfo,
  type HostVirtualNicManagerInfo,
  type PhysicalNic,
} from "../../wire/index.ts";
import type { HostAgent } from "../agent.ts";
import type { ManagedObjectType } from "../managed-object.ts";
import type { PhysicalAdapter } from "../network/adapters.ts";
import { portGroupsOf } from "../network/network-config.ts";
import {
  addPortGroupTo,
  addVirtualNic,
  addVirtualSwitch,
  changePortGroup,
  deselectVirtualNic,
  removePortGroupFrom,
  removeVirtualNic,
  removeVirtualSwitch,
  selectVirtualNic,
  updateNetworkConfig,
  updateVirtualNic,
  updateVirtualSwitch,
} from "../network/network-deeds.ts";
import { TEAMING_POLICIES } from "../network/parse-policy.ts";
import { DEFAULT_STACK, NETSTACKS, NIC_TYPES, requireNicType } from "../network/plan-host-nics.ts";
import { PORT_GROUPS_MAX } from "../network/plan-network.ts";
import { showHostNic, showHostNicSpec, showNetConfig } from "../network/show-host-nics.ts";
import { adapterKey, showPortGroupSpec, showSwitches, showSwitchSpec } from "../network/show-network.ts";

export const hostNetworkSystem = {
  type: "HostNetworkSystem",
  properties: {
    value: () => [],
    availableField: () => [],
    capabilities: () => networkCapabilities,
    networkInfo: (agent) => networkInfo(agent),
    networkConfig: (agent) => networkConfig(agent),
    offloadCapabilities: () => ({ csumOffload: true, tcpSegmentation: true, zeroCopyXmit: true }),
    dnsConfig: (agent) => dnsConfig(agent),
    ipRouteConfig: (agent) => routeConfig(agent),
  },
  methods: {
    AddVirtualSwitch: (_, { vswitchName: name, spec }, call) => addVirtualSwitch(call, { name, spec }),
    UpdateVirtualSwitch: (_, { vswitchName: name, spec }, call) => updateVirtualSwitch(call, { name, spec }),
    RemoveVirtualSwitch: (_, { vswitchName }, call) => removeVirtualSwitch(call, vswitchName),
    AddPortGroup: (_, { portgrp }, call) => addPortGroupTo(call, portgrp),
    UpdatePortGroup: (_, { pgName, portgrp }, call) => changePortGroup(call, pgName, portgrp),
    RemovePortGroup: (_, { pgName }, call) => removePortGroupFrom(call, pgName),
    AddVirtualNic: (_, { portgroup, nic }, call) => addVirtualNic(call, { portgroup, nic }),
    UpdateVirtualNic: (_, { device, nic }, call) => updateVirtualNic(call, { device, nic }),
    RemoveVirtualNic: (_, { device }, call) => removeVirtualNic(call, device),
    async UpdateNetworkConfig(agent, { config, changeMode }, call) {
      await updateNetworkConfig(call, { config, changeMode, current: networkConfig(agent) });
      return {}; // the host gets no interface of its own by it
    },
    async RefreshNetworkSystem(agent) {
      await agent.refreshMachine();
      agent.networks.lookSoon();
    },
    QueryNetworkHint: (agent, { device: asked }) => {
      const names = agent.networks.adapters().map(({ device }) => device);
      const unknown = asked?.find((device) => !names.includes(device));
      if (unknown !== undefined) throw fault("NotFound", `The host has no physical network adapter ${unknown.slice(0, 64)}.`, {});
      return (asked ?? names).map((device) => ({ device })); // nothing listens for what their networks tell of themselves
    },
  },
} as const satisfies ManagedObjectType<"HostNetworkSystem", HostAgent>;

export const hostVirtualNicManager = {
  type: "HostVirtualNicManager",
  properties: { value: () => [], availableField: () => [], info: (agent) => virtualNicManagerInfo(agent) },
  methods: {
    QueryNetConfig({ networks: { network, description } }, { nicType }) {
      requireNicType(nicType);
      return showNetConfig(network, description, nicType);
    },
    SelectVnicForNicType: (_, { nicType, device }, call) => selectVirtualNic(call, { nicType, device }),
    DeselectVnicForNicType: (_, { nicType, device }, call) => deselectVirtualNic(call, { nicType, device }),
  },
} as const satisfies ManagedObjectType<"HostVirtualNicManager", HostAgent>;

export function virtualNicManagerInfo({ networks: { network, description } }: HostAgent): HostVirtualNicManagerInfo {
  return { netConfig: NIC_TYPES.map((nicType) => showNetConfig(network, description, nicType)) };
}

/** What can be set on this host's network today. */
export const networkCapabilities: HostNetCapabilities = {
  canSetPhysicalNicLinkSpeed: false,
  supportsNicTeaming: true,
  nicTeamingPolicy: TEAMING_POLICIES,
  supportsVlan: true,
  usesServiceConsoleNic: false,
  supportsNetworkHints: false,
  maxPortGroupsPerVswitch: PORT_GROUPS_MAX,
  vswitchConfigSupported: true,
  vnicConfigSupported: true,
  ipRouteConfigSupported: false,
  dnsConfigSupported: false,
  dhcpOnVnicSupported: false,
  ipV6Supported: true,
};

export function networkInfo(agent: HostAgent): HostNetworkInfo {
  const [dns, route] = [dnsConfig(agent), routeConfig(agent)];
  const { networks } = agent;
  return {
    ...showSwitches(networks.network, networks.description, namesOf(agent)),
    proxySwitch: [],
    pnic: networks.adapters().map((adapter) => physicalNic(agent, adapter)),
    vnic: networks.network.hostNics.map((nic) => showHostNic(nic, networks.description)),
    consoleVnic: [],
    dnsConfig: dns,
    ipRouteConfig: route,
    netStackInstance: NETSTACKS.map((key) => ({
      key,
      name: key,
      ...(key === DEFAULT_STACK ? { dnsConfig: dns, ipRouteConfig: route } : { ipRouteConfig: {} }),
    })),
  };
}

/** As a client can say it again: it changes nothing then. */
function networkConfig(agent: HostAgent): HostNetworkConfig {
  const { network } = agent.networks;
  const deviceOf = namesOf(agent);
  return {
    vswitch: network.switches.map((vswitch) => ({ name: vswitch.name, spec: showSwitchSpec(vswitch, deviceOf) })),
    portgroup: portGroupsOf(network).map((placed) => ({ spec: showPortGroupSpec(placed, deviceOf) })),
    pnic: agent.networks.adapters().map(({ device }) => ({ device, spec: {} })),
    ...(network.hostNics.length > 0 && {
      vnic: network.hostNics.map((nic) => ({ device: nic.device, portgroup: nic.portGroup, spec: showHostNicSpec(nic) })),
    }),
    dnsConfig: dnsConfig(agent),
    ipRouteConfig: routeConfig(agent),
    consoleIpRouteConfig: routeConfig(agent),
  };
}

/** What clients call the machine's adapters. One that is gone is called what the machine called it. */
function namesOf({ networks }: HostAgent): (name: string) => string {
  const names = new Map(networks.adapters().map(({ name, device }) => [name, device]));
  return (name) => names.get(name) ?? name;
}

/** Of one that a switch has taken, vmkernel knows whether it has a link; its speed nobody tells then. */
function physicalNic({ networks, machine }: HostAgent, adapter: PhysicalAdapter): PhysicalNic {
  const { device, name, mac, driver, controller, isFullDuplex } = adapter;
  const uplink = networks.description.switches.flatMap(({ uplinks }) => uplinks).find((one) => one.device === name);
  const isSeen = machine().nics.some((nic) => nic.name === name);
  const linkMbps = isSeen ? adapter.linkMbps : uplink?.hasLink === true ? (adapter.linkMbps ?? 0) : undefined;
  return {
    key: adapterKey(device),
    device,
    pci: controller ?? "",
    driver,
    ...(linkMbps === undefined ? {} : { linkSpeed: { speedMb: linkMbps, duplex: isFullDuplex } }), // unset is what says that it is down
    spec: {},
    wakeOnLanSupported: false,
    mac,
  };
}

/** "esx1.example.org" is host esx1 in domain example.org. The machine's own configuration, which this host does not change. */
export function dnsConfig({ identity, machine }: HostAgent): HostDnsConfig {
  const [hostName = identity.hostName, ...domain] = identity.hostName.split(".");
  const { nameServers, searchDomains } = machine().resolver;
  return { dhcp: false, hostName, domainName: domain.join("."), address: nameServers, searchDomain: searchDomains };
}

function routeConfig(agent: HostAgent) {
  const gateway = agent.machine().defaultGateway;
  if (gateway === undefined) return {};
  return { defaultGateway: gateway.address, gatewayDevice: agent.networks.deviceOf(gateway.device) };
}
