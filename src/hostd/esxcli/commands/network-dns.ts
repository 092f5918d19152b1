/** `esxcli network ip route`, `dns` and `netstack`: by what ways the host reaches others, and whom it asks for names. */
import type { HostNetworkInfo } from "../../../wire/index.ts";
import { blocks, command, one, struct, table } from "../command.ts";
import { networkOf } from "./network-addresses.ts";
import { readNetwork } from "./network-system.ts";

const route = struct("IPv4Route", { Network: "string", Netmask: "string", Gateway: "string", Interface: "string", Source: "string" });

function routesOf({ ipRouteConfig, vnic = [] }: HostNetworkInfo) {
  const gateway = ipRouteConfig?.defaultGateway;
  const out =
    gateway === undefined
      ? []
      : [{ Network: "default", Netmask: "0.0.0.0", Gateway: gateway, Interface: ipRouteConfig?.gatewayDevice, Source: "MANUAL" }];
  const connected = vnic.flatMap(({ device, spec: { ip } }) => {
    const { ipAddress, subnetMask } = ip ?? {};
    if (ipAddress === undefined || subnetMask === undefined) return [];
    return [{ Network: networkOf(ipAddress, subnetMask), Netmask: subnetMask, Gateway: "0.0.0.0", Interface: device, Source: "MANUAL" }];
  });
  return [...out, ...connected];
}

export const wayCommands = [
  command("network ip route ipv4 list", {
    help: "List the networks that the host reaches, and by which interface.",
    result: table(route),
    run: async (host) => routesOf(await readNetwork(host)),
  }),
  command("network ip dns server list", {
    help: "List the name servers that the host asks.",
    result: one(struct("DNSServer", { DNSServers: "string[]" })),
    run: async (host) => ({ DNSServers: (await readNetwork(host)).dnsConfig?.address ?? [] }),
  }),
  command("network ip dns search list", {
    help: "List the domains that the host looks for names in.",
    result: one(struct("SearchDomain", { "DNSSearch Domains": "string[]" })),
    run: async (host) => ({ "DNSSearch Domains": (await readNetwork(host)).dnsConfig?.searchDomain ?? [] }),
  }),
  command("network ip netstack list", {
    help: "List the netstacks of the host.",
    result: blocks(struct("NetStack", { Key: "string", Name: "string" }), "%Key%"),
    run: async (host) => ((await readNetwork(host)).netStackInstance ?? []).map(({ key, name }) => ({ Key: key, Name: name })),
  }),
];
