import { expect, test } from "vitest";
import type { HostDnsConfig, HostIpRouteConfig, HostIpRouteOp } from "../../wire/index.ts";
import { facts, portGroup, refusal, wiredNetwork } from "./network.fixture.ts";
import { toVmkernel, type VirtualNetwork } from "./network-config.ts";
import { addHostNic, DEFAULT_STACK, removeHostNic } from "./plan-host-nics.ts";
import { updateDns, updateNetstack, updateRoutes, updateRouteTable } from "./plan-netstacks.ts";
import { addPortGroup } from "./plan-network.ts";
import { showRouteConfig, showRouteTable } from "./show-netstacks.ts";

/** vmk0 asks a DHCP server, vmk1 is 10.0.0.5/24. */
function twoNics(): VirtualNetwork {
  const groups = ["asking", "fixed"];
  const withGroups = groups.reduce((made, name) => addPortGroup(made, portGroup(name), facts), wiredNetwork());
  const ips = [{ dhcp: true }, { dhcp: false, ipAddress: "10.0.0.5", subnetMask: "255.255.255.0" }];
  return groups.reduce(
    (made, portgroup, n) => addHostNic(made, { portgroup, nic: { ip: ips[n] ?? { dhcp: true } }, mac: `00:50:56:60:00:0${n}` }, facts),
    withGroups,
  );
}
const network = twoNics();
const routes = (config: HostIpRouteConfig, of = network) => updateRoutes(of, { netstack: DEFAULT_STACK, config, at: "config" });
const table = (changes: readonly HostIpRouteOp[], of = network) =>
  updateRouteTable(of, { netstack: DEFAULT_STACK, config: { ipRoute: changes }, at: "config" });
const entry = (
  changeOperation: string,
  network: string,
  prefixLength: number,
  gateway = "10.0.0.1",
  deviceName?: string,
): HostIpRouteOp => ({
  changeOperation,
  route: { network, prefixLength, gateway, ...(deviceName !== undefined && { deviceName }) },
});
const shown = (of: VirtualNetwork, learned = {}) => showRouteConfig(of, { switches: [], learned }, DEFAULT_STACK);

test("a way on is shown and told to vmkernel as it was set, stays where nothing is said, and goes by an address of nobody", () => {
  const set = routes({ defaultGateway: "10.0.0.1", ipV6DefaultGateway: "2001:DB8::1", gatewayDevice: "vmk1" });
  expect(shown(set)).toEqual({ defaultGateway: "10.0.0.1", gatewayDevice: "vmk1", ipV6DefaultGateway: "2001:db8::1" });
  expect(toVmkernel(set).hostRoutes).toEqual([
    { netstack: DEFAULT_STACK, destination: "0.0.0.0/0", gateway: "10.0.0.1", device: "vmk1" },
    { netstack: DEFAULT_STACK, destination: "::/0", gateway: "2001:db8::1" },
  ]);
  expect(routes({}, set)).toEqual(set);
  expect(shown(routes({ defaultGateway: "0.0.0.0", ipV6DefaultGateway: "" }, set))).toEqual({});
});

test("the way on that a server told of is shown until another is set", () => {
  const lease = { address: "192.0.2.9", prefixLength: 24, gateway: "192.0.2.1", nameServers: [], searchDomains: [], untilMs: 0 };
  expect(shown(network, { vmk0: { lease } })).toEqual({ defaultGateway: "192.0.2.1", gatewayDevice: "vmk0" });
  expect(shown(routes({ defaultGateway: "10.0.0.1" }), { vmk0: { lease } })).toEqual({ defaultGateway: "10.0.0.1" });
});

test("routes are added and removed one by one, all of them or none", () => {
  const added = table([entry("add", "172.16.0.0", 12), entry("add", "10.9.0.0", 16, "10.0.0.2", "vmk1")]);
  expect(showRouteTable(added, DEFAULT_STACK).ipRoute).toEqual([
    { network: "172.16.0.0", prefixLength: 12, gateway: "10.0.0.1" },
    { network: "10.9.0.0", prefixLength: 16, gateway: "10.0.0.2", deviceName: "vmk1" },
  ]);
  expect(showRouteTable(table([entry("remove", "172.16.0.0", 12)], added), DEFAULT_STACK).ipRoute).toHaveLength(1);
  expect(showRouteTable(added, "vmotion").ipRoute).toEqual([]);
});

test("a route of IPv6 is one, however its network is written", () => {
  const change = (operation: string, to: string, of = network) =>
    updateRouteTable(of, { netstack: DEFAULT_STACK, config: { ipv6Route: [entry(operation, to, 32, "2001:db8::1")] }, at: "config" });
  const added = change("add", "2001:DB8:0:0::");
  expect(added.hostRoutes.map(({ destination }) => destination)).toEqual(["2001:db8::/32"]);
  expect(refusal(() => change("add", "2001:db8::", added))).toEqual(["AlreadyExists", "2001:db8::/32"]);
  expect(change("remove", "2001:db8:0::", added).hostRoutes).toEqual([]);
});

test("with an interface go its routes, and the name servers that it was to be told of", () => {
  const set = updateDns(table([entry("add", "10.9.0.0", 16, "10.0.0.2", "vmk0")]), dns({ dhcp: true }), DNS);
  const without = removeHostNic(set, "vmk0");
  expect([without.hostRoutes, without.resolver]).toEqual([[], undefined]);
});

const DNS: HostDnsConfig = { dhcp: false, hostName: "esx1", domainName: "example.org", address: [], searchDomain: [] };
const dns = (parts: Partial<HostDnsConfig>): HostDnsConfig => ({ ...DNS, ...parts });

