import fc from "fast-check";
import { expect, test } from "vitest";
import { Fault } from "../../base/index.ts";
import { checkConfig } from "../../vmkernel/index.ts";
import { encodeFault, type HostNetworkConfig, NEWEST_VERSION } from "../../wire/index.ts";
import { facts, wiredNetwork } from "./network.fixture.ts";
import { portGroupsOf, toVmkernel, type VirtualNetwork } from "./network-config.ts";
import { addHostNic, deselectHostNic, removeHostNic, selectHostNic, updateHostNic } from "./plan-host-nics.ts";
import { updateDns, updateRoutes, updateRouteTable } from "./plan-netstacks.ts";
import { addPortGroup, addSwitch, removePortGroup, removeSwitch, updatePortGroup, updateSwitch } from "./plan-network.ts";
import { updateNetwork } from "./plan-network-config.ts";
import { showHostNicSpec } from "./show-host-nics.ts";
import { showPortGroupSpec, showSwitchSpec } from "./show-network.ts";

/** Whatever clients say, one request after the other: specs that are random, half right, or about what is not there. */
const NETSTACK = "defaultTcpipStack";
const RUNS = 600;
const number = fc.oneof(fc.constantFrom(0, 1, 128, 1500, 9000, 4094, 4095, 4096, -1, 1279, 9001, 2 ** 31 - 1, 10 ** 13 + 1), fc.integer());
const name = fc.oneof(
  { weight: 9, arbitrary: fc.constantFrom("vSwitch0", "vSwitch1", "dmz", "VM Network", "Management Network", "x", "y") },
  { weight: 1, arbitrary: fc.oneof(fc.constantFrom("", " ", "a\u0000", "x".repeat(300), "__proto__", "é/%"), fc.string()) },
);
const device = fc.constantFrom("vmnic0", "vmnic1", "vmnic2", "vmnic9", "");
const vmk = fc.constantFrom("vmk0", "vmk1", "vmk9", "", "vmk01");
const flag = fc.boolean();
const changeOperation = fc.constantFrom("add", "edit", "remove", "nonsense");
const address = fc.constantFrom(
  ...["192.0.2.1", "192.0.2.9", "10.0.0.0", "0.0.0.0", "", "224.0.0.1", "127.0.0.1", "1.2.3", "255.255.255.255"],
  ...["2001:db8::1", "2001:DB8:0::1", "2001:db8::", "::", "::1", "ff02::1", "fe80::1", "fe80::1%vmk0", "::ffff:1.2.3.4"],
);
const part = <T>(fields: { readonly [K in keyof T]: fc.Arbitrary<T[K]> }) => fc.record(fields, { requiredKeys: [] });

const policy = part({
  security: part({ allowPromiscuous: flag, macChanges: flag, forgedTransmits: flag }),
  shapingPolicy: part({ enabled: flag, averageBandwidth: number, peakBandwidth: number, burstSize: number }),
  nicTeaming: part({
    policy: fc.constantFrom("loadbalance_srcid", "loadbalance_ip", "failover_explicit", "nonsense", ""),
    notifySwitches: flag,
    rollingOrder: flag,
    failureCriteria: part({ checkBeacon: flag, checkDuplex: flag, speed: number }),
    nicOrder: part({ activeNic: fc.array(device, { maxLength: 3 }), standbyNic: fc.array(device, { maxLength: 3 }) }),
  }),
  offloadPolicy: part({ csumOffload: flag }),
});
const discovery = fc.record({ protocol: fc.constantFrom("cdp", "lldp", "x"), operation: fc.constantFrom("none", "listen", "both", "x") });
const bridge = fc.oneof(
  fc.record({ $type: fc.constant("HostVirtualSwitchBondBridge"), nicDevice: fc.array(device, { maxLength: 4 }) }),
  fc.record({ $type: fc.constant("HostVirtualSwitchBondBridge"), linkDiscoveryProtocolConfig: discovery }),
  fc.record({ $type: fc.constant("HostVirtualSwitchSimpleBridge"), nicDevice: device }),
  fc.record({ $type: fc.constant("HostVirtualSwitchAutoBridge") }),
);
const switchSpec = fc
  .tuple(fc.oneof(fc.constant(128), number), part({ bridge, policy, mtu: number }))
  .map(([numPorts, rest]) => ({ numPorts, ...rest }));
