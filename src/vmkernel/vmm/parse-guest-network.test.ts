import { expect, test } from "vitest";
import { parseGuestNetwork } from "./parse-guest-network.ts";

const none = { routes: undefined, routes6: undefined, resolver: undefined };
const routesOf = (routes: string) => parseGuestNetwork({ ...none, routes })?.routes;
const routes6Of = (routes6: string) => parseGuestNetwork({ ...none, routes6 })?.routes;

test("a guest's routes are told with their gateways", () => {
  const text = [
    "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT",
    "eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0",
    "eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0",
    "*\t0000000A\t00000000\t0201\t0\t0\t0\t000000FF\t0\t0\t0",
  ].join("\n");
  expect(routesOf(text)).toEqual([
    { network: "0.0.0.0", prefixLength: 0, gateway: "192.0.2.1" },
    { network: "192.0.2.0", prefixLength: 24 },
  ]);
});

test("of version 6 too, without its own addresses, multicast and what leads nowhere", () => {
  const zero = "0".repeat(32);
  const row = (to: string, prefix: string, by: string, flags: string, device: string) =>
    `${to} ${prefix} ${zero} 00 ${by} 00000100 00000001 00000000 ${flags} ${device}`;
  const text = [
    row(zero, "00", "fe800000000000000000000000000001", "00000003", "eth0"),
    row("20010db8000000000000000000000000", "40", zero, "00000001", "eth0"),
    row("20010db8000000000000000000000005", "80", zero, "80200001", "eth0"),
    row("ff000000000000000000000000000000", "08", zero, "00000001", "eth0"),
    row("00000000000000000000000000000001", "70", zero, "00000001", "lo"),
    row(zero, "00", zero, "00200200", "eth0"),
  ].join("\n");
  expect(routes6Of(text)).toEqual([
    { network: "::", prefixLength: 0, gateway: "fe80::1" },
    { network: "2001:db8::", prefixLength: 64 },
  ]);
});

test("whom a guest asks for names", () => {
  const resolver =
    "# by hand\nnameserver 192.0.2.53\n nameserver 2001:db8::53\nnameserver nobody\ndomain old.example\nsearch a.example b.example\n";
  expect(parseGuestNetwork({ ...none, resolver })).toEqual({
    routes: [],
    nameServers: ["192.0.2.53", "2001:db8::53"],
    searchDomains: ["a.example", "b.example"],
  });
});

test("a guest whose files cannot be read has told nothing", () => {
  expect(parseGuestNetwork(none)).toBeUndefined();
});

test.each([
  ["nothing", ""],
  ["a line cut short", "eth0\t00000000\t0102"],
  ["no numbers", "eth0 zero one 0003 0 0 0 mask"],
  ["no end", "eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\n".repeat(10_000)],
])("routes that are %s are bounded", (_, text) => {
  expect(routesOf(text)?.length).toBeLessThanOrEqual(64);
  expect(routes6Of(text)).toEqual([]);
});

test("names that are no names are left out", () => {
  const resolver = `search ok.example a\u0007b ${"x".repeat(300)} <b>\n${"nameserver 192.0.2.1\n".repeat(1000)}`;
  const network = parseGuestNetwork({ ...none, resolver });
  expect(network?.searchDomains).toEqual(["ok.example"]);
  expect(network?.nameServers).toHaveLength(16);
});