test("name servers are those that are set, those that a server tells of, or the machine's", () => {
  const set = updateDns(network, dns({ address: ["192.0.2.53"], searchDomain: ["lab.example.org"] }), DNS);
  expect(toVmkernel(set).resolver).toEqual({ nameServers: ["192.0.2.53"], searchDomains: ["lab.example.org"] });
  expect(updateDns(set, dns({ dhcp: true }), DNS).resolver).toEqual({ nameServers: [], searchDomains: [], dhcpDevice: "vmk0" });
  expect(toVmkernel(updateDns(set, DNS, DNS)).resolver).toBeUndefined();
});

test("a netstack is set as by itself", () => {
  const ipRouteConfig = { defaultGateway: "10.0.0.1" };
  const set = updateNetstack(network, { netStackInstance: { key: DEFAULT_STACK, ipRouteConfig }, operation: "edit" }, DNS);
  expect(set).toEqual(routes(ipRouteConfig));
});

const change = (parts: object) => updateNetstack(network, { netStackInstance: { key: DEFAULT_STACK, ...parts } }, DNS);
const instance = (parts: object) => () => change(parts);

test("the name servers of the netstack that the host asks by are set with it, and said again they change nothing", () => {
  const dnsConfig = dns({ address: ["10.0.0.53"], searchDomain: ["example.org"] });
  expect(change({ dnsConfig }).resolver).toEqual({ nameServers: ["10.0.0.53"], searchDomains: ["example.org"] });
  expect(change({ dnsConfig: DNS })).toEqual(network);
  expect(change({ key: "vmotion", dnsConfig: { dhcp: false, hostName: "", domainName: "" } })).toEqual(network);
});

test.each<[string, () => unknown, readonly [string, unknown]]>([
  ["a gateway that is no address", () => routes({ defaultGateway: "gateway" }), ["InvalidArgument", "config.defaultGateway"]],
  ["a gateway of the other family", () => routes({ ipV6DefaultGateway: "10.0.0.1" }), ["InvalidArgument", "config.ipV6DefaultGateway"]],
  ["the loopback as a gateway", () => routes({ defaultGateway: "127.0.0.1" }), ["InvalidArgument", "ipRoute.gateway"]],
  [
    "a gateway by an interface that is not there",
    () => routes({ defaultGateway: "10.0.0.1", gatewayDevice: "vmk9" }),
    ["InvalidArgument", "ipRoute.deviceName"],
  ],
  ["a route to no network", () => table([entry("add", "network", 8)]), ["InvalidArgument", "config.ipRoute.route.network"]],
  [
    "a route of IPv6 among those of IPv4",
    () => table([entry("add", "2001:db8::", 32)]),
    ["InvalidArgument", "config.ipRoute.route.network"],
  ],
  ["a route to an address in a network", () => table([entry("add", "10.9.0.1", 16)]), ["InvalidArgument", "config.ipRoute.route.network"]],
  ["a prefix that is too long", () => table([entry("add", "10.0.0.0", 33)]), ["InvalidArgument", "config.ipRoute.route.prefixLength"]],
  ["a prefix of half a bit", () => table([entry("add", "10.0.0.0", 8.5)]), ["InvalidArgument", "config.ipRoute.route.prefixLength"]],
  ["a route that is there", () => table([entry("add", "10.9.0.0", 16), entry("add", "10.9.0.0", 16)]), ["AlreadyExists", "10.9.0.0/16"]],
  ["the removal of none", () => table([entry("remove", "10.9.0.0", 16)]), ["NotFound", undefined]],
  ["another operation", () => table([entry("edit", "10.9.0.0", 16)]), ["InvalidArgument", "config.ipRoute.changeOperation"]],
  ["another name of the host", () => updateDns(network, dns({ hostName: "x" }), DNS), ["NotSupported", undefined]],
  ["a name server without an address", () => updateDns(network, dns({ address: ["ns1"] }), DNS), ["InvalidArgument", "config.address"]],
  [
    "a domain that is none",
    () => updateDns(network, dns({ address: ["10.0.0.1"], searchDomain: ["a b"] }), DNS),
    ["InvalidArgument", "config.searchDomain"],
  ],
  [
    "a domain that no name server is asked for",
    () => updateDns(network, dns({ searchDomain: ["example.org"] }), DNS),
    ["InvalidArgument", "config.searchDomain"],
  ],
  [
    "a gateway with a zone",
    () => table([entry("add", "10.9.0.0", 16, "fe80::1%vmk0")]),
    ["InvalidArgument", "config.ipRoute.route.gateway"],
  ],
  ["a default gateway with a zone", () => routes({ ipV6DefaultGateway: "fe80::1%vmk0" }), ["InvalidArgument", "ipRoute.gateway"]],
  [
    "name servers of an interface that asks nobody",
    () => updateDns(network, dns({ dhcp: true, virtualNicDevice: "vmk1" }), DNS),
    ["InvalidArgument", "config.virtualNicDevice"],
  ],
  ["a netstack that is not there", instance({ key: "mine" }), ["InvalidArgument", "config.netStackSpec.netStackInstance.key"]],
  ["a netstack's other name", instance({ name: "mine" }), ["NotSupported", undefined]],
  [
    "name servers of a netstack that the host does not ask by",
    instance({ key: "vmotion", dnsConfig: dns({ address: ["10.0.0.53"] }) }),
    ["NotSupported", undefined],
  ],
  [
    "a name server of a netstack without an address",
    instance({ dnsConfig: dns({ address: ["ns1"] }) }),
    ["InvalidArgument", "config.netStackSpec.netStackInstance.dnsConfig.address"],
  ],
  ["another congestion control", instance({ congestionControlAlgorithm: "cubic" }), ["NotSupported", undefined]],
])("%s is refused by name", (_, attempt, expected) => expect(refusal(attempt)).toEqual(expected));
