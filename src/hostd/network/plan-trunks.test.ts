import { expect, test } from "vitest";
import { facts, portGroup, refusal, switchSpec, wiredNetwork } from "./network.fixture.ts";
import { findPortGroup, readStored, toVmkernel, type VirtualNetwork } from "./network-config.ts";
import { addPortGroup, updatePortGroup, updateSwitch } from "./plan-network.ts";
import { updateNetwork } from "./plan-network-config.ts";
import { formatRanges, inboundOf, setInbound, setTrunk } from "./plan-trunks.ts";
import { showPortGroupSpec, showSwitchSpec } from "./show-network.ts";

const network = addPortGroup(wiredNetwork(), portGroup("trunk", { vlanId: 4095 }), facts);
const rates = { averageBandwidth: 1000, peakBandwidth: 2000, burstSize: 1024 };
const shaped = { enabled: true, ...rates };
const trunkOf = (planned: VirtualNetwork) => findPortGroup(planned, "trunk")?.portGroup.trunk;
const inbound = (planned: VirtualNetwork, name = "trunk") => inboundOf(planned, { kind: "portGroup", name });

test("a trunk carries the VLANs that it is set to, and all again", () => {
  const some = setTrunk(network, { name: "trunk", ranges: "1-10, 30,0" });
  expect(trunkOf(some)).toEqual([
    { first: 1, last: 10 },
    { first: 30, last: 30 },
    { first: 0, last: 0 },
  ]);
  expect(formatRanges(trunkOf(some))).toEqual(["1-10", "30", "0"]);
  expect(toVmkernel(some).switches[0]?.portGroups.find(({ name }) => name === "trunk")?.trunk).toEqual(trunkOf(some));
  expect(setTrunk(some, { name: "trunk", ranges: undefined })).toEqual(network);
  expect(formatRanges()).toEqual(["0-4094"]);
});

test.each<[string, string, readonly [string, unknown]]>([
  ["nothing", "", ["InvalidArgument", "ranges"]],
  ["the reserved VLAN", "4095", ["InvalidArgument", "ranges"]],
  ["a range that ends before it begins", "10-1", ["InvalidArgument", "ranges"]],
  ["a word", "1,two", ["InvalidArgument", "ranges"]],
  ["a number below 0", "-1", ["InvalidArgument", "ranges"]],
  ["more ranges than there can be", Array(2049).fill("1").join(), ["InvalidArgument", "ranges"]],
])("%s is no list of VLANs", (_, ranges, expected) => {
  expect(refusal(() => setTrunk(network, { name: "trunk", ranges }))).toEqual(expected);
});

test("only a port group of VLAN 4095 is a trunk", () => {
  expect(refusal(() => setTrunk(network, { name: "dmz", ranges: "1" }))).toEqual(["InvalidArgument", "vlanId"]);
  expect(refusal(() => setTrunk(network, { name: "none", ranges: "1" }))).toEqual(["NotFound", undefined]);
});

test("what ports receive is shaped as their port group says, else as its switch does", () => {
  expect(inbound(network)).toEqual({ inForce: { enabled: false, averageBandwidth: 0, peakBandwidth: 0, burstSize: 0 }, isOwn: false });
  const ofSwitch = setInbound(network, { kind: "vswitch", name: "vSwitch0" }, { values: shaped });
  expect(inbound(ofSwitch)).toEqual({ inForce: shaped, isOwn: false });
  expect(inbound(ofSwitch, "dmz").inForce.enabled).toBe(false);
  const own = setInbound(ofSwitch, { kind: "portGroup", name: "trunk" }, { values: { averageBandwidth: 1500 } });
  expect(inbound(own)).toEqual({ inForce: { ...shaped, averageBandwidth: 1500 }, isOwn: true });
  const off = setInbound(own, { kind: "portGroup", name: "trunk" }, { values: { enabled: false } });
  expect(inbound(off).inForce).toEqual({ ...shaped, enabled: false, averageBandwidth: 1500 });
  expect(setInbound(off, { kind: "portGroup", name: "trunk" }, { inherits: true, values: {} })).toEqual(ofSwitch);
});

test.each<[string, object, readonly [string, unknown]]>([
  ["no average", { ...shaped, averageBandwidth: 0 }, ["InvalidArgument", "inbound.averageBandwidth"]],
  ["a peak below the average", { ...shaped, peakBandwidth: 999 }, ["InvalidArgument", "inbound.peakBandwidth"]],
  ["no burst", { ...shaped, burstSize: 0 }, ["InvalidArgument", "inbound.burstSize"]],
  ["a bandwidth that is none", { ...shaped, peakBandwidth: -1 }, ["InvalidArgument", "inbound.peakBandwidth"]],
])("shaping with %s is refused", (_, values, expected) => {
  for (const place of [
    { kind: "portGroup", name: "trunk" },
    { kind: "vswitch", name: "vSwitch0" },
  ] as const)
    expect(refusal(() => setInbound(network, place, { values }))).toEqual(expected);
});

test("of no switch and no port group there is nothing to set", () => {
  for (const kind of ["portGroup", "vswitch"] as const)
    expect(refusal(() => setInbound(network, { kind, name: "none" }, { values: shaped }))).toEqual(["NotFound", undefined]);
});

test("both stay when a client says all the rest anew, and a trunk's VLANs go with its being one", () => {
  const own = setInbound(setTrunk(network, { name: "trunk", ranges: "5" }), { kind: "portGroup", name: "trunk" }, { values: shaped });
  const whole = setInbound(own, { kind: "vswitch", name: "vSwitch0" }, { values: shaped });
  const spec = portGroup("trunk", { vlanId: 4095, policy: { shapingPolicy: { enabled: false } } });
  const again = updatePortGroup(
    updateSwitch(whole, { name: "vSwitch0", spec: switchSpec({ mtu: 9000 }) }, facts),
    { name: "trunk", spec },
    facts,
  );
  expect([trunkOf(again), inbound(again)]).toEqual([[{ first: 5, last: 5 }], { inForce: shaped, isOwn: true }]);
  const access = updatePortGroup(whole, { name: "trunk", spec: { ...spec, vlanId: 7 } }, facts);
  expect([trunkOf(access), inbound(access).isOwn]).toEqual([undefined, true]);
  const names = (device: string) => facts.adapters.find(({ name }) => name === device)?.device ?? device;
  const current = {
    vswitch: whole.switches.map((vswitch) => ({ name: vswitch.name, spec: showSwitchSpec(vswitch, names) })),
    portgroup: whole.switches.flatMap((vswitch) =>
      vswitch.portGroups.map((one) => ({ spec: showPortGroupSpec({ vswitch, portGroup: one }, names) })),
    ),
  };
  expect(updateNetwork(whole, { config: current, changeMode: "replace", current, newMac: () => "" }, facts)).toEqual(whole);
  expect(readStored(JSON.stringify(whole))).toEqual(whole);
});
