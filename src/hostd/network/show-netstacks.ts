/** The ways on from the host's netstacks, and its name servers, as clients see them. Pure. Source: vim25 HostNetStackInstance. */
import type { NetworkDescription } from "../../vmkernel/index.ts";
import type { HostIpRouteConfig, HostIpRouteTableInfo, HostNetStackInstance } from "../../wire/index.ts";
import type { VirtualNetwork } from "./network-config.ts";
import { EVERYWHERE } from "./plan-netstacks.ts";

/** The ways on to everywhere: what is configured, else what an interface was told. */
export function showRouteConfig(
  { hostRoutes, hostNics }: VirtualNetwork,
  { learned = {} }: NetworkDescription,
  netstack: string,
): HostIpRouteConfig {
  const routeTo = (destination: string) => hostRoutes.find((route) => route.netstack === netstack && route.destination === destination);
  const [ipv4, ipv6] = [routeTo(EVERYWHERE.ipv4), routeTo(EVERYWHERE.ipv6)];
  const own = hostNics.filter((nic) => nic.netstack === netstack);
  const told = own.find(({ device }) => learned[device]?.lease?.gateway !== undefined);
  const gateway = ipv4?.gateway ?? (told && learned[told.device]?.lease?.gateway);
  const device = ipv4 === undefined ? told?.device : ipv4.device;
  return {
    ...(gateway !== undefined && { defaultGateway: gateway, ...(device !== undefined && { gatewayDevice: device }) }),
    ...(ipv6 && { ipV6DefaultGateway: ipv6.gateway, ...(ipv6.device !== undefined && { ipV6GatewayDevice: ipv6.device }) }),
  };
}

/** Those that are configured. */
export function showRouteTable({ hostRoutes }: VirtualNetwork, netstack: string): HostIpRouteTableInfo {
  const entries = hostRoutes
    .filter((route) => route.netstack === netstack)
    .map(({ destination, gateway, device }) => {
      const [network = "", bits] = destination.split("/");
      return { network, prefixLength: Number(bits), gateway, ...(device !== undefined && { deviceName: device }) };
    });
  const isOfIpv6 = ({ network }: { readonly network: string }): boolean => network.includes(":");
  return { ipRoute: entries.filter((entry) => !isOfIpv6(entry)), ipv6Route: entries.filter(isOfIpv6) };
}

/** ESXi's own numbers: nothing here sets others. */
const STACK_DEFAULTS = { requestedMaxNumberOfConnections: 11_000, congestionControlAlgorithm: "newreno", ipV6Enabled: true } as const;

export function showNetstack(network: VirtualNetwork, description: NetworkDescription, key: string): HostNetStackInstance {
  const { ipRoute = [], ipv6Route = [] } = showRouteTable(network, key);
  const operations = (routes: typeof ipRoute) => routes.map((route) => ({ changeOperation: "add", route }));
  return {
    key,
    name: key,
    ipRouteConfig: showRouteConfig(network, description, key),
    routeTableConfig: { ipRoute: operations(ipRoute), ipv6Route: operations(ipv6Route) },
    ...STACK_DEFAULTS,
  };
}
