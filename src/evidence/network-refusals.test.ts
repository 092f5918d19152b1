import { expect, test } from "vitest";
import type { PortDescription } from "../vmkernel/index.ts";
import { networkRefusalClaims } from "./claims/network-refusals.ts";
import type { Observation } from "./observe.ts";
import type { CompiledForLink, ObservedNetwork, ObservedPort } from "./observe-network.ts";
import { refusedKinds } from "./probe-refusals.ts";

/** A switch with an uplink (interface 9), and a VM in VLAN 10 and another in VLAN 20. */
const security = { allowPromiscuous: false, macChanges: false, forgedTransmits: false, blockSwitchProtocols: true };
const described = (vm: number, vlanId: number, changes: object = {}) =>
  ({
    device: `v${vm}n4000`,
    connectee: { kind: "virtualMachine", vm: String(vm), key: 4000 },
    effectiveMac: `00:0c:29:00:00:0${vm}`,
    connected: true,
    vlanId,
    policy: { security },
    counters: { dropped: { groupFlood: 7 } },
    ...changes,
  }) as unknown as PortDescription;
const wire = described(9, 4095, { device: "eth1", connectee: { kind: "uplink", device: "eth1" } });
const other = described(8, 4095, { device: "eth2", connectee: { kind: "uplink", device: "eth2" } });
const port = (link: string, ifindex: number, changes: Partial<ObservedPort> = {}): ObservedPort => ({
  ...{ link, ifindex, addresses: [], probes: [], hostile: [], fromWire: [] },
  programs: [{ direction: "ingress", id: 100 + ifindex, tag: `t${ifindex}`, maps: [] }],
  ...changes,
});
const groups = { broadcastNs: 100_000, passesAhead: false, switchFrames: [] as readonly string[] };
const compiled = (vm: number, changes: object = {}) =>
  ({ link: `v${vm}n4000`, direction: "ingress", tag: `t${vm}`, units: [], groups, ...changes }) as unknown as CompiledForLink;
const hostile = (cameOutAt?: number) => [{ kind: "two tags" as const, to: "v2n4000", cameOutAt }];
const fromWire = (vlan: number, cameOutAt?: number) => [{ to: "v2n4000", vlan, cameOutAt }];
const whole = {
  configured: { switches: [{ name: "vSwitch0", uplinks: [], ports: [described(1, 10), described(2, 20), wire, other] }] },
  ports: [port("v1n4000", 1, { hostile: hostile() }), port("v2n4000", 2), port("eth1", 9, { fromWire: fromWire(20, 2) }), port("eth2", 8)],
  compiled: [compiled(1), compiled(2)],
} as unknown as ObservedNetwork;

const [REFUSED, WIRE, FLOODS, SWITCHES] = networkRefusalClaims.map(({ claim }) => claim);
const failed = (changes: Partial<ObservedNetwork>, verdict = "fail") =>
  networkRefusalClaims.flatMap(({ claim, judge }) =>
    judge({ network: { ...whole, ...changes } } as unknown as Observation).verdict === verdict ? [claim] : [],
  );
const withPort = (changed: ObservedPort) => ({ ports: whole.ports.map((known) => (known.link === changed.link ? changed : known)) });
const withFirst = (changes: object) => ({ compiled: [compiled(1, changes), compiled(2)] });
const withSecurity = (changes: object) => ({
  configured: {
    switches: [
      {
        name: "vSwitch0",
        uplinks: [],
        ports: [described(1, 10, { policy: { security: { ...security, ...changes } } }), described(2, 20), wire],
      },
    ],
  },
});

test("ports that refuse what they are to refuse pass every claim, which is not shown where there is no port", () => {
  expect(failed({}, "pass")).toEqual([REFUSED, WIRE, FLOODS, SWITCHES]);
  expect(networkRefusalClaims.map(({ judge }) => judge({} as Observation).verdict)).toEqual(Array(4).fill("not shown"));
});

test.each<[string, Partial<ObservedNetwork>, readonly (string | undefined)[]]>([
  ["a frame with two tags that comes out", withPort(port("v1n4000", 1, { hostile: hostile(2) })), [REFUSED]],
  ["a frame of another VLAN that arrives", withPort(port("eth1", 9, { fromWire: fromWire(10, 2) })), [WIRE]],
  ["a frame that arrives at somebody else", withPort(port("eth1", 9, { fromWire: fromWire(10, 1) })), [WIRE]],
  ["a frame that goes on by another uplink", withPort(port("eth1", 9, { fromWire: fromWire(20, 8) })), [WIRE]],
  ["a frame that leaves the network", withPort(port("eth1", 9, { fromWire: fromWire(20, 77) })), [WIRE]],
  ["a program without the limit of group frames", withFirst({ groups: { ...groups, broadcastNs: 0, passesAhead: true } }), [FLOODS]],
  ["a program that limits them to more", withFirst({ groups: { ...groups, broadcastNs: 10_000 } }), [FLOODS]],
  ["a program that lets a BPDU pass", withFirst({ groups: { ...groups, switchFrames: ["01:80:c2:00:00:00"] } }), [SWITCHES]],
  ["a program that could not be tried", withFirst({ groups: undefined }), [FLOODS, SWITCHES]],
  ["a program that is not what was tried", withFirst({ tag: "f" }), [FLOODS, SWITCHES]],
])("%s turns red", (_, changes, claims) => {
  expect(failed(changes)).toEqual(claims);
});

test("a guest that sends no broadcast at all, one that may speak as switches do, and a switch without an uplink break no claim", () => {
  expect(failed(withFirst({ groups: { passesAhead: false, switchFrames: [] } }))).toEqual([]);
  const may = {
    ...withSecurity({ blockSwitchProtocols: false }),
    ...withFirst({ groups: { ...groups, switchFrames: ["01:80:c2:00:00:00"] } }),
  };
  expect(failed(may)).toEqual([]);
  expect(failed({ ports: whole.ports.slice(0, 2) })).toEqual([]);
});

test("how many frames of a flood were dropped is told", () => {
  const facts = networkRefusalClaims[2]?.judge({ network: whole } as unknown as Observation).facts ?? [];
  expect(facts[0]).toBe(
    "v1n4000: each broadcast takes 100000 ns of its time, one that comes a second too early is dropped; dropped of its guest's so far: 7",
  );
});

const NEVER = ["a priority tag", "a reserved tag", "two tags", "a provider's tag"];
test.each<[string, PortDescription, readonly string[]]>([
  ["an access port", described(1, 10), ["another's address", "a VLAN's tag", ...NEVER]],
  ["a trunk", described(1, 4095), ["another's address", ...NEVER]],
  ["a port that may forge", described(1, 0, { policy: { security: { ...security, forgedTransmits: true } } }), ["a VLAN's tag", ...NEVER]],
  [
    "the host's own port, whatever its port group lets guests do",
    described(1, 10, { connectee: { kind: "host", device: "vmk0" }, policy: { security: { ...security, forgedTransmits: true } } }),
    ["another's address", "a VLAN's tag", ...NEVER],
  ],
  [
    "a trunk whose cable is out, and that may forge",
    described(1, 4095, { connected: false, policy: { security: { ...security, forgedTransmits: true } } }),
    ["another's address", "a VLAN's tag", ...NEVER],
  ],
  ["an uplink", wire, NEVER],
])("%s refuses what its policy says", (_, one, kinds) => {
  expect(refusedKinds(one)).toEqual(kinds);
});
