import { expect, test } from "vitest";
import type { Firewall, FirewallRule, HostNicConfig, NetworkConfig, PortGroupConfig, SwitchConfig } from "./network/config.ts";
import { FIREWALL_RULES_MAX, parseFirewall } from "./parse-firewall.ts";
import { parseNetworkConfig } from "./parse-network.ts";
import { asShape } from "./shape.ts";

const shaping = { enabled: true, averageBandwidth: 8_000_000, peakBandwidth: 16_000_000, burstSize: 100_000 } as const;
const portGroup: PortGroupConfig = {
  name: "Trunk",
  vlanId: 4095,
  trunk: [{ first: 10, last: 20 }],
  overrides: {
    security: { allowPromiscuous: true },
    shaping: { enabled: false, inbound: { enabled: true, averageBandwidth: 1000, peakBandwidth: 1000, burstSize: 1 } },
    teaming: { policy: "failover_explicit", active: [], standby: ["eth1"] },
  },
};
const vSwitch: SwitchConfig = {
  name: "vSwitch0",
  numPorts: 128,
  mtu: 1500,
  uplinks: ["eth1", "enp3s0f1.7"],
  policy: {
    security: { allowPromiscuous: false, macChanges: false, forgedTransmits: false, blockSwitchProtocols: true },
    shaping: { ...shaping, inbound: { enabled: true, averageBandwidth: 1000, peakBandwidth: 1000, burstSize: 1 } },
    teaming: {
      policy: "loadbalance_srcid",
      notifySwitches: true,
      rollingOrder: false,
      checkBeacon: false,
      active: ["eth1"],
      standby: ["enp3s0f1.7"],
    },
  },
  portGroups: [portGroup, { name: "VM Network", vlanId: 0, overrides: {} }],
};
const hostNic: HostNicConfig = {
  ...{ device: "vmk0", portGroup: "VM Network", mac: "00:50:56:60:00:01", mtu: 1500, netstack: "defaultTcpipStack" },
  ip: [
    { kind: "static", address: "192.0.2.1", prefixLength: 24 },
    { kind: "static", address: "2001:db8::1", prefixLength: 64 },
  ],
};
const network: NetworkConfig = {
  switches: [vSwitch, { ...vSwitch, name: "vSwitch1", uplinks: [], portGroups: [] }],
  hostNics: [hostNic],
};

const parse = (value: unknown) => parseNetworkConfig(asShape(JSON.parse(JSON.stringify(value)), "network"));
const refusal = (field: string) => expect.objectContaining({ fault: "InvalidArgument", fields: { invalidProperty: field } });

test("a network comes back from JSON as it was, and what no field asks for is left behind", () => {
  expect(parse({ ...network, routes: [] })).toEqual(network);
});

const withSwitch = (change: object) => ({ switches: [{ ...vSwitch, ...change }] });
const withNic = (change: object) => ({ switches: [], hostNics: [{ ...hostNic, ...change }] });
const withGroup = (change: object) => withSwitch({ portGroups: [{ ...portGroup, ...change }] });

