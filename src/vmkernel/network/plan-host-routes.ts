/**
 * The ways on from a netstack, from what is configured and what its interfaces were told. Pure.
 * vim25 HostIpRouteConfig, HostIpRouteTableConfig; RFC 2132 §3.5.
 */
import { contains, parseIpNetwork } from "../../base/index.ts";
import type { HostNicConfig, HostRoute, Learned } from "./config.ts";
import { addressOf } from "./host-nic.ts";

/** A route by one interface. */
export interface PlannedRoute {
  readonly device: string;
  readonly destination: string;
  readonly gateway: string;
}

const EVERYWHERE = "0.0.0.0/0";

/**
 * What can be at present: a gateway that is on no network of the netstack leads nowhere until it is.
 * @param nics of the netstack
 */
export function planHostRoutes(
  nics: readonly HostNicConfig[],
  routes: readonly Omit<HostRoute, "netstack">[],
  learned: Readonly<Record<string, Learned>>,
): readonly PlannedRoute[] {
  const configured = routes.flatMap(({ destination, gateway, device }) => {
    const by = nics.find((nic) => (device === undefined || nic.device === device) && isOnNetwork(nic, gateway, learned[nic.device]));
    return by === undefined ? [] : [{ device: by.device, destination, gateway }];
  });
  if (routes.some(({ destination }) => destination === EVERYWHERE)) return configured;
  // One way to everywhere: of the interface that was given one first.
  const told = nics.flatMap(({ device }) => {
    const gateway = learned[device]?.lease?.gateway;
    return gateway === undefined ? [] : [{ device, destination: EVERYWHERE, gateway }];
  });
  return [...configured, ...told.slice(0, 1)];
}

function isOnNetwork({ ip, autoconf }: HostNicConfig, gateway: string, learned: Learned = {}): boolean {
  const way = parseIpNetwork(gateway);
  const addresses = [...ip, ...addressOf(learned.lease), ...(learned.autoconf ?? [])];
  // A router's own address on a link that speaks IPv6.
  if (/^fe80:/i.test(gateway)) return autoconf === true || addresses.some(({ address }) => parseIpNetwork(address)?.version === 6);
  return addresses.some(({ address, prefixLength }) => {
    const network = parseIpNetwork(address, prefixLength);
    return network !== undefined && way !== undefined && contains(network, way);
  });
}