const groupSpec = fc.record({ name, vlanId: fc.oneof(fc.constantFrom(0, 7, 4095), number), vswitchName: name, policy });
const ip = part({
  dhcp: flag,
  ipAddress: address,
  subnetMask: fc.constantFrom("255.255.255.0", "255.255.255.255", "0.0.0.0", "255.0.255.0", ""),
  ipV6Config: part({
    autoConfigurationEnabled: flag,
    ipV6Address: fc.array(fc.record({ ipAddress: address, prefixLength: number, operation: changeOperation }), { maxLength: 3 }),
  }),
}).map((said) => ({ dhcp: false, ...said }));
const mac = fc.constantFrom("00:50:56:01:02:03", "00-50-56-01-02-03", "01:00:5e:00:00:01", "ff:ff:ff:ff:ff:ff", "zz", "");
const netStackInstanceKey = fc.constantFrom("vmotion", NETSTACK, "none");
const nicSpec = part({ ip, mac, mtu: number, portgroup: name, netStackInstanceKey, tsoEnabled: flag });
const ways = part({ defaultGateway: address, gatewayDevice: vmk, ipV6DefaultGateway: address, ipV6GatewayDevice: vmk });
const route = fc.record({
  changeOperation,
  route: fc.record({ network: address, prefixLength: fc.oneof(fc.constantFrom(0, 8, 64), number), gateway: address, deviceName: vmk }),
});
const routes = part({ ipRoute: fc.array(route, { maxLength: 2 }), ipv6Route: fc.array(route, { maxLength: 2 }) });
const dns = part({
  virtualNicDevice: vmk,
  address: fc.array(address, { maxLength: 9 }),
  searchDomain: fc.array(fc.constantFrom("a.example", "", "x".repeat(300), "a b"), { maxLength: 2 }),
}).map((said) => ({ dhcp: false, hostName: "h", domainName: "d", ...said }));
const many = <T>(one: fc.Arbitrary<T>) => fc.array(one, { maxLength: 3 });
const wholeConfig = part({
  vswitch: many(fc.record({ changeOperation, name, spec: switchSpec })),
  portgroup: many(fc.record({ changeOperation, spec: groupSpec })),
  vnic: many(fc.record({ changeOperation, device: vmk, portgroup: name, spec: nicSpec })),
  ipRouteConfig: ways,
  routeTableConfig: routes,
  dnsConfig: dns,
});
const shown = { dnsConfig: { dhcp: false, hostName: "h", domainName: "d" }, pnic: [] } as HostNetworkConfig;
const newMac = (() => {
  let made = 0;
  return () => `00:50:56:60:${(made >> 8).toString(16).padStart(2, "0")}:${(made++ & 0xff).toString(16).padStart(2, "0")}`;
})();

type Step = (network: VirtualNetwork) => VirtualNetwork;
/** What is made up has the shape that the schema asks for; that it says something sensible, nobody has checked. */
const said = <T>(value: unknown): T => value as T;
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.tuple(name, switchSpec).map(
    ([one, spec]): Step =>
      (network) =>
        addSwitch(network, { name: one, spec: said(spec) }, facts),
  ),
  fc.tuple(name, switchSpec).map(
    ([one, spec]): Step =>
      (network) =>
        updateSwitch(network, { name: one, spec: said(spec) }, facts),
  ),
  name.map(
    (one): Step =>
      (network) =>
        removeSwitch(network, one, facts),
  ),
  groupSpec.map(
    (spec): Step =>
      (network) =>
        addPortGroup(network, said(spec), facts),
  ),
  fc.tuple(name, groupSpec).map(
    ([one, spec]): Step =>
      (network) =>
        updatePortGroup(network, { name: one, spec: said(spec) }, facts),
  ),
  name.map(
    (one): Step =>
      (network) =>
        removePortGroup(network, one, facts),
  ),
  fc.tuple(name, nicSpec).map(
    ([portgroup, nic]): Step =>
      (network) =>
        addHostNic(network, { portgroup, nic: said(nic), mac: newMac() }, facts),
  ),
  fc.tuple(vmk, nicSpec).map(
    ([one, nic]): Step =>
      (network) =>
        updateHostNic(network, { device: one, nic: said(nic) }, facts),
  ),
  vmk.map(
    (one): Step =>
      (network) =>
        removeHostNic(network, one),
  ),
  vmk.map(
    (one): Step =>
      (network) =>
        selectHostNic(network, { nicType: "management", device: one }),
  ),
  vmk.map(
    (one): Step =>
      (network) =>
        deselectHostNic(network, { nicType: "management", device: one }),
  ),
  ways.map(
    (config): Step =>
      (network) =>
        updateRoutes(network, { netstack: NETSTACK, config: said(config), at: "config" }),
  ),
  routes.map(
    (config): Step =>
      (network) =>
        updateRouteTable(network, { netstack: NETSTACK, config: said(config), at: "config" }),
  ),
  dns.map(
    (config): Step =>
      (network) =>
        updateDns(network, said(config), said(shown.dnsConfig)),
  ),
  fc.tuple(wholeConfig, fc.constantFrom("modify", "replace", "nonsense")).map(
    ([config, changeMode]): Step =>
      (network) =>
        updateNetwork(network, { config: said(config), changeMode, current: shown, newMac }, facts),
  ),
);

/** As the host shows it. */
function showConfig(network: VirtualNetwork): HostNetworkConfig {
  const deviceOf = (uplink: string) => facts.adapters.find((adapter) => adapter.name === uplink)?.device ?? uplink;
  return {
    vswitch: network.switches.map((vswitch) => ({ name: vswitch.name, spec: showSwitchSpec(vswitch, deviceOf) })),
    portgroup: portGroupsOf(network).map((placed) => ({ spec: showPortGroupSpec(placed, deviceOf) })),
    vnic: network.hostNics.map((nic) => ({ device: nic.device, portgroup: nic.portGroup, spec: showHostNicSpec(nic) })),
  };
}

test("any request is refused by a fault of the schema and changes nothing, or makes a network that vmkernel takes and that can be said again", () => {
  let made = 0;
  const property = fc.property(fc.array(step, { minLength: 1, maxLength: 8 }), (steps) => {
    let network = wiredNetwork();
    for (const one of steps) {
      const before = structuredClone(network);
      let next = network;
      try {
        next = one(network);
        made++;
      } catch (error) {
        if (!(error instanceof Fault)) throw error;
        encodeFault(error, NEWEST_VERSION); // it is one of the schema, with its fields
      }
      expect(network).toEqual(before);
      checkConfig(toVmkernel(next));
      expect(updateNetwork(next, { config: showConfig(next), changeMode: "replace", current: shown, newMac }, facts)).toEqual(next);
      network = next;
    }
  });
  fc.assert(property, { numRuns: RUNS });
  expect(made).toBeGreaterThan(RUNS / 10); // some of what is said can be
});
