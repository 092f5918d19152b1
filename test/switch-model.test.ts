import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Firewall, FirewallRule, GroupFilter, SecurityPolicy } from "../src/vmkernel/network/config.ts";
import {
  ARP,
  arp,
  CDP_SNAP,
  DTP_SNAP,
  echo,
  ethernet,
  extension,
  fragmentHeader,
  IPV4,
  IPV6,
  icmp,
  ipv4,
  ipv6,
  llc,
  STP_LLC,
  type TagParts,
  TCP_FLAGS,
  tcp,
  udp,
} from "./switch-model/build-frame.ts";
import { makeGroup, makeNic, makeSwitch, type NicParts, type SwitchParts } from "./switch-model/build-network.ts";
import type { RandomNetwork } from "./switch-model/random-network.ts";
import { RealNetwork } from "./switch-model/real-network.ts";
import { SwitchModel } from "./switch-model/switch-model.ts";
import { Trial } from "./switch-model/trial.ts";

/** The model of a switch, by itself: what the paper says of a switch is true of it. Held against the compiled one below. */

const A = "00:50:56:00:00:0a";
const B = "00:50:56:00:00:0b";
const C = "00:50:56:00:00:0c";
const STRANGER = "00:50:56:00:00:99";
const ALL = "ff:ff:ff:ff:ff:ff";
const GROUP = "01:00:5e:00:00:fb";
const TYPE = 0x88b5; // for local experiments: nobody reads what is in it
const PAYLOAD = Buffer.alloc(46, 0x5a);

interface FrameParts {
  readonly to: string;
  readonly from?: string;
  readonly tags?: readonly TagParts[];
}

const frame = ({ to, from = A, tags = [] }: FrameParts): Buffer => ethernet({ to, from, tags, type: TYPE, payload: PAYLOAD });

function model(switches: SwitchParts | readonly SwitchParts[], nics: readonly NicParts[]): SwitchModel {
  const made = new SwitchModel();
  made.configure({ switches: [switches].flat().map((parts) => makeSwitch(parts as SwitchParts)) }, nics.map(makeNic));
  return made;
}

/** "b, c, eth0", or why nobody. */
function outcome(switches: SwitchModel, from: string, bytes: Buffer): string {
  const { deliveries, drops } = switches.send(from, bytes);
  if (deliveries.length > 0)
    return deliveries
      .map(({ port }) => port)
      .sort()
      .join(", ");
  return `none: ${drops.map(({ because }) => because).join(", ")}`;
}

/** What comes out where. */
function received(switches: SwitchModel, from: string, bytes: Buffer): Record<string, string> {
  return Object.fromEntries(switches.send(from, bytes).deliveries.map(({ port, frame: bytesOut }) => [port, bytesOut.toString("hex")]));
}

const open = { allowPromiscuous: false, macChanges: true, forgedTransmits: true, blockSwitchProtocols: false };
const abc = (group: string): readonly NicParts[] => [
  { name: "a", group, mac: A },
  { name: "b", group, mac: B },
  { name: "c", group, mac: C },
];

