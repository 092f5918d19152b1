import { describe, expect, test } from "vitest";
import type { HostNetworkPolicy } from "../../wire/index.ts";
import { bond, facts, portGroup, refusal, switchSpec, wiredNetwork } from "./network.fixture.ts";
import { FIRST_NETWORK, findPortGroup, toVmkernel } from "./network-config.ts";
import { addPortGroup, addSwitch, removePortGroup, removeSwitch, updatePortGroup, updateSwitch } from "./plan-network.ts";

const switchNamed = (network: ReturnType<typeof wiredNetwork>, name: string) => network.switches.find((one) => one.name === name);
const added = (extra: Parameters<typeof switchSpec>[0]) => addSwitch(FIRST_NETWORK, { name: "lab", spec: switchSpec(extra) }, facts);

test("a host begins with vSwitch0, no adapter taken, and the three security policies rejected", () => {
  const [vswitch, ...others] = FIRST_NETWORK.switches;
  expect(others).toEqual([]);
  expect(vswitch).toMatchObject({ name: "vSwitch0", uplinks: [], mtu: 1500, numPorts: 128 });
  expect(vswitch?.portGroups.map(({ name, vlanId }) => [name, vlanId])).toEqual([
    ["VM Network", 0],
    ["Management Network", 0],
  ]);
  const { allowPromiscuous, macChanges, forgedTransmits, blockSwitchProtocols } = vswitch?.policy.security ?? {};
  expect([allowPromiscuous, macChanges, forgedTransmits, blockSwitchProtocols]).toEqual([false, false, false, true]);
});

test("a switch without a spec is as by default", () => {
  const network = addSwitch(FIRST_NETWORK, { name: "lab", spec: undefined }, facts);
  expect(switchNamed(network, "lab")).toMatchObject({ numPorts: 128, mtu: 1500, uplinks: [], portGroups: [] });
});

test("adapters of a new switch are active in their order when nothing is said of it", () => {
  const network = addSwitch(FIRST_NETWORK, { name: "lab", spec: switchSpec({ bridge: bond("vmnic2", "vmnic1") }) }, facts);
  expect(switchNamed(network, "lab")).toMatchObject({ uplinks: ["eth2", "eth1"], policy: { teaming: { active: ["eth2", "eth1"] } } });
});

test("what an update leaves out stays, and what a port group's update leaves out is inherited again", () => {
  const policy = { security: { forgedTransmits: true } };
  const first = updateSwitch(wiredNetwork(), { name: "vSwitch1", spec: switchSpec({ mtu: 9000, policy }) }, facts);
  const second = updateSwitch(first, { name: "vSwitch1", spec: switchSpec({ numPorts: 64 }) }, facts);
  expect(switchNamed(second, "vSwitch1")).toMatchObject({ mtu: 9000, numPorts: 64, uplinks: ["eth1", "eth2"] });
  expect(switchNamed(second, "vSwitch1")?.policy).toMatchObject({ security: { forgedTransmits: true }, teaming: { standby: ["eth2"] } });
  const third = updatePortGroup(second, { name: "dmz", spec: portGroup("dmz", { vswitchName: "vSwitch1" }) }, facts);
  expect(findPortGroup(third, "dmz")?.portGroup).toEqual({ name: "dmz", vlanId: 0, overrides: {} });
});

test("an adapter that is taken away leaves every order that it was in, one that comes is active", () => {
  const network = updateSwitch(wiredNetwork(), { name: "vSwitch1", spec: switchSpec({ bridge: bond("vmnic1") }) }, facts);
  expect(switchNamed(network, "vSwitch1")?.policy.teaming).toMatchObject({ active: ["eth1"], standby: [] });
  expect(findPortGroup(network, "dmz")?.portGroup.overrides.teaming).toEqual({ active: ["eth1"], standby: [] });
  const again = updateSwitch(network, { name: "vSwitch1", spec: switchSpec({ bridge: bond("vmnic1", "vmnic2") }) }, facts);
  expect(switchNamed(again, "vSwitch1")?.policy.teaming).toMatchObject({ active: ["eth1", "eth2"], standby: [] });
  expect(findPortGroup(again, "dmz")?.portGroup.overrides.teaming).toEqual({ active: ["eth1"], standby: [] });
});

