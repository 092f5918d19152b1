import fc from "fast-check";
import { expect, test } from "vitest";
import { parseDhcpEvent } from "./parse-dhcp-event.ts";

const leaseOf = (line: string) => {
  const event = parseDhcpEvent(line.replaceAll("|", "\t"), 1000);
  return event?.kind === "leased" ? event.lease : event;
};

test("a lease is what the server gave", () => {
  expect(leaseOf("dhcp|bound|192.0.2.7|24|192.0.2.1|192.0.2.53 198.51.100.53|example.org|lab.example.org|3600")).toEqual({
    address: "192.0.2.7",
    prefixLength: 24,
    gateway: "192.0.2.1",
    nameServers: ["192.0.2.53", "198.51.100.53"],
    searchDomains: ["lab.example.org", "example.org"],
    untilMs: 3_601_000,
  });
});

test.each([
  ["dhcp|renew|10.1.2.3||||||", { address: "10.1.2.3", prefixLength: 8, nameServers: [], searchDomains: [], untilMs: 31_000 }],
  ["dhcp|leasefail||||||", { kind: "unanswered" }],
  ["dhcp|deconfig|", { kind: "none" }],
])("%s", (line, expected) => expect(leaseOf(line)).toEqual(expected));

test.each([
  ["dhcp|nak|192.0.2.7|24", "the client asks anew"],
  ["udhcpc: sending discover", "it says something else"],
  ["dhcp|bound|224.0.0.1|24", "a group's address"],
  ["dhcp|bound|127.0.0.1|8", "the loopback's address"],
  ["dhcp|bound|0.0.0.0|8", "nobody's address"],
  ["dhcp|bound|2001:db8::1|64", "no address of IPv4"],
  ["dhcp|bound||24", "no address"],
])("%s changes nothing: %s", (line) => expect(leaseOf(line)).toBeUndefined());

test("of what a server tells only what can be is taken", () => {
  const lease = leaseOf(
    "dhcp|bound|192.0.2.7|99|127.0.0.1 192.0.2.1|$(reboot) 224.0.0.1 192.0.2.53|../etc|a b;c -x ok.example|99999999999",
  );
  expect(lease).toMatchObject({ prefixLength: 24, gateway: "192.0.2.1", nameServers: ["192.0.2.53"], searchDomains: ["a", "ok.example"] });
});

test("whatever the line, there is an event or none", () => {
  fc.assert(
    fc.property(fc.array(fc.string()), (fields) => {
      const event = parseDhcpEvent(["dhcp", "bound", ...fields].join("\t"), 0);
      if (event?.kind === "leased") expect(event.lease.prefixLength).toBeGreaterThan(0);
    }),
  );
});