describe("forwarding", () => {
  const lone = { groups: [makeGroup("lan", 0)] };
  const wired = { ...lone, uplinks: ["eth0"] };

  //= paper «Virtual Switch Correctness»
  //# Virtual switches do not gather information from the network to populate their forwarding tables.
  test("a frame from an unknown source adds nothing to the forwarding table", () => {
    const switches = model({ ...wired, security: open }, abc("lan"));
    expect(outcome(switches, "b", frame({ to: A, from: STRANGER }))).toBe("a");
    expect(outcome(switches, "a", frame({ to: STRANGER }))).toBe("eth0");
  });

  test.each([
    ["one port's address reaches it and nobody else", lone, "a", frame({ to: B }), "b"],
    ["all addresses reaches every other port", lone, "a", frame({ to: ALL }), "b, c"],
    ["a group's address reaches every other port", lone, "a", frame({ to: GROUP }), "b, c"],
    ["all addresses reaches the uplink too", wired, "a", frame({ to: ALL }), "b, c, eth0"],
    ["nobody's address goes nowhere without an uplink", lone, "a", frame({ to: STRANGER }), "none: unknown destination"],
    ["nobody's address goes to the uplink alone", wired, "a", frame({ to: STRANGER }), "eth0"],
    ["the sender's own address does not come back", wired, "a", frame({ to: A }), "none: own address"],
    ["the zero address is nobody's", lone, "a", frame({ to: "00:00:00:00:00:00" }), "none: unknown destination"],
    ["a port's address from the wire reaches it", wired, "eth0", frame({ to: B, from: STRANGER }), "b"],
    ["nobody's address from the wire reaches nobody", wired, "eth0", frame({ to: STRANGER, from: STRANGER }), "none: unknown destination"],
    ["all addresses from the wire reaches all ports", wired, "eth0", frame({ to: ALL, from: STRANGER }), "a, b, c"],
  ])("a frame for %s", (_, parts, from, bytes, expected) => {
    expect(outcome(model(parts, abc("lan")), from, bytes)).toBe(expected);
  });

  //= paper «Virtual Switch Isolation»
  //# virtual switches cannot share physical Ethernet adapters, so it is not possible to manipulate the Ethernet adapter into doing
  //# loopback or something similar that would cause a leak between virtual switches.
  test("a frame from an uplink goes out by no uplink, its own or another", () => {
    const team = { ...lone, uplinks: ["eth0", "eth1"] };
    expect(outcome(model(team, abc("lan")), "eth0", frame({ to: ALL, from: STRANGER }))).toBe("a, b, c");
    expect(outcome(model(team, []), "eth0", frame({ to: ALL, from: STRANGER }))).toBe("none: ");
  });

  //= paper «Virtual Switch Isolation»
  //# ESXi provides no path for network data to take between virtual switches
  test("a frame for an address on another switch does not reach it", () => {
    const two = [
      { name: "one", groups: [makeGroup("lan", 0)] },
      { name: "two", groups: [makeGroup("other", 0)] },
    ];
    const switches = model(two, [
      { name: "a", group: "lan", mac: A },
      { name: "b", group: "other", mac: B },
    ]);
    expect(outcome(switches, "a", frame({ to: B }))).toBe("none: unknown destination");
    expect(outcome(switches, "a", frame({ to: ALL }))).toBe("none: ");
  });

  test.each([
    ["whose cable is out", { connected: false }],
    ["whose port group is gone", { group: "gone" }],
  ])("a NIC %s neither sends nor receives", (_, change) => {
    const switches = model(wired, [...abc("lan").slice(0, 2), { name: "c", group: "lan", mac: C, ...change }]);
    expect(outcome(switches, "c", frame({ to: B, from: C }))).toBe("none: not connected");
    expect(outcome(switches, "a", frame({ to: ALL }))).toBe("b, eth0");
    expect(outcome(switches, "a", frame({ to: C }))).toBe("eth0");
  });

  test.each([
    ["empty", "", "none: runt"],
    ["thirteen bytes", "ffffffffffff00505600000a08", "none: runt"],
    ["a bare header", "ffffffffffff00505600000a0800", "b, c"],
    ["cut inside its tag", "ffffffffffff00505600000a81000064", "none: runt"],
    ["cut behind its tag", "ffffffffffff00505600000a81000064080000", "none: runt"],
    ["as long as may be", `ffffffffffff00505600000a0800${"00".repeat(1500)}`, "b, c"],
    ["a byte longer", `ffffffffffff00505600000a0800${"00".repeat(1501)}`, "none: longer than the MTU"],
    ["a giant", `ffffffffffff00505600000a0800${"00".repeat(9000)}`, "none: longer than the MTU"],
  ])("a frame of odd length: %s", (_, hex, expected) => {
    expect(outcome(model(lone, abc("lan")), "a", Buffer.from(hex, "hex"))).toBe(expected);
  });

  const asked = { broadcast: false, multicast: [GROUP] };
  test.each<[string, GroupFilter | undefined, Partial<SecurityPolicy>, readonly [string, string, string]]>([
    ["nothing is known", undefined, {}, ["b", "b", "b"]],
    ["asked for one group", asked, {}, ["none: not a group of its adapter", "b", "none: not a group of its adapter"]],
    ["asked for all groups and no broadcast", { broadcast: false, multicast: "all" }, {}, ["none: not a group of its adapter", "b", "b"]],
    [
      "asked for broadcast alone",
      { broadcast: true, multicast: [] },
      {},
      ["b", "none: not a group of its adapter", "none: not a group of its adapter"],
    ],
    ["asked for one group, and may listen to everything", asked, { allowPromiscuous: true }, ["b", "b", "b"]],
  ])("a port of whose adapter %s gets broadcast, that group's frames, and another's accordingly", (_, groups, security, expected) => {
    const nics = [abc("lan")[0] as NicParts, { name: "b", group: "lan", mac: B, ...(groups && { groups }) }];
    const switches = model({ ...lone, security }, nics);
    expect([ALL, GROUP, "01:00:5e:00:00:fc"].map((to) => outcome(switches, "a", frame({ to })))).toEqual(expected);
    expect(outcome(switches, "a", frame({ to: B }))).toBe("b");
  });

  test("a port with the active uplink of its group sends by it, and hears groups by it alone", () => {
    const teaming = { active: ["eth1"], standby: ["eth0"] };
    const groups = [makeGroup("lan", 0, { teaming: { active: ["eth0"] } }), makeGroup("other", 0, { teaming })];
    const nics = [
      { name: "a", group: "lan", mac: A },
      { name: "b", group: "other", mac: B },
    ];
    const switches = model({ uplinks: ["eth0", "eth1"], groups }, nics);
    expect(outcome(switches, "a", frame({ to: STRANGER }))).toBe("eth0");
    expect(outcome(switches, "b", frame({ to: STRANGER, from: B }))).toBe("eth1");
    expect(outcome(switches, "eth0", frame({ to: ALL, from: STRANGER }))).toBe("a");
    expect(outcome(switches, "eth1", frame({ to: ALL, from: STRANGER }))).toBe("b");
    expect(outcome(switches, "eth1", frame({ to: A, from: STRANGER }))).toBe("none: uplink not in the team");
    expect(outcome(switches, "eth0", frame({ to: B, from: STRANGER }))).toBe("b");
  });

  test("of two uplinks, neither brings back what a port of this switch sent by the other; a single one is no way around", () => {
    const team = { ...lone, uplinks: ["eth0", "eth1"] };
    expect(outcome(model(team, abc("lan")), "eth0", frame({ to: ALL, from: B }))).toBe("none: reflected");
    expect(outcome(model(team, abc("lan")), "eth0", frame({ to: B, from: A }))).toBe("none: reflected");
    expect(outcome(model(wired, abc("lan")), "eth0", frame({ to: ALL, from: B }))).toBe("a, b, c");
  });

  test.each([
    ["none in either list", { active: [] }, "none: unknown destination"],
    ["one in standby alone", { standby: ["eth1"] }, "eth1"],
    ["an order of its own, of active ones alone", { active: ["eth1"] }, "eth1"],
  ])("a port group with %s has no uplink of its switch's order", (_, teaming, expected) => {
    const switches = model({ uplinks: ["eth0", "eth1"], groups: [makeGroup("lan", 0, { teaming })] }, abc("lan"));
    expect(outcome(switches, "a", frame({ to: STRANGER }))).toBe(expected);
  });
});

