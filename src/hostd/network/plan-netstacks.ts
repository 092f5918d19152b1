/**
 * What a client's request makes of the ways on from the host's netstacks, and of its name servers. Pure.
 * Source: vim25 HostIpRouteConfig, HostIpRouteTableConfig, HostNetStackInstance, HostDnsConfig.
 */
import { isIP, isIPv4, isIPv6 } from "node:net";
import { checkHostNics, type HostRoute } from "../../vmkernel/index.ts";
import type {
  HostDnsConfig,
  HostIpRouteConfig,
  HostIpRouteOp,
  HostIpRouteTableConfig,
  HostNetworkConfigNetStackSpec,
} from "../../wire/index.ts";
import { canonical, networkOf } from "./ip-networks.ts";
import type { VirtualNetwork } from "./network-config.ts";
import { invalidArgument, notSupported } from "./parse-policy.ts";
import { DEFAULT_STACK, NETSTACKS } from "./plan-host-nics.ts";
import { alreadyExists, notFound } from "./plan-network.ts";
import { isSame } from "./same-config.ts";

const NAME_SERVERS_MAX = 8; // a resolver asks no more
const SEARCH_DOMAINS_MAX = 32;
export const EVERYWHERE = { ipv4: "0.0.0.0/0", ipv6: "::/0" } as const;

export interface StackRequest<Config> {
  readonly netstack: string;
  readonly config: Config;
  /** What faults call it. */
  readonly at: string;
}

/** What is not said stays; "" and an address of nobody take the way on away. @throws {Fault} InvalidArgument */
export function updateRoutes(network: VirtualNetwork, { netstack, config, at }: StackRequest<HostIpRouteConfig>): VirtualNetwork {
  const { defaultGateway, gatewayDevice, ipV6DefaultGateway, ipV6GatewayDevice } = config;
  let planned = network;
  if (defaultGateway !== undefined)
    planned = withGateway(planned, { netstack, destination: EVERYWHERE.ipv4, gateway: defaultGateway, device: gatewayDevice, at });
  if (ipV6DefaultGateway !== undefined)
    planned = withGateway(planned, { netstack, destination: EVERYWHERE.ipv6, gateway: ipV6DefaultGateway, device: ipV6GatewayDevice, at });
  return checked(planned);
}

interface Gateway {
  readonly netstack: string;
  readonly destination: string;
  readonly gateway: string;
  readonly device: string | undefined;
  readonly at: string;
}

function withGateway(network: VirtualNetwork, { netstack, destination, gateway, device = "", at }: Gateway): VirtualNetwork {
  const others = network.hostRoutes.filter((route) => route.netstack !== netstack || route.destination !== destination);
  if (gateway === "" || gateway === "0.0.0.0" || gateway === "::") return { ...network, hostRoutes: others };
  const isV6 = destination === EVERYWHERE.ipv6;
  if (!(isV6 ? isIPv6 : isIPv4)(gateway))
    throw invalidArgument(`${at}.${isV6 ? "ipV6DefaultGateway" : "defaultGateway"}`, "it is no address");
  const route: HostRoute = { netstack, destination, gateway: gateway.toLowerCase(), ...(device !== "" && { device }) };
  return { ...network, hostRoutes: [...others, route] };
}

/** @throws {Fault} InvalidArgument, AlreadyExists, NotFound */
export function updateRouteTable(network: VirtualNetwork, { netstack, config, at }: StackRequest<HostIpRouteTableConfig>): VirtualNetwork {
  const { ipRoute = [], ipv6Route = [] } = config;
  let planned = network;
  for (const operation of ipRoute) planned = changeRoute(planned, { netstack, config: operation, at: `${at}.ipRoute` }, isIPv4);
  for (const operation of ipv6Route) planned = changeRoute(planned, { netstack, config: operation, at: `${at}.ipv6Route` }, isIPv6);
  return checked(planned);
}

function changeRoute(
  network: VirtualNetwork,
  { netstack, config: { changeOperation, route }, at }: StackRequest<HostIpRouteOp>,
  isAddress: (text: string) => boolean,
): VirtualNetwork {
  const { network: to, prefixLength, gateway, deviceName = "" } = route;
  if (!isAddress(to) || to.includes("%")) throw invalidArgument(`${at}.route.network`, "it is no address");
  const bits = isIPv4(to) ? 32 : 128;
  if (!Number.isInteger(prefixLength) || prefixLength < 0 || prefixLength > bits)
    throw invalidArgument(`${at}.route.prefixLength`, `it is from 0 to ${bits}`);
  // The kernel has it in one way, and so has what it is compared with.
  if (networkOf(to, prefixLength) !== canonical(to)) throw invalidArgument(`${at}.route.network`, "it is not the first of its network");
  const destination = `${canonical(to)}/${prefixLength}`;
  const same = (one: HostRoute): boolean => one.netstack === netstack && one.destination === destination;
  switch (changeOperation) {
    case "add": {
      if (!isAddress(gateway)) throw invalidArgument(`${at}.route.gateway`, "it is no address");
      if (network.hostRoutes.some(same)) throw alreadyExists("route to", destination);
      const added: HostRoute = { netstack, destination, gateway: gateway.toLowerCase(), ...(deviceName !== "" && { device: deviceName }) };
      return { ...network, hostRoutes: [...network.hostRoutes, added] };
    }
    case "remove":
      if (!network.hostRoutes.some(same)) throw notFound("route to", destination);
      return { ...network, hostRoutes: network.hostRoutes.filter((one) => !same(one)) };
    default:
      throw invalidArgument(`${at}.changeOperation`, "it is add or remove");
  }
}

