/** Which name servers the host itself asks. Pure. vim25 HostDnsConfig. */
import type { NameServers } from "../../system/index.ts";
import type { NetworkState } from "./plan-network.ts";

/** @returns undefined: those of the machine */
export function chooseNameServers({
  config: { resolver },
  learned = {},
}: Pick<NetworkState, "config" | "learned">): NameServers | undefined {
  if (resolver === undefined) return undefined;
  const lease = resolver.dhcpDevice === undefined ? undefined : learned[resolver.dhcpDevice]?.lease;
  if (lease !== undefined && lease.nameServers.length > 0) {
    return { servers: lease.nameServers, searchDomains: [...new Set([...resolver.searchDomains, ...lease.searchDomains])] };
  }
  return resolver.nameServers.length === 0 ? undefined : { servers: resolver.nameServers, searchDomains: resolver.searchDomains };
}