describe("VLANs", () => {
  const groups = [
    makeGroup("est", 0),
    makeGroup("ten", 10),
    makeGroup("twenty", 20),
    makeGroup("all", 4095),
    makeGroup("some", 4095, {}, [
      { first: 5, last: 10 },
      { first: 30, last: 30 },
    ]),
  ];
  const nics = [
    { name: "est", group: "est", mac: "00:50:56:00:01:01" },
    { name: "est2", group: "est", mac: "00:50:56:00:01:02" },
    { name: "ten", group: "ten", mac: "00:50:56:00:01:03" },
    { name: "ten2", group: "ten", mac: "00:50:56:00:01:04" },
    { name: "twenty", group: "twenty", mac: "00:50:56:00:01:05" },
    { name: "all", group: "all", mac: "00:50:56:00:01:06" },
    { name: "some", group: "some", mac: "00:50:56:00:01:07" },
  ];
  const macOf = (name: string): string => nics.find((nic) => nic.name === name)?.mac ?? STRANGER;
  const vlans = (): SwitchModel => model({ uplinks: ["eth0"], groups }, nics);
  const broadcast = (from: string, ...tags: readonly TagParts[]): Buffer => frame({ to: ALL, from: macOf(from), tags });

  //= paper «Virtual Switch VLANs»
  //# VLANs enable segmentation of a physical network so two machines on the same physical network cannot send packets to or receive
  //# packets from each other unless they are on the same VLAN.
  test.each([
    ["EST", "est", [], "all, est2, eth0"],
    ["VST", "ten", [], "all, eth0, some, ten2"],
    ["another VST", "twenty", [], "all, eth0"],
    ["VGT, tagged 10", "all", [{ vlan: 10 }], "eth0, some, ten, ten2"],
    ["VGT, tagged 30", "all", [{ vlan: 30 }], "eth0, some"],
    ["VGT, tagged 4094", "all", [{ vlan: 4094 }], "eth0"],
    ["VGT, untagged", "all", [], "est, est2, eth0"],
    ["a trunk of ranges, inside", "some", [{ vlan: 10 }], "all, eth0, ten, ten2"],
    ["a trunk of ranges, at their edge", "some", [{ vlan: 5 }], "all, eth0"],
    ["a trunk of ranges, outside", "some", [{ vlan: 11 }], "none: VLAN not carried"],
    ["a trunk of ranges without 0, untagged", "some", [], "none: VLAN not carried"],
    ["the wire, untagged", "eth0", [], "all, est, est2"],
    ["the wire, tagged 20", "eth0", [{ vlan: 20 }], "all, twenty"],
    ["the wire, tagged with what nobody else has", "eth0", [{ vlan: 999 }], "all"],
  ])("a broadcast from %s reaches its VLAN and no other", (_, from, tags, expected) => {
    expect(outcome(vlans(), from, broadcast(from, ...tags))).toBe(expected);
  });

  test.each([
    ["a tag from an EST guest", "est", [{ vlan: 10 }], "tagged on an access port"],
    ["a tag from a VST guest", "ten", [{ vlan: 20 }], "tagged on an access port"],
    ["its own VLAN's tag from a VST guest", "ten", [{ vlan: 10 }], "tagged on an access port"],
    ["a priority tag from an EST guest", "est", [{ vlan: 0, priority: 5 }], "tagged on an access port"],
    ["a priority tag from a VGT guest", "all", [{ vlan: 0, priority: 5 }], "priority tag or reserved VLAN"],
    ["a priority tag from the wire", "eth0", [{ vlan: 0 }], "priority tag or reserved VLAN"],
    ["VLAN 4095", "all", [{ vlan: 4095 }], "priority tag or reserved VLAN"],
    ["two tags from a VGT guest", "all", [{ vlan: 10 }, { vlan: 20 }], "two tags"],
    ["two tags from the wire", "eth0", [{ vlan: 10 }, { vlan: 20 }], "two tags"],
    ["a priority tag that hides another", "all", [{ vlan: 0 }, { vlan: 20 }], "two tags"],
    ["three tags", "all", [{ vlan: 10 }, { vlan: 10 }, { vlan: 10 }], "two tags"],
    ["an 802.1ad tag from a VST guest", "ten", [{ protocol: 0x88a8, vlan: 10 }], "tagged on an access port"],
    ["an 802.1ad tag from a VGT guest", "all", [{ protocol: 0x88a8, vlan: 10 }], "no 802.1Q tag"],
    ["an 802.1ad tag over another from the wire", "eth0", [{ protocol: 0x88a8, vlan: 10 }, { vlan: 20 }], "no 802.1Q tag"],
    ["an 802.1ad tag beneath another", "all", [{ vlan: 10 }, { protocol: 0x88a8, vlan: 20 }], "two tags"],
  ])("%s crosses nowhere", (_, from, tags, because) => {
    expect(outcome(vlans(), from, broadcast(from, ...tags))).toBe(`none: ${because}`);
  });

  //= paper «Virtual Switch VLANs»
  //# The virtual switch port group tags all outbound frames and removes tags for all inbound frames.
  test("a VST guest's frame is tagged on the wire and for trunks, and bare for its fellows", () => {
    const bare = broadcast("ten");
    const tagged = broadcast("ten", { vlan: 10 }).toString("hex");
    expect(received(vlans(), "ten", bare)).toEqual({ ten2: bare.toString("hex"), eth0: tagged, all: tagged, some: tagged });
  });

  //= paper «Virtual Switch VLANs»
  //# Tags will be preserved between the virtual machine networking stack and external switch when frames are passed from or to virtual
  //# switches.
  test("a VGT guest's tag is preserved with its priority, and taken off for VST guests", () => {
    const tagged = broadcast("all", { vlan: 10, priority: 7 });
    const [hex, bare] = [tagged.toString("hex"), broadcast("all").toString("hex")];
    expect(received(vlans(), "all", tagged)).toEqual({ eth0: hex, some: hex, ten: bare, ten2: bare });
  });

  test("an address is known in its own VLAN alone", () => {
    const switches = vlans();
    expect(outcome(switches, "ten", frame({ to: macOf("twenty"), from: macOf("ten") }))).toBe("eth0");
    expect(outcome(switches, "eth0", frame({ to: macOf("twenty"), from: STRANGER, tags: [{ vlan: 10 }] }))).toBe(
      "none: unknown destination",
    );
    expect(outcome(switches, "ten", frame({ to: macOf("all"), from: macOf("ten") }))).toBe("all");
  });
});

