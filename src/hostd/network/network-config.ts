/**
 * The virtual network as hostd keeps it: what vmkernel is told, and what only clients see. Pure.
 * Paper «Virtual Switches»; vim25 HostVirtualSwitchSpec; the host's first configuration is ESXi's, but for the three security
 * policies: guides to hardening have them all rejected, and so has this host from its first start.
 */
import type {
  HostNicConfig,
  HostRoute,
  NetworkConfig,
  NetworkPolicy,
  PolicyOverrides,
  PortGroupConfig,
  ResolverConfig,
  ShapingPolicy,
  SwitchConfig,
} from "../../vmkernel/index.ts";

export interface VirtualNetwork {
  readonly switches: readonly VirtualSwitch[];
  readonly hostNics: readonly HostNic[];
  readonly hostRoutes: readonly HostRoute[];
  /** For names that the host itself looks up; those of the machine where absent. */
  readonly resolver?: ResolverConfig;
}

/** An interface of the host's own: vmk0. */
export interface HostNic extends HostNicConfig {
  /** What it is chosen for: types of vim25 HostVirtualNicManagerNicType. */
  readonly services: readonly string[];
}

export interface VirtualSwitch extends SwitchConfig {
  /** Nothing is ever announced. */
  readonly linkDiscovery: LinkDiscovery;
  readonly portGroups: readonly VirtualPortGroup[];
}

export interface VirtualPortGroup extends PortGroupConfig {
  /** Meant for the host's own interfaces, also while it has none: see {@link isForHost}. */
  readonly isForHost?: true;
}

/** vim25 LinkDiscoveryProtocolConfig. */
export interface LinkDiscovery {
  readonly protocol: "cdp" | "lldp";
  readonly operation: "none" | "listen";
}

/** A port group with the switch that it is on. */
export interface PlacedPortGroup {
  readonly vswitch: VirtualSwitch;
  readonly portGroup: VirtualPortGroup;
}

export const MTU = { min: 1280, max: 9000, default: 1500 };
export const NUM_PORTS = { min: 1, max: 4096 }; // they are made on demand: the number is only shown
export const DEFAULT_DISCOVERY: LinkDiscovery = { protocol: "cdp", operation: "listen" };

/** Of a switch for which nothing is said: ESXi's, with the security policies that are recommended for it. */
export const DEFAULT_POLICY: NetworkPolicy = {
  security: { allowPromiscuous: false, macChanges: false, forgedTransmits: false, blockSwitchProtocols: true },
  shaping: { enabled: false, averageBandwidth: 0, peakBandwidth: 0, burstSize: 0 },
  teaming: { policy: "loadbalance_srcid", notifySwitches: true, rollingOrder: false, checkBeacon: false, active: [], standby: [] },
};

/** No adapter is taken: the machine may be reached by the only one that it has. */
export const FIRST_NETWORK: VirtualNetwork = {
  switches: [
    {
      name: "vSwitch0",
      numPorts: 128,
      mtu: MTU.default,
      uplinks: [],
      policy: DEFAULT_POLICY,
      linkDiscovery: DEFAULT_DISCOVERY,
      portGroups: [
        { name: "VM Network", vlanId: 0, overrides: {} },
        { name: "Management Network", vlanId: 0, overrides: {}, isForHost: true },
      ],
    },
  ],
  hostNics: [],
  hostRoutes: [],
};

/** Clients do not see a network for it that VMs could be connected to, as on ESXi. */
export function isForHost({ hostNics }: VirtualNetwork, portGroup: VirtualPortGroup): boolean {
  return portGroup.isForHost === true || hostNics.some((nic) => nic.portGroup === portGroup.name);
}

export function portGroupsOf({ switches }: VirtualNetwork): readonly PlacedPortGroup[] {
  return switches.flatMap((vswitch) => vswitch.portGroups.map((portGroup) => ({ vswitch, portGroup })));
}

export function findPortGroup(network: VirtualNetwork, name: string): PlacedPortGroup | undefined {
  return portGroupsOf(network).find(({ portGroup }) => portGroup.name === name);
}

/** Port groups that it had and has no more. */
export function goneFrom(before: VirtualNetwork, wanted: VirtualNetwork): readonly string[] {
  const names = portGroupsOf(before).map(({ portGroup }) => portGroup.name);
  return names.filter((name) => findPortGroup(wanted, name) === undefined);
}

/** One that was stored before hosts had interfaces of their own, and routes, has none. */
export function readStored(text: string): VirtualNetwork {
  return { hostNics: [], hostRoutes: [], ...(JSON.parse(text) as Pick<VirtualNetwork, "switches"> & Partial<VirtualNetwork>) };
}

/** Of the port groups for which clients see a network. */
export function networkNames(network: VirtualNetwork): readonly string[] {
  return portGroupsOf(network).flatMap(({ portGroup }) => (isForHost(network, portGroup) ? [] : [portGroup.name]));
}

/**
 * What vmkernel is told. It wants a rate of at least 1 also where nothing is shaped; clients see and set 0 there.
 * @param blocksSwitchProtocols from guests, on every switch
 */
export function toVmkernel({ switches, hostNics, hostRoutes, resolver }: VirtualNetwork, blocksSwitchProtocols = true): NetworkConfig {
  return {
    hostRoutes,
    ...(resolver && { resolver }),
    switches: switches.map(({ linkDiscovery, policy, portGroups, ...vswitch }) => ({
      ...vswitch,
      ...(linkDiscovery.operation === "listen" && { discovery: linkDiscovery.protocol }),
      policy: {
        ...policy,
        security: { ...policy.security, blockSwitchProtocols: blocksSwitchProtocols },
        shaping: { ...policy.shaping, ...withRates(policy.shaping) },
      },
      portGroups: portGroups.map(({ isForHost: __, ...portGroup }) => ({
        ...portGroup,
        overrides: overridesWithRates(portGroup.overrides),
      })),
    })),
    hostNics: hostNics.map(({ services, ...nic }) => ({ ...nic, ...(services.includes("management") && { servesApi: true as const }) })),
  };
}

function overridesWithRates({ shaping, ...others }: PolicyOverrides): PolicyOverrides {
  return shaping === undefined ? others : { ...others, shaping: { ...shaping, ...withRates(shaping) } };
}

function withRates({ averageBandwidth, peakBandwidth, burstSize }: Partial<ShapingPolicy>): Partial<ShapingPolicy> {
  return {
    ...(averageBandwidth !== undefined && { averageBandwidth: Math.max(1, averageBandwidth) }),
    ...(peakBandwidth !== undefined && { peakBandwidth: Math.max(1, peakBandwidth) }),
    ...(burstSize !== undefined && { burstSize: Math.max(1, burstSize) }),
  };
}
