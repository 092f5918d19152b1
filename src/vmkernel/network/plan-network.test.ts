import { expect, test } from "vitest";
import type { GuestShape } from "./compile/port-shape.ts";
import type { NetworkConfig, NicPort } from "./config.ts";
import { makeGroup, makeHostNic, makeNic, makeSwitch } from "./network.fixture.ts";
import { type NetworkState, NOWHERE, type PlannedPort, planNetwork, settle } from "./plan-network.ts";

const everythingUp = { hasOpenLoops: true, hasExpress: true, hasLink: () => true, inUse: new Map() };

function stateOf(config: NetworkConfig, nics: readonly (readonly [NicPort, boolean])[]): NetworkState {
  const connecteeOf = ({ vm, key }: NicPort) => ({ kind: "virtualMachine", vm, key }) as const;
  const ports = nics.map(([nic, connected]) => ({
    ...{ connectee: connecteeOf(nic), nic, connected },
    device: `v${nic.vm}n${nic.key}`,
    switchNumber: 0,
    number: 0,
  }));
  return settle({ config, ports, switchNumbers: {} });
}

function planOne(config: NetworkConfig, nic: NicPort, connected = true): PlannedPort | undefined {
  const { switches, homeless } = planNetwork(stateOf(config, [[nic, connected]]), everythingUp);
  return [...switches.flatMap(({ ports }) => ports), ...homeless][0];
}

test("a switch keeps its number, and a port its own, whatever comes and goes beside them", () => {
  const [one, two] = [makeSwitch({ name: "one", groups: [makeGroup("a", 0)] }), makeSwitch({ name: "two", groups: [makeGroup("b", 0)] })];
  const nics = [makeNic(1, "a"), makeNic(2, "b"), makeNic(3, "b")].map((nic) => [nic, true] as const);
  const before = stateOf({ switches: [one, two] }, nics);
  expect(before.ports.map(({ switchNumber, number }) => [switchNumber, number])).toEqual([[1, 2], [2, 2], [2, 3]]); // biome-ignore format: a row
  const after = settle({ ...before, config: { switches: [two] }, ports: before.ports.filter(({ device }) => device !== "v2n4000") });
  expect(after.switchNumbers).toEqual({ two: 2 });
  expect(after.ports.map(({ switchNumber, number }) => [switchNumber, number])).toEqual([[NOWHERE, 2], [2, 3]]); // biome-ignore format: a row
  const again = settle({ ...after, config: { switches: [two, { ...one, name: "three" }] } });
  expect(again.switchNumbers).toEqual({ two: 2, three: 1 });
});

test("two ports never have one number, also where one moves to the switch of the other", () => {
  const [one, two] = [makeSwitch({ name: "one", groups: [makeGroup("a", 0)] }), makeSwitch({ name: "two", groups: [makeGroup("b", 0)] })];
  const before = stateOf({ switches: [one, two] }, [[makeNic(1, "a"), true], [makeNic(2, "b"), true]]); // biome-ignore format: a row
  const moved = settle({ ...before, ports: before.ports.map((port) => ({ ...port, nic: { ...port.nic, portGroup: "b" } })) });
  expect(moved.ports.map(({ switchNumber, number }) => [switchNumber, number])).toEqual([[2, 3], [2, 2]]); // biome-ignore format: a row
});

test.each([
  ["its cable is out", planOne({ switches: [makeSwitch({ groups: [makeGroup("a", 0)] })] }, makeNic(1, "a"), false)],
  ["its port group is gone", planOne({ switches: [makeSwitch()] }, makeNic(1, "a"))],
])("a port passes nothing, and nothing finds it, when %s", (_, port) => {
  expect(port?.shape).toEqual({ kind: "blocked" });
  expect(port?.station).toBeUndefined();
});

const taken = { effectiveMac: "02:00:00:00:00:09" };
test.each([
  ["nothing special", {}, {}, { sourceMac: "00:50:56:00:00:01", isDeaf: false, blocksSwitchProtocols: true }],
  ["forged transmits accepted", { forgedTransmits: true }, {}, { sourceMac: undefined }],
  ["another address, rejected", {}, taken, { sourceMac: "00:50:56:00:00:01", isDeaf: true }],
  ["another address, accepted", { macChanges: true }, taken, { sourceMac: taken.effectiveMac, isDeaf: false }],
  ["switch protocols let through", { blockSwitchProtocols: false }, {}, { blocksSwitchProtocols: false }],
])("a port with %s", (_, security, nic, expected) => {
  const port = planOne({ switches: [makeSwitch({ security, groups: [makeGroup("a", 0)] })] }, makeNic(1, "a", nic));
  const shape = port?.shape as GuestShape;
  expect({ ...shape, sourceMac: shape.sourceMac }).toMatchObject(expected);
});