describe("port security", () => {
  const NEW = "00:50:56:00:00:77";
  const inSwitch = (security: SwitchParts["security"], a: Partial<NicParts> = {}, group = makeGroup("lan", 0)): SwitchModel =>
    model({ uplinks: ["eth0"], ...(security && { security }), groups: [group] }, [
      { name: "a", group: "lan", mac: A, ...a },
      { name: "b", group: "lan", mac: B },
      { name: "c", group: "lan", mac: C },
    ]);
  const accepting = { forgedTransmits: true };
  const rejected = { effectiveMac: NEW };

  test.each([
    ["its own address", {}, {}, A, "b"],
    ["another's address, rejected", {}, {}, B, "none: forged source"],
    ["a stranger's address, rejected", {}, {}, STRANGER, "none: forged source"],
    ["a group's address, rejected", {}, {}, ALL, "none: forged source"],
    ["a stranger's address, accepted", accepting, {}, STRANGER, "b"],
    ["the address it changed to, accepted", { macChanges: true }, { effectiveMac: NEW }, NEW, "b"],
    ["the address it had before", { macChanges: true }, { effectiveMac: NEW }, A, "none: forged source"],
    ["the address it changed to, rejected", {}, { effectiveMac: NEW }, NEW, "none: forged source"],
  ])("a guest sends with %s as source", (_, security, nic, from, expected) => {
    expect(outcome(inSwitch(security, nic), "a", frame({ to: B, from }))).toBe(expected);
  });

  test.each([
    ["stays", {}, {}, A, "a"],
    ["changes and may", { macChanges: true }, { effectiveMac: NEW }, NEW, "a"],
    ["changed: frames for what it was", { macChanges: true }, { effectiveMac: NEW }, A, "eth0"],
    ["changes and may not: frames for what it was", {}, rejected, A, "none: MAC address changed"],
    ["changes and may not: frames for what it wants to be", {}, rejected, NEW, "eth0"],
  ])("a guest's address %s", (_, security, nic, to, expected) => {
    expect(outcome(inSwitch(security, nic), "b", frame({ to, from: B }))).toBe(expected);
  });

  //= paper «Virtual Ports»
  //# A virtual port can ignore any requests from the virtual Ethernet adapter that would violate the layer 2 security policy
  test("a guest that changed its address though it may not hears no broadcast either", () => {
    expect(outcome(inSwitch({}, { effectiveMac: NEW }), "b", frame({ to: ALL, from: B }))).toBe("c, eth0");
  });

  test("a guest that takes a neighbour's address takes none of its frames", () => {
    expect(outcome(inSwitch({ macChanges: true }, { effectiveMac: C }), "b", frame({ to: C, from: B }))).toBe("c");
  });

  test("a promiscuous port receives each frame of its VLAN once, and no other VLAN's", () => {
    const watching = makeGroup("watching", 10, { security: { allowPromiscuous: true } });
    const switches = model({ uplinks: ["eth0"], groups: [makeGroup("ten", 10), makeGroup("twenty", 20), watching] }, [
      { name: "a", group: "ten", mac: A },
      { name: "b", group: "ten", mac: B },
      { name: "c", group: "twenty", mac: C },
      { name: "w", group: "watching", mac: "00:50:56:00:00:0d" },
    ]);
    expect(outcome(switches, "a", frame({ to: B }))).toBe("b, w");
    expect(outcome(switches, "a", frame({ to: STRANGER }))).toBe("eth0, w");
    expect(outcome(switches, "a", frame({ to: ALL }))).toBe("b, eth0, w");
    expect(outcome(switches, "a", frame({ to: "00:50:56:00:00:0d" }))).toBe("w");
    expect(outcome(switches, "eth0", frame({ to: B, from: STRANGER, tags: [{ vlan: 10 }] }))).toBe("b, w");
    expect(outcome(switches, "c", frame({ to: STRANGER, from: C }))).toBe("eth0");
    expect(outcome(switches, "w", frame({ to: B, from: "00:50:56:00:00:0d" }))).toBe("b");
  });

  test.each([
    ["the switch's where the group sets none", { forgedTransmits: true }, {}, "b"],
    ["the group's rejection over the switch's acceptance", { forgedTransmits: true }, { forgedTransmits: false }, "none: forged source"],
    ["the group's acceptance over the switch's rejection", { forgedTransmits: false }, { forgedTransmits: true }, "b"],
  ])("in force is %s", (_, security, overrides, expected) => {
    const switches = inSwitch(security, {}, makeGroup("lan", 0, { security: overrides }));
    expect(outcome(switches, "a", frame({ to: B, from: STRANGER }))).toBe(expected);
  });

  const STP = "01:80:c2:00:00:00";
  const CDP = "01:00:0c:cc:cc:cc";
  const PVST = "01:00:0c:cc:cc:cd";
  test.each([
    ["STP", llc({ to: STP, from: A, header: STP_LLC })],
    ["LACP", ethernet({ to: "01:80:c2:00:00:02", from: A, type: 0x8809, payload: PAYLOAD })],
    ["LLDP", ethernet({ to: "01:80:c2:00:00:0e", from: A, type: 0x88cc, payload: PAYLOAD })],
    ["CDP", llc({ to: CDP, from: A, header: CDP_SNAP })],
    ["DTP", llc({ to: CDP, from: A, header: DTP_SNAP })],
    ["PVST+", llc({ to: PVST, from: A, header: DTP_SNAP })],
  ])("%s from a guest passes only where it is not blocked", (_, bytes) => {
    expect(outcome(inSwitch({ blockSwitchProtocols: true }), "a", bytes)).toBe("none: switch protocol");
    expect(outcome(inSwitch({ blockSwitchProtocols: false }), "a", bytes)).toBe("b, c, eth0");
  });

  test("groups beside those of switch protocols pass", () => {
    for (const to of ["01:80:c2:00:00:10", "01:80:c2:00:01:00", "01:00:0c:cc:cc:ce", "01:00:0c:cd:cd:d0"])
      expect([to, outcome(inSwitch({ blockSwitchProtocols: true }), "a", frame({ to }))]).toEqual([to, "b, c, eth0"]);
  });
});