test.each<[string, unknown, string]>([
  ["no list of switches", {}, "network.switches"],
  ["an interface of the host that has another name", withNic({ device: "eth0" }), "network.hostNics[0].device"],
  ["a netstack that is a path", withNic({ netstack: "../up" }), "network.hostNics[0].netstack"],
  ["an address from DHCP", withNic({ ip: [{ kind: "dhcp" }] }), "network.hostNics[0].ip[0].kind"],
  [
    "an address that is none",
    withNic({ ip: [{ kind: "static", address: "1.2.3", prefixLength: 8 }] }),
    "network.hostNics[0].ip[0].address",
  ],
  ["more switches than ports can be numbered by", { switches: Array(128).fill(vSwitch) }, "network.switches"],
  ["a switch without a name", withSwitch({ name: "" }), "network.switches[0].name"],
  ["a name with a line end", withSwitch({ name: "a\nb" }), "network.switches[0].name"],
  ["a name of 33 characters", withSwitch({ name: "s".repeat(33) }), "network.switches[0].name"],
  ["no port", withSwitch({ numPorts: 0 }), "network.switches[0].numPorts"],
  ["frames too short for IPv6", withSwitch({ mtu: 1279 }), "network.switches[0].mtu"],
  ["frames longer than jumbo ones", withSwitch({ mtu: 9001 }), "network.switches[0].mtu"],
  ["an uplink that is a path", withSwitch({ uplinks: ["../eth0"] }), "network.switches[0].uplinks[0]"],
  ["an uplink that is a folder", withSwitch({ uplinks: [".."] }), "network.switches[0].uplinks[0]"],
  ["an uplink with a longer name than Linux has", withSwitch({ uplinks: ["e".repeat(16)] }), "network.switches[0].uplinks[0]"],
  [
    "a policy that leaves something open",
    withSwitch({ policy: { ...vSwitch.policy, security: {} } }),
    "network.switches[0].policy.security.allowPromiscuous",
  ],
  [
    "a bandwidth below nothing",
    withSwitch({ policy: { ...vSwitch.policy, shaping: { ...shaping, averageBandwidth: -1 } } }),
    "network.switches[0].policy.shaping.averageBandwidth",
  ],
  ["VLAN 4096", withGroup({ vlanId: 4096 }), "network.switches[0].portGroups[0].vlanId"],
  ["half a VLAN", withGroup({ vlanId: 0.5 }), "network.switches[0].portGroups[0].vlanId"],
  ["a trunk with VLAN 4095", withGroup({ trunk: [{ first: 1, last: 4095 }] }), "network.switches[0].portGroups[0].trunk[0].last"],
  ["a trunk from back to front", withGroup({ trunk: [{ first: 9, last: 8 }] }), "network.switches[0].portGroups[0].trunk[0].last"],
  [
    "an override that is neither true nor false",
    withGroup({ overrides: { security: { macChanges: "yes" } } }),
    "network.switches[0].portGroups[0].overrides.security.macChanges",
  ],
  [
    "teaming that nobody knows",
    withGroup({ overrides: { teaming: { policy: "lacp" } } }),
    "network.switches[0].portGroups[0].overrides.teaming.policy",
  ],
])("a network with %s is refused, by the name of the field", (_, value, field) => {
  expect(() => parse(value)).toThrow(refusal(field));
});

const rule: FirewallRule = {
  direction: "both",
  action: "deny",
  protocol: 132,
  remote: { address: "2001:db8::", prefixLength: 32 },
  remotePorts: { first: 1, last: 65_535 },
  localPorts: { first: 0, last: 0 },
  icmpType: 8,
  remoteMac: "00:50:56:00:00:01",
  log: true,
};
const firewall: Firewall = { rules: [rule, { direction: "in", action: "allow" }], otherwise: "deny" };
const parseRules = (value: unknown) => parseFirewall(asShape(JSON.parse(JSON.stringify(value)), "firewall"));

test("a firewall comes back from JSON as it was", () => {
  expect(parseRules(firewall)).toEqual(firewall);
});

test.each<[string, object, string]>([
  ["a direction that nobody knows", { direction: "up" }, "direction"],
  ["a protocol past the byte that has it", { protocol: 256 }, "protocol"],
  ["a protocol of another name", { protocol: "sctp" }, "protocol"],
  ["a name for an address", { remote: { address: "localhost", prefixLength: 0 } }, "remote.address"],
  ["a prefix that is longer than its address", { remote: { address: "192.0.2.0", prefixLength: 33 } }, "remote.prefixLength"],
  ["ports from back to front", { remotePorts: { first: 9, last: 8 } }, "remotePorts.last"],
  ["port 65536", { localPorts: { first: 1, last: 65_536 } }, "localPorts.last"],
  ["an ICMP type past its byte", { icmpType: 256 }, "icmpType"],
  ["a MAC in upper case", { remoteMac: "00:50:56:00:00:0A" }, "remoteMac"],
])("a rule with %s is refused, by the name of the field", (_, change, field) => {
  expect(() => parseRules({ rules: [{ ...rule, ...change }], otherwise: "deny" })).toThrow(refusal(`firewall.rules[0].${field}`));
});

test("a firewall without end is refused", () => {
  expect(() => parseRules({ rules: Array(FIREWALL_RULES_MAX + 1).fill(rule), otherwise: "deny" })).toThrow(refusal("firewall.rules"));
});
