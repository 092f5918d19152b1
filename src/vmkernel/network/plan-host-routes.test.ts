import { expect, test } from "vitest";
import type { Lease } from "./config.ts";
import { makeHostNic } from "./network.fixture.ts";
import { planHostRoutes } from "./plan-host-routes.ts";

const lease = (address: string, gateway?: string): Lease => ({
  address,
  prefixLength: 24,
  ...(gateway && { gateway }),
  nameServers: [],
  searchDomains: [],
  untilMs: 0,
});
/** vmk0 is 10.0.0.10/24, vmk1 asks for its address, vmk2 is of IPv6. */
const nics = [
  makeHostNic(0, "lan"),
  makeHostNic(1, "lan", { ip: [], dhcp: true }),
  makeHostNic(2, "lan", { ip: [{ kind: "static", address: "2001:db8::1", prefixLength: 64 }] }),
];
const plan = (routes: Parameters<typeof planHostRoutes>[1], learned: Parameters<typeof planHostRoutes>[2] = {}) =>
  planHostRoutes(nics, routes, learned).map(({ device, destination, gateway }) => `${destination} by ${gateway}, ${device}`);

test("a route leads by the interface on whose network its gateway is", () => {
  expect(
    plan([
      { destination: "0.0.0.0/0", gateway: "10.0.0.1" },
      { destination: "::/0", gateway: "2001:db8::ffff" },
    ]),
  ).toEqual(["0.0.0.0/0 by 10.0.0.1, vmk0", "::/0 by 2001:db8::ffff, vmk2"]);
});

test("a gateway that is on no network leads nowhere until an interface has an address there", () => {
  const routes = [{ destination: "172.16.0.0/12", gateway: "192.0.2.1" }];
  expect(plan(routes)).toEqual([]);
  expect(plan(routes, { vmk1: { lease: lease("192.0.2.77") } })).toEqual(["172.16.0.0/12 by 192.0.2.1, vmk1"]);
});

test("a route by an interface that is named leads by no other", () => {
  expect(plan([{ destination: "10.9.0.0/16", gateway: "10.0.0.1", device: "vmk1" }])).toEqual([]);
});

test("the way on that a DHCP server told of is taken where none is configured", () => {
  const learned = { vmk1: { lease: lease("192.0.2.77", "192.0.2.1") } };
  expect(plan([], learned)).toEqual(["0.0.0.0/0 by 192.0.2.1, vmk1"]);
  expect(plan([{ destination: "0.0.0.0/0", gateway: "10.0.0.1" }], learned)).toEqual(["0.0.0.0/0 by 10.0.0.1, vmk0"]);
});

test("of two that were told one is taken", () => {
  const learned = { vmk0: { lease: lease("10.0.0.10", "10.0.0.2") }, vmk1: { lease: lease("192.0.2.77", "192.0.2.1") } };
  expect(plan([], learned)).toEqual(["0.0.0.0/0 by 10.0.0.2, vmk0"]);
});

test("a router's own address on a link is a gateway where IPv6 is spoken", () => {
  expect(plan([{ destination: "::/0", gateway: "fe80::1" }])).toEqual(["::/0 by fe80::1, vmk2"]);
});