const CONGESTION = "newreno";
const CONNECTIONS_MAX = 11_000;

/**
 * Of the netstacks that there are; none is made or removed. The host asks for names by one way, whoever of it asks: it is shown with, and
 * set by, the netstack that interfaces have unless another is said.
 * @param shownDns as the host shows it
 * @throws {Fault} InvalidArgument, NotSupported
 */
export function updateNetstack(
  network: VirtualNetwork,
  { netStackInstance, operation = "edit" }: HostNetworkConfigNetStackSpec,
  shownDns: HostDnsConfig | undefined,
): VirtualNetwork {
  const at = "config.netStackSpec.netStackInstance";
  const {
    key = "",
    name = key,
    dnsConfig,
    ipRouteConfig,
    routeTableConfig,
    congestionControlAlgorithm,
    requestedMaxNumberOfConnections,
    ipV6Enabled,
  } = netStackInstance;
  if (operation !== "edit") throw notSupported("config.netStackSpec.operation");
  if (!NETSTACKS.includes(key)) throw invalidArgument(`${at}.key`, `it is one of ${NETSTACKS.join(", ")}`);
  if ((congestionControlAlgorithm ?? CONGESTION) !== CONGESTION) throw notSupported(`${at}.congestionControlAlgorithm`);
  if ((requestedMaxNumberOfConnections ?? CONNECTIONS_MAX) !== CONNECTIONS_MAX) throw notSupported(`${at}.requestedMaxNumberOfConnections`);
  if (ipV6Enabled === false) throw notSupported(`${at}.ipV6Enabled`);
  if (name !== key) throw notSupported(`${at}.name`);
  const withDns =
    dnsConfig === undefined ? network : updateStackDns(network, { netstack: key, config: dnsConfig, at: `${at}.dnsConfig` }, shownDns);
  const withRoutes = ipRouteConfig ? updateRoutes(withDns, { netstack: key, config: ipRouteConfig, at: `${at}.ipRouteConfig` }) : withDns;
  return routeTableConfig
    ? updateRouteTable(withRoutes, { netstack: key, config: routeTableConfig, at: `${at}.routeTableConfig` })
    : withRoutes;
}

function updateStackDns(
  network: VirtualNetwork,
  { netstack, config, at }: StackRequest<HostDnsConfig>,
  shown: HostDnsConfig | undefined,
): VirtualNetwork {
  if (netstack === DEFAULT_STACK) return shown === undefined || isSame(config, shown) ? network : updateDns(network, config, shown, at);
  const { dhcp, address = [], searchDomain = [], hostName, domainName } = config;
  if (dhcp || address.length > 0 || searchDomain.length > 0 || hostName !== "" || domainName !== "") throw notSupported(at);
  return network;
}

/**
 * The host keeps its name, which its certificate is made for.
 * @param current as the host shows it
 * @throws {Fault} InvalidArgument, NotSupported
 */
export function updateDns(network: VirtualNetwork, config: HostDnsConfig, current: HostDnsConfig, at = "config"): VirtualNetwork {
  const { dhcp, virtualNicDevice, hostName, domainName, address = [], searchDomain = [] } = config;
  if (hostName !== "" && hostName !== current.hostName) throw notSupported(`${at}.hostName`);
  if (domainName !== "" && domainName !== current.domainName) throw notSupported(`${at}.domainName`);
  if (config.ipv6VirtualNicDevice !== undefined && config.ipv6VirtualNicDevice !== "") throw notSupported(`${at}.ipv6VirtualNicDevice`);
  if (address.some((one) => isIP(one) === 0)) throw invalidArgument(`${at}.address`, "one is no address");
  if (address.length > NAME_SERVERS_MAX) throw invalidArgument(`${at}.address`, `there are more than ${NAME_SERVERS_MAX}`);
  const isDomain = (name: string): boolean => name.length <= 253 && /^[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?$/i.test(name);
  if (!searchDomain.every(isDomain)) throw invalidArgument(`${at}.searchDomain`, "one is no name of a domain");
  if (searchDomain.length > SEARCH_DOMAINS_MAX) throw invalidArgument(`${at}.searchDomain`, `there are more than ${SEARCH_DOMAINS_MAX}`);
  const asking = network.hostNics.filter((nic) => nic.dhcp);
  const device = dhcp ? asking.find((nic) => (virtualNicDevice ?? nic.device) === nic.device)?.device : undefined;
  if (dhcp && device === undefined) throw invalidArgument(`${at}.virtualNicDevice`, "it is no interface that asks a DHCP server");
  if (device === undefined && address.length === 0) {
    const isOther = searchDomain.some((name) => current.searchDomain?.includes(name) !== true);
    if (isOther) throw invalidArgument(`${at}.searchDomain`, "without name servers there is nobody to ask for it");
    const { resolver: _, ...others } = network;
    return others; // those of the machine
  }
  return { ...network, resolver: { nameServers: [...address], searchDomains: [...searchDomain], ...(device && { dhcpDevice: device }) } };
}

function checked(network: VirtualNetwork): VirtualNetwork {
  checkHostNics(network);
  return network;
}
