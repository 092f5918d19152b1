import { expect, test } from "vitest";
import type { HostNetworkConfig } from "../../wire/index.ts";
import { bond, facts, portGroup, refusal, switchSpec, wiredNetwork } from "./network.fixture.ts";
import { findPortGroup, portGroupsOf } from "./network-config.ts";
import { updateNetwork } from "./plan-network-config.ts";
import { showPortGroupSpec, showSwitchSpec } from "./show-network.ts";

const deviceOf = (name: string) => facts.adapters.find((adapter) => adapter.name === name)?.device ?? name;
const network = wiredNetwork();
const current: HostNetworkConfig = {
  vswitch: network.switches.map((vswitch) => ({ name: vswitch.name, spec: showSwitchSpec(vswitch, deviceOf) })),
  portgroup: portGroupsOf(network).map((placed) => ({ spec: showPortGroupSpec(placed, deviceOf) })),
  pnic: [{ device: "vmnic0", spec: {} }],
  dnsConfig: { dhcp: false, hostName: "esx1", domainName: "", address: ["192.0.2.1"] },
};
const update = (config: HostNetworkConfig, changeMode = "modify", by = facts) =>
  updateNetwork(network, { config, changeMode, current, newMac: () => "00:50:56:60:00:07" }, by);
const nobody = { ...facts, inUse: new Map() };

test("what the host shows can be said again, and nothing changes", () => {
  expect(update(current, "replace")).toEqual(network);
});

test("changes are made in the order in which they can be made", () => {
  const planned = update({
    portgroup: [
      { changeOperation: "add", spec: portGroup("lab", { vswitchName: "vSwitch2" }) },
      { changeOperation: "remove", spec: portGroup("dmz", { vswitchName: "vSwitch1" }) },
      { changeOperation: "edit", spec: portGroup("Management Network", { vlanId: 5 }) },
    ],
    vswitch: [
      { changeOperation: "remove", name: "vSwitch1" },
      { changeOperation: "add", name: "vSwitch2", spec: switchSpec({ bridge: bond("vmnic1") }) },
    ],
  });
  expect(planned.switches.map(({ name, uplinks }) => [name, uplinks])).toEqual([
    ["vSwitch0", []],
    ["vSwitch2", ["eth1"]],
  ]);
  expect(findPortGroup(planned, "lab")?.vswitch.name).toBe("vSwitch2");
  expect(findPortGroup(planned, "Management Network")?.portGroup.vlanId).toBe(5);
});

test("an interface of the host's own comes with its port group, its way on and its uplink, in one change, and goes so", () => {
  const planned = update({
    vswitch: [{ changeOperation: "add", name: "vSwitch2", spec: switchSpec() }],
    portgroup: [{ changeOperation: "add", spec: portGroup("management", { vswitchName: "vSwitch2" }) }],
    vnic: [
      { changeOperation: "add", portgroup: "management", spec: { ip: { dhcp: false, ipAddress: "10.0.0.5", subnetMask: "255.0.0.0" } } },
    ],
    ipRouteConfig: { defaultGateway: "10.0.0.1" },
    dnsConfig: { dhcp: false, hostName: "esx1", domainName: "", address: ["10.0.0.53"] },
  });
  expect(planned.hostNics).toMatchObject([
    { device: "vmk0", portGroup: "management", mac: "00:50:56:60:00:07", ip: [{ address: "10.0.0.5" }] },
  ]);
  expect(planned.hostRoutes).toMatchObject([{ destination: "0.0.0.0/0", gateway: "10.0.0.1" }]);
  expect(planned.resolver?.nameServers).toEqual(["10.0.0.53"]);
  const config: HostNetworkConfig = {
    vswitch: [{ changeOperation: "remove", name: "vSwitch2" }],
    portgroup: [{ changeOperation: "remove", spec: portGroup("management", { vswitchName: "vSwitch2" }) }],
    vnic: [{ changeOperation: "remove", device: "vmk0", portgroup: "" }],
  };
  const request = { config, changeMode: "modify", current, newMac: () => "" };
  expect(updateNetwork(planned, request, facts).hostNics).toEqual([]);
  const replaced = { ...request, config: { vnic: [] }, changeMode: "replace" };
  expect(updateNetwork(planned, replaced, facts).hostNics).toEqual([]);
});

test("two switches exchange an adapter in one change", () => {
  const planned = update({
    vswitch: [
      { changeOperation: "edit", name: "vSwitch0", spec: switchSpec({ bridge: bond("vmnic2") }) },
      { changeOperation: "edit", name: "vSwitch1", spec: switchSpec({ bridge: bond("vmnic1") }) },
    ],
  });
  expect(planned.switches.map(({ uplinks }) => uplinks)).toEqual([["eth2"], ["eth1"]]);
});

test("a list that replaces takes away what is not in it, and begins anew with what is", () => {
  const planned = update(
    { vswitch: [{ name: "vSwitch0", spec: switchSpec({ mtu: 9000 }) }], portgroup: [{ spec: portGroup("lab") }] },
    "replace",
    nobody,
  );
  expect(planned.switches.map(({ name, mtu, portGroups }) => [name, mtu, portGroups.map((one) => one.name)])).toEqual([
    ["vSwitch0", 9000, ["lab"]],
  ]);
});

test.each<[string, () => unknown, readonly [string, unknown]]>([
  ["an unknown mode", () => update({}, "merge"), ["InvalidArgument", "changeMode"]],
  [
    "a change that does not say what it is",
    () => update({ vswitch: [{ name: "x", spec: switchSpec() }] }),
    ["InvalidArgument", "config.vswitch.changeOperation"],
  ],
  ["a port group without a spec", () => update({ portgroup: [{ changeOperation: "add" }] }), ["InvalidArgument", "config.portgroup.spec"]],
  ["a replacement without what is in use", () => update({ portgroup: [] }, "replace"), ["ResourceInUse", "VM Network"]],
  [
    "an interface of the host's own that is not there",
    () => update({ vnic: [{ changeOperation: "edit", device: "vmk0", portgroup: "dmz", spec: {} }] }),
    ["NotFound", undefined],
  ],
  ["another name of the host", () => update({ dnsConfig: { dhcp: false, hostName: "x", domainName: "" } }), ["NotSupported", undefined]],
  [
    "the speed of an adapter",
    () => update({ pnic: [{ device: "vmnic0", spec: { linkSpeed: { speedMb: 10, duplex: true } } }] }),
    ["NotSupported", undefined],
  ],
  ["an adapter that is not there", () => update({ pnic: [{ device: "vmnic9", spec: {} }] }), ["NotFound", undefined]],
  [
    "too many changes",
    () => update({ vswitch: Array.from({ length: 1001 }, () => ({ name: "x" })) }),
    ["InvalidArgument", "config.vswitch"],
  ],
])("%s is refused by name", (_, attempt, expected) => expect(refusal(attempt)).toEqual(expected));
