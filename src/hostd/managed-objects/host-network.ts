/**
 * vim25 HostNetworkSystem and HostVirtualNicManager: the host's virtual switches, port groups and own interfaces, the machine's adapters,
 * and the ways on from them. What can be changed is decided in network/.
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
  updateDnsConfig,
  updateIpRoutes,
  updateIpRouteTable,
  updateNetworkConfig,
  updateVirtualNic,
  updateVirtualSwitch,
} from "../network/network-deeds.ts";
import { TEAMING_POLICIES } from "../network/parse-policy.ts";
import { DEFAULT_STACK, NETSTACKS, NIC_TYPES, requireNicType } from "../network/plan-host-nics.ts";
import { PORT_GROUPS_MAX } from "../network/plan-network.ts";
import { showHint } from "../network/show-hints.ts";
import { showHostNic, showHostNicSpec, showNetConfig } from "../network/show-host-nics.ts";
import { showNetstack, showRouteConfig, showRouteTable } from "../network/show-netstacks.ts";
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
      return { vnicDevice: await updateNetworkConfig(call, { config, changeMode, current: networkConfig(agent) }) };
    },
    UpdateIpRouteConfig: (_, { config }, call) => updateIpRoutes(call, config),
    UpdateIpRouteTableConfig: (_, { config }, call) => updateIpRouteTable(call, config),
    UpdateDnsConfig: (agent, { config }, call) => updateDnsConfig(call, config, dnsConfig(agent)),
    async RefreshNetworkSystem(agent) {
      await agent.refreshMachine();
      agent.networks.lookSoon();
    },
    QueryNetworkHint: async (agent, { device: asked }) => {
      await agent.networks.look();
      const names = agent.networks.adapters().map(({ device }) => device);
      const unknown = asked?.find((device) => !names.includes(device));
      if (unknown !== undefined) throw fault("NotFound", `The host has no physical network adapter ${unknown.slice(0, 64)}.`, {});
      return (asked ?? names).map((device) => showHint(device, agent.networks.neighbourOf(device), agent.clock.now()));
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
  supportsNetworkHints: true,
  maxPortGroupsPerVswitch: PORT_GROUPS_MAX,
  vswitchConfigSupported: true,
  vnicConfigSupported: true,
  ipRouteConfigSupported: true,
  dnsConfigSupported: true,
  dhcpOnVnicSupported: true,
  ipV6Supported: true,
};

export function networkInfo(agent: HostAgent): HostNetworkInfo {
  const dns = dnsConfig(agent);
  const { networks } = agent;
  const { network, description } = networks;
  return {
    ...showSwitches(networks.network, networks.description, namesOf(agent)),
    proxySwitch: [],
    pnic: networks.adapters().map((adapter) => physicalNic(agent, adapter)),
    vnic: networks.network.hostNics.map((nic) => showHostNic(nic, networks.description)),
    consoleVnic: [],
    dnsConfig: dns,
    ipRouteConfig: routeConfig(agent),
    routeTableInfo: showRouteTable(network, DEFAULT_STACK),
    ipV6Enabled: true,
    atBootIpV6Enabled: true,
    netStackInstance: NETSTACKS.map((key) => ({
      ...showNetstack(network, description, key),
      ...(key === DEFAULT_STACK && { dnsConfig: dns, ipRouteConfig: routeConfig(agent) }),
    })),
  };
}

/** As a client can say it again: it changes nothing then. */
function networkConfig(agent: HostAgent): HostNetworkConfig {
  const { network, description } = agent.networks;
  const deviceOf = namesOf(agent);
  return {
    vswitch: network.switches.map((vswitch) => ({ name: vswitch.name, spec: showSwitchSpec(vswitch, deviceOf) })),
    portgroup: portGroupsOf(network).map((placed) => ({ spec: showPortGroupSpec(placed, deviceOf) })),
    pnic: agent.networks.adapters().map(({ device }) => ({ device, spec: {} })),
    ...(network.hostNics.length > 0 && {
      vnic: network.hostNics.map((nic) => ({
        device: nic.device,
        portgroup: nic.portGroup,
        spec: showHostNicSpec(nic, description),
      })),
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

/** "esx1.example.org" is host esx1 in domain example.org. Name servers are the machine's own, where no others are set. */
export function dnsConfig({ identity, machine, networks }: HostAgent): HostDnsConfig {
  const [hostName = identity.hostName, ...domain] = identity.hostName.split(".");
  const { resolver } = networks.network;
  const { dhcpDevice } = resolver ?? {};
  const lease = dhcpDevice === undefined ? undefined : networks.description.learned?.[dhcpDevice]?.lease;
  const { nameServers, searchDomains } = lease ?? resolver ?? machine().resolver;
  return {
    dhcp: dhcpDevice !== undefined,
    ...(dhcpDevice !== undefined && { virtualNicDevice: dhcpDevice }),
    hostName,
    domainName: domain.join("."),
    address: nameServers,
    searchDomain: searchDomains,
  };
}

/** Of the netstack that interfaces have unless another is said; of the machine, as long as it has none. */
function routeConfig(agent: HostAgent) {
  const { network, description } = agent.networks;
  const own = showRouteConfig(network, description, DEFAULT_STACK);
  if (Object.keys(own).length > 0) return own;
  const gateway = agent.machine().defaultGateway;
  if (gateway === undefined) return {};
  return { defaultGateway: gateway.address, gatewayDevice: agent.networks.deviceOf(gateway.device) };
}