const withPolicy = (policy: HostNetworkPolicy) => () => added({ policy });
const shaping = { enabled: true, averageBandwidth: 1000, peakBandwidth: 2000, burstSize: 500 };

describe("a virtual switch is refused", () => {
  test.each<[string, () => unknown, readonly [string, unknown]]>([
    ["whose name is there", () => addSwitch(FIRST_NETWORK, { name: "vSwitch0", spec: undefined }, facts), ["AlreadyExists", "vSwitch0"]],
    ["without a name", () => addSwitch(FIRST_NETWORK, { name: " ", spec: undefined }, facts), ["InvalidArgument", "vswitchName"]],
    [
      "with a name too long",
      () => addSwitch(FIRST_NETWORK, { name: "x".repeat(33), spec: undefined }, facts),
      ["InvalidArgument", "vswitchName"],
    ],
    [
      "with a line break in its name",
      () => addSwitch(FIRST_NETWORK, { name: "a\nb", spec: undefined }, facts),
      ["InvalidArgument", "vswitchName"],
    ],
    ["with an MTU too small", () => added({ mtu: 1279 }), ["InvalidArgument", "spec.mtu"]],
    ["with an MTU too large", () => added({ mtu: 9001 }), ["InvalidArgument", "spec.mtu"]],
    ["without a port", () => added({ numPorts: 0 }), ["InvalidArgument", "spec.numPorts"]],
    ["with too many ports", () => added({ numPorts: 4097 }), ["InvalidArgument", "spec.numPorts"]],
    ["with an adapter that is not there", () => added({ bridge: bond("vmnic9") }), ["InvalidArgument", "spec.bridge.nicDevice"]],
    ["with an adapter by the machine's name", () => added({ bridge: bond("eth1") }), ["InvalidArgument", "spec.bridge.nicDevice"]],
    ["with an adapter twice", () => added({ bridge: bond("vmnic1", "vmnic1") }), ["InvalidArgument", "spec.bridge.nicDevice"]],
    ["with the adapter by which the host is reached", () => added({ bridge: bond("vmnic0") }), ["ResourceInUse", "vmnic0"]],
    [
      "with an adapter of another switch",
      () => addSwitch(wiredNetwork(), { name: "lab", spec: switchSpec({ bridge: bond("vmnic1") }) }, facts),
      ["ResourceInUse", "vmnic1"],
    ],
    [
      "that would choose adapters by itself",
      () => added({ bridge: { $type: "HostVirtualSwitchAutoBridge" } }),
      ["NotSupported", undefined],
    ],
    [
      "with an order of adapters that are not its own",
      withPolicy({ nicTeaming: { nicOrder: { activeNic: ["vmnic1"] } } }),
      ["InvalidArgument", "spec.policy.nicTeaming.nicOrder.activeNic"],
    ],
    [
      "with an adapter that is active and waits",
      () => added({ bridge: bond("vmnic1"), policy: { nicTeaming: { nicOrder: { activeNic: ["vmnic1"], standbyNic: ["vmnic1"] } } } }),
      ["InvalidArgument", "spec.policy.nicTeaming.nicOrder"],
    ],
    [
      "with a teaming of distributed switches",
      withPolicy({ nicTeaming: { policy: "loadbalance_loadbased" } }),
      ["InvalidArgument", "spec.policy.nicTeaming.policy"],
    ],
    [
      "that would look for beacons of linked adapters",
      withPolicy({ nicTeaming: { policy: "loadbalance_ip", failureCriteria: { checkBeacon: true } } }),
      ["InvalidArgument", "spec.policy.nicTeaming.failureCriteria.checkBeacon"],
    ],
    ["that would look at duplex", withPolicy({ nicTeaming: { failureCriteria: { checkDuplex: true } } }), ["NotSupported", undefined]],
    [
      "whose peak is below its average",
      withPolicy({ shapingPolicy: { ...shaping, peakBandwidth: 999 } }),
      ["InvalidArgument", "spec.policy.shapingPolicy.peakBandwidth"],
    ],
    [
      "that lets nothing through",
      withPolicy({ shapingPolicy: { ...shaping, averageBandwidth: 0 } }),
      ["InvalidArgument", "spec.policy.shapingPolicy.averageBandwidth"],
    ],
    [
      "without a burst",
      withPolicy({ shapingPolicy: { ...shaping, burstSize: 0 } }),
      ["InvalidArgument", "spec.policy.shapingPolicy.burstSize"],
    ],
    [
      "with a negative rate",
      withPolicy({ shapingPolicy: { averageBandwidth: -1 } }),
      ["InvalidArgument", "spec.policy.shapingPolicy.averageBandwidth"],
    ],
    [
      "with a rate beyond all numbers",
      withPolicy({ shapingPolicy: { peakBandwidth: 1e300 } }),
      ["InvalidArgument", "spec.policy.shapingPolicy.peakBandwidth"],
    ],
    ["that would not offload checksums", withPolicy({ offloadPolicy: { csumOffload: false } }), ["NotSupported", undefined]],
  ])("%s", (_, attempt, expected) => expect(refusal(attempt)).toEqual(expected));

  test("after the 127th", () => {
    let network = FIRST_NETWORK;
    for (let n = 1; n < 127; n++) network = addSwitch(network, { name: `s${n}`, spec: undefined }, facts);
    expect(refusal(() => addSwitch(network, { name: "one more", spec: undefined }, facts))).toEqual(["HostConfigFault", undefined]);
  });
});

