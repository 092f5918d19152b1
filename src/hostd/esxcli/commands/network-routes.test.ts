import { expect, test } from "vitest";
import type { HostNetStackInstance, HostNetworkInfo, HostVirtualNic } from "../../../wire/index.ts";
import { CommandFailed } from "../command.ts";
import { dnsChange } from "./network-addresses.ts";
import { findRoute, IPV4, IPV6, parseRoute, routesOf } from "./network-routes.ts";

const KEY = "defaultTcpipStack";
const nic = (device: string, ip: object, netStackInstanceKey = KEY) =>
  ({ device, key: device, portgroup: device, spec: { netStackInstanceKey, ip: { dhcp: false, ...ip } } }) as HostVirtualNic;
const network = {
  vnic: [
    nic("vmk0", { ipAddress: "192.0.2.7", subnetMask: "255.255.255.0", dhcp: true }),
    nic("vmk1", {
      ipAddress: "198.51.100.7",
      subnetMask: "255.255.255.128",
      ipV6Config: { ipV6Address: [{ ipAddress: "2001:db8::7", prefixLength: 64, origin: "manual" }] },
    }),
    nic("vmk2", { ipAddress: "203.0.113.7", subnetMask: "255.255.255.0" }, "vmotion"),
    nic("vmk3", {}),
  ],
} as unknown as HostNetworkInfo;
const way = (to: string, prefixLength: number, gateway: string, deviceName?: string) => ({
  changeOperation: "add",
  route: { network: to, prefixLength, gateway, ...(deviceName !== undefined && { deviceName }) },
});
const row = (Network: string, Netmask: string, Gateway: string, Interface: string | undefined, Source = "MANUAL") => ({
  ...{ Network, Netmask, Gateway, Interface, Source },
});
const stack = (parts: Partial<HostNetStackInstance>): HostNetStackInstance => ({ key: KEY, ...parts });
const CONNECTED = [row("192.0.2.0", "255.255.255.0", "0.0.0.0", "vmk0", "DHCP"), row("198.51.100.0", "255.255.255.128", "0.0.0.0", "vmk1")];

test("a way on that DHCP told is told of as that, and each network that the stack's interfaces are in", () => {
  const told = stack({ ipRouteConfig: { defaultGateway: "192.0.2.1", gatewayDevice: "vmk0" } });
  expect(routesOf(network, told, IPV4)).toEqual([row("default", "0.0.0.0", "192.0.2.1", "vmk0", "DHCP"), ...CONNECTED]);
});

test("what is configured comes with the interface whose network its gateway is in, and the way on to everywhere but once", () => {
  const ipRoute = [way("0.0.0.0", 0, "198.51.100.1"), way("10.0.0.0", 8, "203.0.113.1"), way("10.9.0.0", 16, "192.0.2.9", "vmk1")];
  const configured = stack({ ipRouteConfig: { defaultGateway: "198.51.100.1" }, routeTableConfig: { ipRoute } });
  expect(routesOf(network, configured, IPV4)).toEqual([
    row("default", "0.0.0.0", "198.51.100.1", "vmk1"),
    row("10.0.0.0", "255.0.0.0", "203.0.113.1", undefined), // vmk2's stack is another
    row("10.9.0.0", "255.255.0.0", "192.0.2.9", "vmk1"),
    ...CONNECTED,
  ]);
});

test("those of IPv6 have the length of their prefix", () => {
  const configured = stack({ routeTableConfig: { ipv6Route: [way("2001:db8:9::", 48, "2001:db8::1")] } });
  expect(routesOf(network, configured, IPV6)).toEqual([
    row("2001:db8:9::", "48", "2001:db8::1", "vmk1"),
    row("2001:db8::", "64", "::", "vmk1"),
  ]);
});

test.each([
  ["10.0.0.0/8", "192.0.2.1", IPV4, { network: "10.0.0.0", prefixLength: 8, gateway: "192.0.2.1" }],
  ["default", "192.0.2.1", IPV4, { network: "0.0.0.0", prefixLength: 0, gateway: "192.0.2.1" }],
  ["::/0", "2001:DB8::1", IPV6, { network: "::", prefixLength: 0, gateway: "2001:db8::1" }],
  ["2001:DB8:0::/32", "fe80::1%vmk0", IPV6, { network: "2001:db8::", prefixLength: 32, gateway: "fe80::1", deviceName: "vmk0" }],
])("to %s by %s of %o is a route", (to, gateway, family, route) => expect(parseRoute({ network: to, gateway }, family)).toEqual(route));

test.each([
  ["10.0.0.1/8", "192.0.2.1", IPV4],
  ["10.0.0.0", "192.0.2.1", IPV4],
  ["10.0.0.0/33", "192.0.2.1", IPV4],
  ["10.0.0.0/-1", "192.0.2.1", IPV4],
  ["2001:db8::/32", "192.0.2.1", IPV4],
  ["fe80::%vmk0/64", "fe80::1", IPV6],
  ["::/129", "fe80::1", IPV6],
  ["default", "gateway", IPV4],
  ["default", "", IPV6],
  ["", "192.0.2.1", IPV4],
])("to %j by %j is none", (to, gateway, family) => {
  expect(() => parseRoute({ network: to, gateway }, family)).toThrow(CommandFailed);
});

test("a route is found however it is written, and not by another gateway", () => {
  const configured = stack({ routeTableConfig: { ipv6Route: [way("2001:db8:0:0::", 32, "2001:db8:0::1", "vmk1")] } });
  const find = (gateway: string) => findRoute(configured, parseRoute({ network: "2001:db8::/32", gateway }, IPV6), IPV6);
  expect(find("2001:DB8::1")).toMatchObject({ network: "2001:db8:0:0::", deviceName: "vmk1" });
  expect(() => find("2001:db8::2")).toThrow("There is no route to 2001:db8::/32 by 2001:db8::2");
});

const own = { dhcp: false, hostName: "esx1", domainName: "", address: ["192.0.2.53"], searchDomain: [] };
const ofDhcp = { ...own, dhcp: true, virtualNicDevice: "vmk0" };
test.each([
  ["nothing is said", own, "vmk0", "dhcp", undefined, undefined],
  ["it is to be told", own, "vmk0", "dhcp", true, ofDhcp],
  ["it is told already", ofDhcp, "vmk0", "dhcp", true, undefined],
  ["it is told, and nothing is said", ofDhcp, "vmk0", "dhcp", undefined, undefined],
  ["another is told", ofDhcp, "vmk1", "dhcp", undefined, undefined],
  ["another shall be told", ofDhcp, "vmk1", "dhcp", true, { ...ofDhcp, virtualNicDevice: "vmk1" }],
  ["another than the one that is told shall not be", ofDhcp, "vmk1", "dhcp", false, undefined],
  ["it is to be told no more", ofDhcp, "vmk0", "dhcp", false, own],
  ["the one that is told asks no more", ofDhcp, "vmk0", "static", undefined, own],
] as const)("of the name servers, when %s, that is made", (_, dns, device, type, peerdns, change) => {
  expect(dnsChange(dns, device, { type, peerdns, ipv4: undefined, netmask: undefined })).toEqual(change);
});
test("an address that is set tells no name servers", () => {
  expect(() => dnsChange(own, "vmk0", { type: "static", peerdns: true, ipv4: undefined, netmask: undefined })).toThrow(CommandFailed);
});