describe("the firewall of a vNIC", () => {
  const LOCAL = "192.168.0.1";
  const REMOTE = "192.168.0.2";
  const OTHER = "10.1.2.3";
  const L6 = "fd00::1";
  const R6 = "fd00::2";

  /** A guest "a" with a firewall, and "b" without one at the other end. */
  function guarded(rules: readonly FirewallRule[], otherwise: Firewall["otherwise"] = "deny"): SwitchModel {
    return model({ groups: [makeGroup("lan", 0)] }, [
      { name: "a", group: "lan", mac: A, firewall: { rules, otherwise } },
      { name: "b", group: "lan", mac: B },
    ]);
  }
  const out = (type: number, payload: Buffer): Buffer => ethernet({ to: B, from: A, type, payload });
  const back = (type: number, payload: Buffer): Buffer => ethernet({ to: A, from: B, type, payload });
  const v4 = (direction: "in" | "out", protocol: number, payload: Buffer, more: Partial<Parameters<typeof ipv4>[0]> = {}): Buffer =>
    direction === "out"
      ? out(IPV4, ipv4({ from: LOCAL, to: REMOTE, protocol, payload, ...more }))
      : back(IPV4, ipv4({ from: REMOTE, to: LOCAL, protocol, payload, ...more }));
  const v6 = (direction: "in" | "out", next: number, payload: Buffer): Buffer =>
    direction === "out" ? out(IPV6, ipv6({ from: L6, to: R6, next, payload })) : back(IPV6, ipv6({ from: R6, to: L6, next, payload }));
  const passes = (switches: SwitchModel, bytes: Buffer): boolean => {
    const from = bytes.toString("hex", 6, 12) === A.replaceAll(":", "") ? "a" : "b";
    return switches.send(from, bytes).deliveries.length > 0;
  };
  const toPort = (port: number) => ({ source: 40_000, destination: port });
  const fromPort = (port: number) => ({ source: port, destination: 40_000 });
  const range = (first: number, last = first) => ({ first, last });
  const prefix = (address: string, prefixLength: number) => ({ address, prefixLength });

  const dns = v4("out", 17, udp(toPort(53)));
  const ping = v4("out", 1, echo(8, 7));
  const whoHas = out(ARP, arp({ operation: 1, senderMac: A, senderIp: LOCAL, targetMac: STRANGER, targetIp: REMOTE }));
  const unknownType = out(TYPE, PAYLOAD);
  test.each<[string, FirewallRule, Buffer, boolean]>([
    ["anything", { direction: "out", action: "allow" }, unknownType, true],
    ["anything, the other way", { direction: "in", action: "allow" }, unknownType, false],
    ["both ways", { direction: "both", action: "allow" }, unknownType, true],
    ["UDP", { direction: "out", action: "allow", protocol: "udp" }, dns, true],
    ["UDP by its number", { direction: "out", action: "allow", protocol: 17 }, dns, true],
    ["TCP, of a datagram", { direction: "out", action: "allow", protocol: "tcp" }, dns, false],
    ["UDP, of ARP", { direction: "out", action: "allow", protocol: "udp" }, whoHas, false],
    ["ARP", { direction: "out", action: "allow", protocol: "arp" }, whoHas, true],
    ["ARP, of a datagram", { direction: "out", action: "allow", protocol: "arp" }, dns, false],
    ["the remote port", { direction: "out", action: "allow", remotePorts: range(50, 53) }, dns, true],
    ["a port below", { direction: "out", action: "allow", remotePorts: range(50, 52) }, dns, false],
    ["a port above", { direction: "out", action: "allow", remotePorts: range(54, 60) }, dns, false],
    ["the local port", { direction: "out", action: "allow", localPorts: range(40_000) }, dns, true],
    ["the remote port as a local one", { direction: "out", action: "allow", localPorts: range(53) }, dns, false],
    ["ports, of ICMP", { direction: "out", action: "allow", remotePorts: range(0, 65535) }, ping, false],
    ["ports, of what is no IP", { direction: "out", action: "allow", remotePorts: range(0, 65535) }, unknownType, false],
    ["the remote address", { direction: "out", action: "allow", remote: prefix(REMOTE, 32) }, dns, true],
    ["the local address as a remote one", { direction: "out", action: "allow", remote: prefix(LOCAL, 32) }, dns, false],
    ["a prefix", { direction: "out", action: "allow", remote: prefix("192.168.0.128", 24) }, dns, true],
    ["a prefix beside it", { direction: "out", action: "allow", remote: prefix("192.168.0.4", 30) }, dns, false],
    ["the empty prefix", { direction: "out", action: "allow", remote: prefix("0.0.0.0", 0) }, dns, true],
    ["the empty prefix of IPv6", { direction: "out", action: "allow", remote: prefix("::", 0) }, dns, false],
    ["an IPv6 prefix", { direction: "out", action: "allow", remote: prefix("fd00::", 16) }, v6("out", 17, udp(toPort(53))), true],
    ["another", { direction: "out", action: "allow", remote: prefix("fd00::4", 126) }, v6("out", 17, udp(toPort(53))), false],
    ["an ICMP type", { direction: "out", action: "allow", protocol: "icmp", icmpType: 8 }, ping, true],
    ["another ICMP type", { direction: "out", action: "allow", protocol: "icmp", icmpType: 0 }, ping, false],
    ["ICMPv6", { direction: "out", action: "allow", protocol: "icmpv6", icmpType: 135 }, v6("out", 58, echo(135, 0)), true],
    ["ICMP, of ICMPv6", { direction: "out", action: "allow", protocol: "icmp" }, v6("out", 58, echo(135, 0)), false],
    ["the remote MAC", { direction: "out", action: "allow", remoteMac: B }, unknownType, true],
    ["the local MAC as a remote one", { direction: "out", action: "allow", remoteMac: A }, unknownType, false],
    ["another protocol's number", { direction: "out", action: "allow", protocol: 47 }, v4("out", 47, PAYLOAD), true],
  ])("a rule for %s", (_, rule, bytes, expected) => {
    expect(passes(guarded([rule]), bytes)).toBe(expected);
  });

  test("the first rule that matches decides", () => {
    const some = { direction: "out", protocol: "udp", remotePorts: range(53) } as const;
    expect(
      passes(
        guarded([
          { ...some, action: "deny" },
          { direction: "out", action: "allow" },
        ]),
        dns,
      ),
    ).toBe(false);
    expect(
      passes(
        guarded([
          { ...some, action: "allow" },
          { direction: "out", action: "deny" },
        ]),
        dns,
      ),
    ).toBe(true);
    expect(passes(guarded([], "allow"), dns)).toBe(true);
  });

  //= paper «Virtual Machine Networks»
  //# a virtual machine can be isolated from other virtual machines, even on the same switch (layer 2 isolation).
  test("a guest with a firewall that lets nothing through is alone", () => {
    const switches = guarded([]);
    for (const bytes of [dns, ping, whoHas, unknownType, back(TYPE, PAYLOAD), v4("in", 6, tcp(toPort(22), TCP_FLAGS.syn))])
      expect(passes(switches, bytes)).toBe(false);
  });

  const letOut: readonly FirewallRule[] = [{ direction: "out", action: "allow" }];
  const { syn, ack, fin, rst } = TCP_FLAGS;
  test.each<[string, readonly Buffer[], Buffer, boolean]>([
    ["a datagram's reply", [dns], v4("in", 17, udp(fromPort(53))), true],
    ["a reply to nothing", [], v4("in", 17, udp(fromPort(53))), false],
    ["a reply from another port", [dns], v4("in", 17, udp(fromPort(54))), false],
    ["a reply to another port", [dns], v4("in", 17, udp({ source: 53, destination: 40_001 })), false],
    ["a reply from another address", [dns], back(IPV4, ipv4({ from: OTHER, to: LOCAL, protocol: 17, payload: udp(fromPort(53)) })), false],
    ["a reply of another protocol", [dns], v4("in", 6, tcp(fromPort(53), ack)), false],
    ["SYN and ACK for SYN", [v4("out", 6, tcp(toPort(80), syn))], v4("in", 6, tcp(fromPort(80), syn | ack)), true],
    ["RST for SYN", [v4("out", 6, tcp(toPort(80), syn))], v4("in", 6, tcp(fromPort(80), rst | ack)), true],
    ["SYN and ACK for nothing", [], v4("in", 6, tcp(fromPort(80), syn | ack)), false],
    ["an answer to a bare ACK", [v4("out", 6, tcp(toPort(80), ack))], v4("in", 6, tcp(fromPort(80), ack)), false],
    ["an answer to FIN alone", [v4("out", 6, tcp(toPort(80), fin))], v4("in", 6, tcp(fromPort(80), ack)), false],
    ["an answer to SYN and ACK", [v4("out", 6, tcp(toPort(80), syn | ack))], v4("in", 6, tcp(fromPort(80), ack)), false],
    ["an echo reply", [ping], v4("in", 1, echo(0, 7)), true],
    ["an echo reply with another identifier", [ping], v4("in", 1, echo(0, 8)), false],
    ["an echo request with the same identifier", [ping], v4("in", 1, echo(8, 7)), false],
    ["an ICMPv6 echo reply", [v6("out", 58, echo(128, 7))], v6("in", 58, echo(129, 7)), true],
    ["an IPv6 datagram's reply", [v6("out", 17, udp(toPort(53)))], v6("in", 17, udp(fromPort(53))), true],
    ["GRE for GRE", [v4("out", 47, PAYLOAD)], v4("in", 47, PAYLOAD), false],
  ])("after what went out, %s", (_, before, bytes, expected) => {
    const switches = guarded(letOut);
    for (const one of before) switches.send("a", one);
    expect(passes(switches, bytes)).toBe(expected);
  });

  test("a segment without SYN is not let out either, whatever the rules say", () => {
    expect(passes(guarded(letOut), v4("out", 6, tcp(toPort(80), ack)))).toBe(false);
    expect(passes(guarded(letOut), v4("out", 6, tcp(toPort(80), syn)))).toBe(true);
  });

  const error = (type: number, quoted: Buffer): Buffer => v4("in", 1, icmp(type, Buffer.concat([Buffer.alloc(4), quoted])));
  const toOther = { from: REMOTE, to: OTHER, protocol: 1 };
  const sentUdp = ipv4({ from: LOCAL, to: REMOTE, protocol: 17, payload: udp(toPort(53)) });
  test.each<[string, Buffer, boolean]>([
    ["quotes what was sent", error(3, sentUdp), true],
    [
      "quotes it from a router in between",
      back(IPV4, ipv4({ from: OTHER, to: LOCAL, protocol: 1, payload: icmp(11, Buffer.concat([Buffer.alloc(4), sentUdp])) })),
      true,
    ],
    [
      "goes to another than who sent what it quotes",
      back(IPV4, ipv4({ ...toOther, payload: icmp(3, Buffer.concat([Buffer.alloc(4), sentUdp])) })),
      false,
    ],
    ["quotes what was not sent", error(3, ipv4({ from: LOCAL, to: REMOTE, protocol: 17, payload: udp(toPort(54)) })), false],
    ["quotes what would have come back", error(3, ipv4({ from: REMOTE, to: LOCAL, protocol: 17, payload: udp(fromPort(53)) })), false],
    ["quotes too little", error(3, sentUdp.subarray(0, 24)), false],
    ["is no error", error(13, sentUdp), false],
    ["is a redirect", error(5, sentUdp), false],
  ])("an ICMP error that %s", (_, bytes, expected) => {
    const switches = guarded(letOut);
    switches.send("a", dns);
    expect(passes(switches, bytes)).toBe(expected);
  });

  const piece = (parts: { id: number; fragmentOffset: number; more: boolean; payload: Buffer }): Buffer =>
    v4("in", 17, parts.payload, { id: parts.id, fragmentOffset: parts.fragmentOffset, moreFragments: parts.more });
  const head = udp({ source: 9, destination: 5000 }, Buffer.alloc(16));
  const serve: readonly FirewallRule[] = [{ direction: "in", action: "allow", protocol: "udp", localPorts: range(5000) }];
  test("a later fragment passes after its first one, and alone it does not", () => {
    const first = piece({ id: 1, fragmentOffset: 0, more: true, payload: head });
    const later = piece({ id: 1, fragmentOffset: 3, more: false, payload: Buffer.alloc(8) });
    expect(passes(guarded(serve), later)).toBe(false);
    const switches = guarded(serve);
    expect(passes(switches, first)).toBe(true);
    expect(passes(switches, later)).toBe(true);
    expect(passes(switches, piece({ id: 2, fragmentOffset: 3, more: false, payload: Buffer.alloc(8) }))).toBe(false);
    const refused = piece({ id: 3, fragmentOffset: 0, more: true, payload: udp({ source: 9, destination: 5001 }, Buffer.alloc(16)) });
    expect(passes(switches, refused)).toBe(false);
    expect(passes(switches, piece({ id: 3, fragmentOffset: 3, more: false, payload: Buffer.alloc(8) }))).toBe(false);
  });

  test("a later fragment never brings the flags of TCP", () => {
    const switches = guarded([{ direction: "in", action: "allow" }]);
    const [first, later] = [tcp({ source: 9, destination: 80 }, syn), Buffer.alloc(16)];
    expect(passes(switches, v4("in", 6, first, { moreFragments: true }))).toBe(true);
    expect(passes(switches, v4("in", 6, later, { fragmentOffset: 1 }))).toBe(false);
    expect(passes(switches, v4("in", 6, later, { fragmentOffset: 2 }))).toBe(true);
  });

  const any: readonly FirewallRule[] = [{ direction: "both", action: "allow" }];
  const chain = (headers: number): Buffer => {
    const payload = Buffer.concat([
      ...Array.from({ length: headers }, (__, at) => extension({ next: at === headers - 1 ? 17 : 60 })),
      udp(toPort(53)),
    ]);
    return v6("out", headers === 0 ? 17 : 60, payload);
  };
  test.each<[string, Buffer, boolean]>([
    ["whole", v4("in", 17, udp(toPort(5000))), true],
    ["with options", v4("in", 17, udp(toPort(5000)), { options: Buffer.alloc(40, 1) }), true],
    ["of another version", v4("in", 17, udp(toPort(5000)), { version: 6 }), false],
    ["with a header of four words", v4("in", 17, udp(toPort(5000)), { headerWords: 4 }), false],
    ["with a header beyond its end", v4("in", 17, udp(toPort(5000)), { headerWords: 15 }), false],
    ["longer than its frame", v4("in", 17, udp(toPort(5000)), { totalBytes: 29 }), false],
    ["shorter than its header", v4("in", 17, udp(toPort(5000)), { totalBytes: 19 }), false],
    ["padded", Buffer.concat([v4("in", 17, udp(toPort(5000))), Buffer.alloc(18)]), true],
    ["whose TCP header is cut", v4("in", 6, tcp(toPort(80), syn).subarray(0, 19)), false],
    ["whose UDP header is cut", v4("in", 17, udp(toPort(80)).subarray(0, 7)), false],
    ["whose first fragment is tiny", v4("in", 6, tcp(toPort(80), syn).subarray(0, 8), { moreFragments: true }), false],
    ["of IPv6, without extensions", chain(0), true],
    ["of IPv6, with an extension", chain(1), true],
    ["of IPv6, with eight extensions", chain(8), true],
    ["of IPv6, with nine extensions", chain(9), false],
    [
      "of IPv6, whose extension lies about its length",
      v6("out", 60, Buffer.concat([extension({ next: 17, units: 9 }), udp(toPort(53))])),
      false,
    ],
    ["of IPv6, longer than its frame", out(IPV6, ipv6({ from: L6, to: R6, next: 17, payload: udp(toPort(53)), payloadBytes: 9 })), false],
    ["of IPv6, of another version", out(IPV6, ipv6({ from: L6, to: R6, next: 17, payload: udp(toPort(53)), version: 4 })), false],
    ["of IPv6, cut inside its header", out(IPV6, Buffer.alloc(39, 0x60)), false],
    [
      "of IPv6, with two fragment headers",
      v6(
        "out",
        44,
        Buffer.concat([
          fragmentHeader({ next: 44, offset: 0, more: true, id: 1 }),
          fragmentHeader({ next: 17, offset: 0, more: true, id: 1 }),
          udp(toPort(53)),
        ]),
      ),
      false,
    ],
  ])("where all may pass, only a packet that is sound does: %s", (_, bytes, expected) => {
    expect(passes(guarded(any), bytes)).toBe(expected);
  });

  test("what a firewall let through is known after its rules have changed or its cable was out, and not without it or its NIC", () => {
    const config = { switches: [makeSwitch({ groups: [makeGroup("lan", 0)] })] };
    const neighbour = makeNic({ name: "b", group: "lan", mac: B });
    const bare = { name: "a", group: "lan", mac: A };
    const guest = (rules: readonly FirewallRule[]) => makeNic({ ...bare, firewall: { rules, otherwise: "deny" } });
    const switches = new SwitchModel();
    switches.configure(config, [guest(letOut), neighbour]);
    expect(passes(switches, dns)).toBe(true);
    switches.configure(config, [guest([]), neighbour]);
    expect(passes(switches, v4("in", 17, udp(fromPort(53))))).toBe(true);
    switches.configure(config, [makeNic({ ...bare, connected: false }), neighbour]);
    switches.configure(config, [guest([]), neighbour]);
    expect(passes(switches, v4("in", 17, udp(fromPort(53))))).toBe(true);
    for (const without of [[makeNic(bare), neighbour], [neighbour]]) {
      switches.configure(config, [guest(letOut), neighbour]);
      expect(passes(switches, dns)).toBe(true);
      switches.configure(config, without);
      switches.configure(config, [guest([]), neighbour]);
      expect(passes(switches, v4("in", 17, udp(fromPort(53))))).toBe(false);
    }
  });

  test("a trunk's firewall reads behind the tag", () => {
    const group = makeGroup("trunk", 4095);
    const firewall: Firewall = { rules: [{ direction: "out", action: "allow", protocol: "udp" }], otherwise: "deny" };
    const switches = model({ groups: [group] }, [
      { name: "a", group: "trunk", mac: A, firewall },
      { name: "b", group: "trunk", mac: B },
    ]);
    const tagged = (protocol: number, payload: Buffer): Buffer =>
      ethernet({ to: B, from: A, tags: [{ vlan: 10 }], type: IPV4, payload: ipv4({ from: LOCAL, to: REMOTE, protocol, payload }) });
    expect(outcome(switches, "a", tagged(17, udp(toPort(53))))).toBe("b");
    expect(outcome(switches, "a", tagged(6, tcp(toPort(53), syn)))).toBe("none: firewall");
  });

  test("a trunk's connections in two VLANs are two", () => {
    const firewall: Firewall = { rules: letOut, otherwise: "deny" };
    const switches = model({ groups: [makeGroup("trunk", 4095)] }, [
      { name: "a", group: "trunk", mac: A, firewall },
      { name: "b", group: "trunk", mac: B },
    ]);
    const reply = { to: A, from: B, type: IPV4, payload: ipv4({ from: REMOTE, to: LOCAL, protocol: 17, payload: udp(fromPort(53)) }) };
    const sent = { to: B, from: A, type: IPV4, payload: sentUdp };
    expect(outcome(switches, "a", ethernet({ ...sent, tags: [{ vlan: 10 }] }))).toBe("b");
    expect(outcome(switches, "b", ethernet({ ...reply, tags: [{ vlan: 20 }] }))).toBe("none: firewall");
    expect(outcome(switches, "b", ethernet({ ...reply, tags: [{ vlan: 10, priority: 3 }] }))).toBe("a");
  });

  test("frames that are refused are told apart by reason", () => {
    expect(guarded([]).send("a", dns)).toEqual({ deliveries: [], drops: [{ port: "a", because: "firewall" }] });
    expect(guarded([]).send("b", v4("in", 17, udp(toPort(1))))).toEqual({ deliveries: [], drops: [{ port: "a", because: "firewall" }] });
  });
});