describe("a port group is refused", () => {
  const add = (name: string, extra: Parameters<typeof portGroup>[1]) => () => addPortGroup(FIRST_NETWORK, portGroup(name, extra), facts);
  test.each<[string, () => unknown, readonly [string, unknown]]>([
    ["whose name is there, on whichever switch", () => addPortGroup(wiredNetwork(), portGroup("dmz"), facts), ["AlreadyExists", "dmz"]],
    ["on a switch that is not there", add("lab", { vswitchName: "vSwitch9" }), ["NotFound", undefined]],
    ["with VLAN 4096", add("lab", { vlanId: 4096 }), ["InvalidArgument", "portgrp.vlanId"]],
    ["with VLAN -1", add("lab", { vlanId: -1 }), ["InvalidArgument", "portgrp.vlanId"]],
    ["with a name too long", add("x".repeat(257), {}), ["InvalidArgument", "portgrp.name"]],
    ["without a name", add("", {}), ["InvalidArgument", "portgrp.name"]],
    ["with half a character in its name", add("a\ud800", {}), ["InvalidArgument", "portgrp.name"]],
    ["with a NUL in its name", add("a\0b", {}), ["InvalidArgument", "portgrp.name"]],
    [
      "whose peak is below the average that it inherits",
      () => {
        const spec = switchSpec({ policy: { shapingPolicy: shaping } });
        const shaped = updateSwitch(FIRST_NETWORK, { name: "vSwitch0", spec }, facts);
        addPortGroup(shaped, portGroup("lab", { policy: { shapingPolicy: { peakBandwidth: 999 } } }), facts);
      },
      ["InvalidArgument", "portgrp.policy.shapingPolicy.peakBandwidth"],
    ],
    [
      "with an adapter of another switch",
      () => addPortGroup(wiredNetwork(), portGroup("lab", { policy: { nicTeaming: { nicOrder: { activeNic: ["vmnic1"] } } } }), facts),
      ["InvalidArgument", "portgrp.policy.nicTeaming.nicOrder.activeNic"],
    ],
  ])("%s", (_, attempt, expected) => expect(refusal(attempt)).toEqual(expected));

  test.each([0, 1, 4094, 4095])("and not with VLAN %d", (vlanId) => {
    expect(findPortGroup(addPortGroup(FIRST_NETWORK, portGroup("lab", { vlanId }), facts), "lab")?.portGroup.vlanId).toBe(vlanId);
  });

  test("after the 512th of a switch", () => {
    const [vswitch] = FIRST_NETWORK.switches;
    const portGroups = Array.from({ length: 512 }, (_, n) => ({ name: `g${n}`, vlanId: 0, overrides: {} }));
    const full = { ...FIRST_NETWORK, switches: vswitch === undefined ? [] : [{ ...vswitch, portGroups }] };
    expect(refusal(() => addPortGroup(full, portGroup("one more"), facts))).toEqual(["HostConfigFault", undefined]);
  });
});

