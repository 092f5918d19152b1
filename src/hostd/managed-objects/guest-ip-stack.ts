/** A guest's routes and name servers as clients read them: vim25 GuestStackInfo. Pure. */
import type { GuestState } from "../../vmkernel/index.ts";
import type { GuestStackInfo } from "../../wire/index.ts";

/** One stack, or none where the guest does not tell. Whether DHCP gave it what it has, nobody asks. */
export function ipStackOf({ network, hostName = "" }: Extract<GuestState, { tools: "running" }>): readonly GuestStackInfo[] {
  if (network === undefined) return [];
  const [name = "", ...domain] = hostName.split(".");
  const { routes, nameServers, searchDomains } = network;
  return [
    {
      dnsConfig: { dhcp: false, hostName: name, domainName: domain.join("."), ipAddress: nameServers, searchDomain: searchDomains },
      ipRouteConfig: {
        ipRoute: routes.map(({ network: to, prefixLength, gateway }) => ({
          network: to,
          prefixLength,
          gateway: gateway === undefined ? {} : { ipAddress: gateway },
        })),
      },
    },
  ];
}
