import { expect, test } from "vitest";
import { showHostNicSpec } from "./show-host-nics.ts";

const nic = {
  device: "vmk0",
  portGroup: "Storage",
  mac: "00:50:56:60:00:01",
  mtu: 1500,
  netstack: "defaultTcpipStack",
  services: [],
  ip: [{ kind: "static", address: "2001:db8:0::10", prefixLength: 64 }],
  autoconf: true,
} as const;
const told = [{ kind: "autoconf", address: "2001:db8:1::250:56ff:fe60:1", prefixLength: 64 }] as const;

test.each([
  ["nobody else has", {}, ["preferred", "preferred"]],
  ["another host has, however it is written", { vmk0: ["2001:db8::10"] }, ["duplicate", "preferred"]],
  ["routers told, and another host has", { vmk0: ["2001:db8:1:0:250:56ff:fe60:1"] }, ["preferred", "duplicate"]],
  ["another interface's neighbour has", { vmk1: ["2001:db8::10"] }, ["preferred", "preferred"]],
])("an address that %s is shown so", (_, duplicates, states) => {
  const { ip } = showHostNicSpec(nic, { learned: { vmk0: { autoconf: told } }, duplicates });
  expect(ip?.ipV6Config?.ipV6Address?.map(({ origin, dadState }) => [origin, dadState])).toEqual([
    ["manual", states[0]],
    ["linklayer", states[1]],
  ]);
});
