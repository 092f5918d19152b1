/**
 * vim25 HostNetworkSystem and HostVirtualNicManager: the machine's adapters and its own way to the network, which this host shows
 * and does not change. There is no virtual switch yet, so none is shown, and no port group on one.
 */
import { fault, type HostDnsConfig, type HostNetworkInfo, type PhysicalNic } from "../../wire/index.ts";
import type { HostAgent } from "../agent.ts";
import type { ManagedObjectType } from "../managed-object.ts";

const DEFAULT_STACK = "defaultTcpipStack"; // the key of the one that every ESXi host has

export const hostNetworkSystem = {
  type: "HostNetworkSystem",
  properties: {
    value: () => [],
    availableField: () => [],
    capabilities: () => networkCapabilities,
    networkInfo: (agent) => networkInfo(agent),
    networkConfig: (agent) => ({
      pnic: adapters(agent).map(({ device }) => ({ device, spec: {} })),
      dnsConfig: dnsConfig(agent),
      consoleIpRouteConfig: routeConfig(agent),
    }),
    dnsConfig: (agent) => dnsConfig(agent),
    ipRouteConfig: (agent) => routeConfig(agent),
  },
  methods: {
    RefreshNetworkSystem: (agent) => agent.refreshMachine(),
    QueryNetworkHint: (agent, { device: asked }) => {
      const names = adapters(agent).map(({ device }) => device);
      const unknown = asked?.find((device) => !names.includes(device));
      if (unknown !== undefined) throw fault("NotFound", `The host has no physical network adapter ${unknown.slice(0, 64)}.`, {});
      return (asked ?? names).map((device) => ({ device })); // nothing listens for what their networks tell of themselves
    },
  },
} as const satisfies ManagedObjectType<"HostNetworkSystem", HostAgent>;

/** What an adapter of the host could be chosen for: vim25 HostVirtualNicManagerNicType. */
const NIC_TYPES = [
  "vmotion",
  "faultToleranceLogging",
  "vSphereReplication",
  "vSphereReplicationNFC",
  "management",
  "vsan",
  "vSphereProvisioning",
  "vsanWitness",
  "vSphereBackupNFC",
  "ptp",
  "nvmeTcp",
  "nvmeRdma",
];

export const hostVirtualNicManager = {
  type: "HostVirtualNicManager",
  properties: { value: () => [], availableField: () => [], info: () => virtualNicManagerInfo() },
  methods: {
    QueryNetConfig(_, { nicType }) {
      if (NIC_TYPES.includes(nicType)) return netConfig(nicType);
      throw fault("InvalidArgument", `A specified parameter was not correct: nicType names no use of an adapter`, {
        invalidProperty: "nicType",
      });
    },
  },
} as const satisfies ManagedObjectType<"HostVirtualNicManager", HostAgent>;

/** The host has no virtual adapter of its own: there is none to choose from. */
const netConfig = (nicType: string) => ({ nicType, multiSelectAllowed: nicType !== "vmotion" && nicType !== "faultToleranceLogging" });

export const virtualNicManagerInfo = () => ({ netConfig: NIC_TYPES.map(netConfig) });

/** What can be set on this host's network today: nothing. */
export const networkCapabilities = {
  canSetPhysicalNicLinkSpeed: false,
  supportsNicTeaming: false,
  supportsVlan: false,
  usesServiceConsoleNic: false,
  supportsNetworkHints: false,
  vswitchConfigSupported: false,
  vnicConfigSupported: false,
  ipRouteConfigSupported: false,
  dnsConfigSupported: false,
  dhcpOnVnicSupported: false,
  ipV6Supported: false,
};

export function networkInfo(agent: HostAgent): HostNetworkInfo {
  const [dns, route] = [dnsConfig(agent), routeConfig(agent)];
  return {
    vswitch: [],
    proxySwitch: [],
    portgroup: [],
    pnic: adapters(agent).map(physicalNic),
    vnic: [],
    consoleVnic: [],
    dnsConfig: dns,
    ipRouteConfig: route,
    netStackInstance: [{ key: DEFAULT_STACK, name: DEFAULT_STACK, dnsConfig: dns, ipRouteConfig: route }],
  };
}

type Nic = ReturnType<HostAgent["machine"]>["nics"][number];

/** The adapters in the order of their places in the machine, called as ESXi calls them: clients look for "vmnic". */
function adapters({ machine }: HostAgent): readonly (Nic & { readonly device: string })[] {
  const place = ({ controller = "", name }: Nic): string => `${controller} ${name}`;
  const inOrder = machine().nics.toSorted((one, other) => (place(one) < place(other) ? -1 : 1));
  return inOrder.map((nic, index) => ({ ...nic, device: `vmnic${index}` }));
}

function physicalNic({ device, mac, driver, controller, linkMbps, isFullDuplex }: ReturnType<typeof adapters>[number]): PhysicalNic {
  return {
    key: `key-vim.host.PhysicalNic-${device}`,
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
  const adapter = adapters(agent).find(({ name }) => name === gateway.device);
  return { defaultGateway: gateway.address, gatewayDevice: adapter?.device ?? gateway.device };
}