test.each([
  ["alone in EST", [0], 0, "untagged"],
  ["in VST beside EST", [0], 10, "untagged"],
  ["in VST beside VGT", [4095], 10, "untagged tagged"],
  ["in EST beside VGT", [4095], 0, "untagged"],
  ["in VGT beside VST", [10], 4095, "untagged tagged"],
])("a port %s is compiled for these neighbours", (_, others, vlanId, expected) => {
  const groups = [makeGroup("a", vlanId), ...others.map((id, at) => makeGroup(`other ${at}`, id))];
  const shape = planOne({ switches: [makeSwitch({ groups })] }, makeNic(1, "a"))?.shape as GuestShape;
  const kinds = (["untagged", "tagged", "untaggedMirrors", "taggedMirrors"] as const).filter((kind) => shape.neighbours[kind]);
  expect(kinds.join(" ")).toBe(expected);
});

test("shaping is of what is sent, and of what is received where that is said; none while it is off", () => {
  const shaping = { enabled: true, averageBandwidth: 1, peakBandwidth: 2, burstSize: 3 };
  const inbound = { enabled: true, averageBandwidth: 4, peakBandwidth: 5, burstSize: 6 };
  const shapeWith = (own: object): GuestShape =>
    planOne({ switches: [makeSwitch({ groups: [makeGroup("a", 0, { shaping: own })] })] }, makeNic(1, "a"))?.shape as GuestShape;
  expect(shapeWith({ ...shaping, inbound })).toMatchObject({
    outbound: { average: 1, peak: 2, burstBytes: 3 },
    inbound: { average: 4, peak: 5, burstBytes: 6 },
  });
  expect(shapeWith({ ...shaping, inbound: { ...inbound, enabled: false } })).not.toHaveProperty("inbound");
  expect(Object.keys(shapeWith({ ...shaping, inbound, enabled: false }))).toEqual(expect.arrayContaining(["inbound"]));
  expect(shapeWith({ ...shaping, inbound, enabled: false })).not.toHaveProperty("outbound");
});

test("the programs of a switch change with its port groups, and not with what is plugged into them", () => {
  const config = { switches: [makeSwitch({ groups: [makeGroup("a", 0), makeGroup("b", 10)] })] };
  const generation = (of: NetworkConfig, count: number, hasOpenLoops = true): string | undefined => {
    const nics = Array.from({ length: count }, (_, at) => [makeNic(at + 1, "a"), true] as const);
    return planNetwork(stateOf(of, nics), { ...everythingUp, hasOpenLoops }).switches[0]?.generation;
  };
  expect(generation(config, 1)).toBe(generation(config, 200));
  // Where the kernel has to see where a loop ends, it is bounded by a number that grows with the ports.
  expect(generation(config, 1, false)).toBe(generation(config, 16, false));
  expect(generation(config, 1, false)).not.toBe(generation(config, 17, false));
  expect(generation(config, 1)).not.toBe(generation({ switches: [makeSwitch({ groups: [makeGroup("a", 0), makeGroup("b", 11)] })] }, 1));
});

test("an interface of the host has a port as long as it is configured, and keeps its number", () => {
  const vSwitch = makeSwitch({ groups: [makeGroup("a", 0), makeGroup("b", 7)] });
  const before = stateOf({ switches: [vSwitch], hostNics: [makeHostNic(0, "a"), makeHostNic(1, "b")] }, [[makeNic(1, "a"), true]]);
  expect(before.ports.map(({ device, number }) => [device, number])).toEqual([["v1n4000", 2], ["vmk0-port", 3], ["vmk1-port", 4]]); // biome-ignore format: a row
  const after = settle({ ...before, config: { switches: [vSwitch], hostNics: [makeHostNic(1, "b")] } });
  expect(after.ports.map(({ device, number }) => [device, number])).toEqual([["v1n4000", 2], ["vmk1-port", 4]]); // biome-ignore format: a row
});

test("whatever a port group lets guests do, the host speaks by its own address alone and hears nothing of others", () => {
  const security = { allowPromiscuous: true, macChanges: true, forgedTransmits: true };
  const vSwitch = makeSwitch({ groups: [makeGroup("a", 0, { security })] });
  const { switches } = planNetwork(stateOf({ switches: [vSwitch], hostNics: [makeHostNic(0, "a")] }, []), everythingUp);
  const { mac } = makeHostNic(0, "a");
  expect(switches[0]?.ports).toMatchObject([{ shape: { sourceMac: mac, isDeaf: false }, station: { mac, isPromiscuous: false } }]);
});