describe("the switch in the kernel and its model", () => {
  const SEED = Number(process.env.BULKHEAD_TEST_SEED ?? Date.now() % 1_000_000);
  // As many as a test may take time for; test/long has the rest.
  const CONFIGURATIONS = 50;
  const FRAMES_EACH = 500;
  let real: RealNetwork;
  let trial: Trial;
  beforeAll(() => {
    real = new RealNetwork();
    trial = new Trial({ network: real.network, taps: real.taps, seed: SEED });
  });
  afterAll(async () => {
    trial[Symbol.dispose]();
    await real[Symbol.asyncDispose]();
  });

  test(`let the same frames out at the same ports on a kernel without tcx and open loops, too (seed ${SEED})`, async () => {
    await using older = new RealNetwork({ hasTcx: false, hasOpenLoops: false, hasExpress: false });
    using trialOfOlder = new Trial({ network: older.network, taps: older.taps, seed: SEED });
    const { mismatches, ...tally } = await trialOfOlder.run({ first: 0, count: 20, framesEach: 300 });
    expect(mismatches.join("\n\n")).toBe("");
    expect(tally.configurations).toBe(20);
    expect(tally.delivered).toBeGreaterThan(tally.frames / 10);
  });

  //= paper «Virtual Switch Correctness»
  //# It is essential to make certain that frames are contained within the appropriate VLAN on a virtual switch.
  test(`let the same frames out at the same ports, whatever is configured and sent (seed ${SEED})`, async () => {
    const { mismatches, ...tally } = await trial.run({ first: 0, count: CONFIGURATIONS, framesEach: FRAMES_EACH });
    expect(mismatches.join("\n\n")).toBe("");
    expect(tally.configurations).toBe(CONFIGURATIONS);
    expect(tally.delivered).toBeGreaterThan(tally.frames / 10);
  });

  const flipped = (network: RandomNetwork, field: keyof SecurityPolicy): RandomNetwork => ({
    ...network,
    config: {
      switches: network.config.switches.map((one) => {
        const security = { ...one.policy.security, [field]: !one.policy.security[field] };
        return { ...one, policy: { ...one.policy, security } };
      }),
    },
  });
  test("are told apart when the model is told that adapters ask for other groups", async () => {
    const asks = ({ nic, ...plugged }: RandomNetwork["nics"][number]) => {
      const { groups, ...others } = nic;
      return { ...plugged, nic: groups === undefined ? { ...nic, groups: { broadcast: false, multicast: [] } } : others };
    };
    const rounds = { first: CONFIGURATIONS, count: 20, framesEach: 200 };
    const { mismatches } = await trial.runTold((network) => ({ ...network, nics: network.nics.map(asks) }), rounds);
    expect(mismatches.length).toBeGreaterThan(0);
  });

  test("are told apart when the model is told another MTU", async () => {
    const longer = ({ config, ...others }: RandomNetwork): RandomNetwork => ({
      ...others,
      config: { switches: config.switches.map((one) => ({ ...one, mtu: one.mtu === 9000 ? 1280 : 9000 })) },
    });
    const { mismatches } = await trial.runTold(longer, { first: CONFIGURATIONS, count: 20, framesEach: 200 });
    expect(mismatches.length).toBeGreaterThan(0);
  });

  test.each(["allowPromiscuous", "macChanges", "forgedTransmits", "blockSwitchProtocols"] as const)(
    "are told apart when the model is told another %s",
    async (field) => {
      const rounds = { first: CONFIGURATIONS, count: 20, framesEach: 200 };
      const { mismatches } = await trial.runTold((network) => flipped(network, field), rounds);
      expect(mismatches.length).toBeGreaterThan(0);
    },
  );
});