describe("what somebody is connected to", () => {
  const rename = () => updatePortGroup(FIRST_NETWORK, { name: "VM Network", spec: portGroup("Guests") }, facts);
  const move = () =>
    updatePortGroup(wiredNetwork(), { name: "VM Network", spec: portGroup("VM Network", { vswitchName: "vSwitch1" }) }, facts);
  test.each<[string, () => unknown, readonly [string, unknown]]>([
    ["is not removed", () => removePortGroup(FIRST_NETWORK, "VM Network", facts), ["ResourceInUse", "VM Network"]],
    ["is not removed with its switch", () => removeSwitch(FIRST_NETWORK, "vSwitch0", facts), ["ResourceInUse", "vSwitch0"]],
    ["gets no other name", rename, ["HostConfigFault", undefined]],
    ["gets no other switch", move, ["HostConfigFault", undefined]],
  ])("%s", (_, attempt, expected) => expect(refusal(attempt)).toEqual(expected));

  test("gets another VLAN", () => {
    const spec = portGroup("VM Network", { vlanId: 12 });
    expect(findPortGroup(updatePortGroup(FIRST_NETWORK, { name: "VM Network", spec }, facts), "VM Network")?.portGroup.vlanId).toBe(12);
  });
});

test("a port group that nobody is connected to gets another name and another switch, and goes with its switch", () => {
  const renamed = updatePortGroup(wiredNetwork(), { name: "dmz", spec: portGroup("outside") }, facts);
  expect(findPortGroup(renamed, "dmz")).toBeUndefined();
  expect(findPortGroup(renamed, "outside")?.vswitch.name).toBe("vSwitch0");
  expect(findPortGroup(removeSwitch(wiredNetwork(), "vSwitch1", facts), "dmz")).toBeUndefined();
  expect(refusal(() => updatePortGroup(wiredNetwork(), { name: "dmz", spec: portGroup("VM Network") }, facts))).toEqual([
    "AlreadyExists",
    "VM Network",
  ]);
});

test.each<[string, () => unknown]>([
  ["a switch to update", () => updateSwitch(FIRST_NETWORK, { name: "none", spec: switchSpec() }, facts)],
  ["a switch to remove", () => removeSwitch(FIRST_NETWORK, "none", facts)],
  ["a port group to update", () => updatePortGroup(FIRST_NETWORK, { name: "none", spec: portGroup("none") }, facts)],
  ["a port group to remove", () => removePortGroup(FIRST_NETWORK, "none", facts)],
  ["a switch called as something that every object has", () => removeSwitch(FIRST_NETWORK, "constructor", facts)],
])("%s that is not there is NotFound", (_, attempt) => expect(refusal(attempt)[0]).toBe("NotFound"));

test("vmkernel is told of rates that it takes, and nothing that only clients see", () => {
  const spec = portGroup("lab", { policy: { shapingPolicy: { averageBandwidth: 0 } } });
  const [vswitch] = toVmkernel(addPortGroup(FIRST_NETWORK, spec, facts)).switches;
  expect(vswitch?.policy.shaping).toEqual({ enabled: false, averageBandwidth: 1, peakBandwidth: 1, burstSize: 1 });
  expect(vswitch?.portGroups.at(-1)?.overrides.shaping).toEqual({ averageBandwidth: 1 });
  expect(vswitch).not.toHaveProperty("linkDiscovery");
});
