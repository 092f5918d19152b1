import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  addAddress,
  addRoute,
  clsProgramId,
  findLink,
  hasTcx,
  inNamespace,
  listAddresses,
  listLinks,
  listRoutes,
  setLink,
} from "../../system/index.ts";
import { encodeConnections, parseConnections } from "./carried-connections.ts";
import { hasBpf } from "./compile/compile.fixture.ts";
import type { NicPort, PortGroupConfig } from "./config.ts";
import { Flow } from "./flow.fixture.ts";
import { ACK, ARP_TYPE, BROADCAST, frame, IPV4_TYPE, icmp, ipv4, PROTOCOLS, SYN, tcp, udp } from "./frames.fixture.ts";
import { TestMachine } from "./machine.fixture.ts";
import { macOf, makeGroup, makeNic, makeSwitch, type SwitchParts, vmId } from "./network.fixture.ts";

const [A, B, C] = [macOf(1), macOf(2), macOf(3)];
const STRANGER = "02:00:00:00:00:99";

let machine: TestMachine;
beforeEach(() => {
  if (hasBpf) machine = new TestMachine(["up0", "up1"]);
});
afterEach(async () => {
  if (hasBpf) await machine[Symbol.asyncDispose]();
});

/** One switch of these port groups, with the VMs a, b, c … in the port groups that are named. */
async function build(parts: SwitchParts, groups: readonly string[], nics: readonly Partial<NicPort>[] = []): Promise<void> {
  await machine.network.configure({ switches: [makeSwitch(parts)] });
  for (const [at, group] of groups.entries()) await machine.plug("abcdefgh"[at] ?? "", makeNic(at + 1, group, nics[at]));
}

const lan = [makeGroup("lan", 0)];
const between = (from: string, to: string, parts: Partial<Parameters<typeof frame>[0]> = {}): Buffer => frame({ from, to, ...parts });
const tagged = (from: string, to: string, ...controls: readonly number[]): Buffer =>
  frame({ from, to, tags: controls.map((control) => ({ control })) });

describe.skipIf(!hasBpf)("in the kernel", () => {
  test("a frame reaches the port that has its address, and no other", async () => {
    await build({ groups: lan }, ["lan", "lan", "lan"]);
    expect(machine.reach("a", between(A, B))).toBe("b");
    expect(machine.reach("b", between(B, A))).toBe("a");
  });

  test("a frame arrives as it was sent, byte for byte, also a long one", async () => {
    await build({ groups: lan }, ["lan", "lan"]);
    const sent = between(A, B, { payload: Buffer.from(Array.from({ length: 1500 }, (_, at) => at & 0xff)) });
    machine.send("a", sent);
    expect(machine.receive()).toEqual([{ port: "b", frame: sent }]);
  });

  test.each([
    ["EST", 0],
    ["VST", 10],
  ])("a segment of 60 kB crosses between %s ports uncut, through a firewall too", async (_, vlanId) => {
    const firewall = { rules: [{ direction: "out", action: "allow" }], otherwise: "deny" } as const;
    await build({ groups: [makeGroup("lan", vlanId)] }, ["lan", "lan"], [{ firewall }]);
    machine.takeSegments("b");
    // struct virtio_net_hdr: checksum to be made from byte 34 on, TCP over IPv4 in segments of 1,448 bytes behind 54 bytes of headers.
    const header = Buffer.from("01013600a80522001000", "hex");
    const segment = Buffer.concat([tcp(1000, 80, SYN), Buffer.alloc(60_000, 7)]);
    const sent = between(A, B, { type: IPV4_TYPE, payload: ipv4({ from: "10.0.0.1", to: "10.0.0.2", protocol: 6, payload: segment }) });
    machine.receive();
    machine.sendWith(header, "a", sent);
    expect(machine.receive().map(({ port, frame }) => [port, frame.length])).toEqual([["b", sent.length]]);
  });

  test("what is longer than its switch's MTU does not come in, whole or in segments, by a guest or the wire", async () => {
    await build({ groups: lan, uplinks: ["up0"] }, ["lan", "lan"]);
    machine.takeSegments("b");
    const long = (from: string, to: string, bytes: number) => between(from, to, { payload: Buffer.alloc(bytes, 7) });
    const segments = ipv4({
      from: "10.0.0.1",
      to: "10.0.0.2",
      protocol: 6,
      payload: Buffer.concat([tcp(1, 80, SYN), Buffer.alloc(30_000)]),
    });
    /** Of 1,448 bytes, or of 8,948. */
    const cut = (head: string): string => {
      machine.receive();
      machine.sendWith(Buffer.from(head, "hex"), "a", between(A, B, { type: IPV4_TYPE, payload: segments }));
      return machine.receive().map(({ port }) => port).join(" "); // biome-ignore format: a way
    };
    const passing = () => [
      machine.reach("a", long(A, B, 1500)),
      machine.reach("a", long(A, B, 1501)),
      machine.reach("a", long(A, BROADCAST, 9000)),
      machine.reach("up0", long(STRANGER, A, 9000)),
      machine.reach("a", long(A, B, 9001)),
      cut("01013600a80522001000"),
      cut("01013600f42222001000"),
    ];
    expect(passing()).toEqual(["b", "", "", "", "", "b", ""]);
    const [a, , up0] = machine.network.describe().switches[0]?.ports ?? [];
    expect([a?.counters.dropped, up0?.counters.dropped]).toEqual([{ tooLong: 4 }, { tooLong: 1 }]);
    await machine.network.configure({ switches: [{ ...makeSwitch({ groups: lan, uplinks: ["up0"] }), mtu: 9000 }] });
    expect(passing()).toEqual(["b", "b", "up0 b", "a", "", "b", "b"]);
    await machine.network.configure({ switches: [makeSwitch({ groups: lan, uplinks: ["up0"] })] });
    expect(passing()).toEqual(["b", "", "", "", "", "b", ""]);
  });

  test("a frame for nobody here goes to the uplink, or nowhere where there is none", async () => {
    await build({ groups: lan, uplinks: ["up0"] }, ["lan", "lan"]);
    expect(machine.reach("a", between(A, STRANGER))).toBe("up0");
    await machine.network.configure({ switches: [makeSwitch({ groups: lan })] });
    expect(machine.reach("a", between(A, STRANGER))).toBe("");
  });

  test("a frame from outside reaches the port that has its address, or nobody: it does not go out again", async () => {
    await build({ groups: lan, uplinks: ["up0", "up1"] }, ["lan", "lan"]);
    expect(machine.reach("up0", between(STRANGER, A))).toBe("a");
    expect(machine.reach("up0", between(STRANGER, STRANGER))).toBe("");
  });

  //= paper «Virtual Switch Correctness»
  //# Virtual switches do not gather information from the network to populate their forwarding tables.
  test("nothing is learned: an address that was seen as a sender is as unknown as before", async () => {
    await build({ groups: lan, uplinks: ["up0"], security: { forgedTransmits: true } }, ["lan", "lan"]);
    expect(machine.reach("b", between(STRANGER, A))).toBe("a");
    expect(machine.reach("a", between(A, STRANGER))).toBe("up0");
  });

  test("a broadcast reaches every member of the VLAN but its sender, and nobody else", async () => {
    const groups = [...lan, makeGroup("ten", 10), makeGroup("twenty", 20)];
    await build({ groups, uplinks: ["up0"] }, ["ten", "ten", "ten", "twenty", "lan"]);
    expect(machine.reach("a", between(A, BROADCAST))).toBe("up0 b c");
    expect(machine.reach("d", between(macOf(4), BROADCAST))).toBe("up0");
    expect(machine.reach("e", between(macOf(5), BROADCAST))).toBe("up0");
  });

  test("a frame to the sender's own address goes nowhere", async () => {
    await build({ groups: lan, uplinks: ["up0"] }, ["lan", "lan"]);
    expect(machine.reach("a", between(A, A))).toBe("");
  });

  //= paper «Virtual Switch Isolation»
  //# it simply does not implement any path that any traffic might use to travel between virtual switches.
  test("two switches never meet, whatever addresses and VLANs they have", async () => {
    const one = makeSwitch({ name: "one", groups: [makeGroup("one", 10), makeGroup("one trunk", 4095)], uplinks: ["up0"] });
    const other = makeSwitch({ name: "other", groups: [makeGroup("other", 10), makeGroup("other trunk", 4095)], uplinks: ["up1"] });
    await machine.network.configure({ switches: [one, other] });
    for (const [at, group] of ["one", "one trunk", "other", "other trunk"].entries())
      await machine.plug("abcd"[at] ?? "", makeNic(at + 1, group));
    expect(machine.reach("a", between(A, C))).toBe("up0");
    expect(machine.reach("a", between(A, BROADCAST))).toBe("up0 b");
    expect(machine.reach("c", between(C, A))).toBe("up1");
    expect(machine.reach("d", tagged(macOf(4), BROADCAST, 10))).toBe("up1 c");
    expect(machine.reach("up0", tagged(STRANGER, C, 10))).toBe("");
  });

  describe("VLANs", () => {
    const groups: readonly PortGroupConfig[] = [
      makeGroup("est", 0),
      makeGroup("vst10", 10),
      makeGroup("vgt", 4095),
      makeGroup("trunk", 4095, {}, [{ first: 20, last: 30 }]),
    ];
    /** a: EST, b and c: VST 10, d: VGT, e: a trunk of 20 to 30. */
    const ports = ["est", "vst10", "vst10", "vgt", "trunk"];
    const [D, E] = [macOf(4), macOf(5)];

    test.each([
      ["EST: untagged to the uplink", "a", between(A, STRANGER), "up0"],
      ["EST: a tag is refused", "a", tagged(A, BROADCAST, 10), ""],
      ["EST: a priority tag is refused", "a", tagged(A, BROADCAST, 0x6000), ""],
      ["EST does not reach VST", "a", between(A, B), "up0"],
      ["EST reaches VGT untagged", "a", between(A, D), "d"],
      ["VST: a tag is refused, its own too", "b", tagged(B, C, 10), ""],
      ["VST: a tag of another VLAN is refused", "b", tagged(B, BROADCAST, 20), ""],
      ["VST: two tags are refused", "b", tagged(B, BROADCAST, 10, 20), ""],
      ["VST: an 802.1ad tag is refused", "b", frame({ from: B, to: C, tags: [{ control: 10, protocol: 0x88a8 }] }), ""],
      ["VST reaches VST", "b", between(B, C), "c"],
      ["VST reaches VGT", "b", between(B, D), "d"],
      ["VST does not reach a trunk that does not carry it", "b", between(B, E), "up0"],
      ["VST: broadcast", "b", between(B, BROADCAST), "up0 c d"],
      ["VGT: with the tag, to VST", "d", tagged(D, B, 10), "b"],
      ["VGT: with another tag, not to VST", "d", tagged(D, B, 20), "up0"],
      ["VGT: untagged, not to VST", "d", between(D, B), "up0"],
      ["VGT: two tags are refused", "d", tagged(D, BROADCAST, 10, 10), ""],
      ["VGT: a priority tag is refused", "d", tagged(D, BROADCAST, 0x2000), ""],
      ["VGT: VLAN 4095 is refused", "d", tagged(D, BROADCAST, 4095), ""],
      ["VGT: broadcast in a VLAN that the trunk carries", "d", tagged(D, BROADCAST, 25), "up0 e"],
      ["VGT: broadcast in a VLAN that nobody carries", "d", tagged(D, BROADCAST, 99), "up0"],
      ["trunk: a VLAN that it does not carry is refused", "e", tagged(E, BROADCAST, 31), ""],
      ["trunk: untagged is refused where it does not carry that", "e", between(E, BROADCAST), ""],
      ["trunk: what it carries", "e", tagged(E, D, 30), "d"],
      ["from outside: untagged to EST and VGT alone", "up0", between(STRANGER, BROADCAST), "a d"],
      ["from outside: with its tag to VST and VGT", "up0", tagged(STRANGER, BROADCAST, 10), "b c d"],
      ["from outside: two tags are refused", "up0", tagged(STRANGER, BROADCAST, 10, 10), ""],
      ["from outside: a priority tag is refused", "up0", tagged(STRANGER, BROADCAST, 0xe000), ""],
      ["from outside: a VLAN that is not the receiver's", "up0", tagged(STRANGER, B, 20), ""],
    ])("%s", async (_, from, sent, expected) => {
      await build({ groups, uplinks: ["up0"] }, ports);
      expect(machine.reach(from, sent)).toBe(expected);
    });

    test("a VST port's frame has its tag on the wire and at a trunk, and none at another VST port", async () => {
      await build({ groups, uplinks: ["up0"] }, ports);
      machine.receive();
      machine.send("b", between(B, BROADCAST));
      const received = new Map(machine.receive().map(({ port, frame }) => [port, frame]));
      expect(received.get("up0")).toEqual(tagged(B, BROADCAST, 10));
      expect(received.get("d")).toEqual(tagged(B, BROADCAST, 10));
      expect(received.get("c")).toEqual(between(B, BROADCAST));
    });

    test("a tag keeps its priority from trunk to trunk, and is gone at a VST port", async () => {
      await build({ groups, uplinks: ["up0"] }, ports);
      machine.receive();
      machine.send("up0", tagged(STRANGER, BROADCAST, 0xa00a));
      const received = new Map(machine.receive().map(({ port, frame }) => [port, frame]));
      expect(received.get("d")).toEqual(tagged(STRANGER, BROADCAST, 0xa00a));
      expect(received.get("b")).toEqual(between(STRANGER, BROADCAST));
    });
  });

  describe("security", () => {
    test("a forged source address is dropped where forged transmits are rejected, and counted", async () => {
      await build({ groups: lan }, ["lan", "lan"]);
      expect(machine.reach("a", between(STRANGER, B))).toBe("");
      const [port] = machine.network.describe().switches[0]?.ports ?? [];
      expect(port?.counters).toMatchObject({ sentFrames: 0, dropped: { forgedTransmit: 1 } });
      await machine.network.configure({ switches: [makeSwitch({ groups: lan, security: { forgedTransmits: true } })] });
      expect(machine.reach("a", between(STRANGER, B))).toBe("b");
    });

    test("an adapter that took another address hears nothing where that is rejected, and may not send from it", async () => {
      await build({ groups: lan, uplinks: ["up0"] }, ["lan", "lan"], [{}, { effectiveMac: STRANGER }]);
      expect(machine.reach("a", between(A, B))).toBe("");
      expect(machine.reach("a", between(A, BROADCAST))).toBe("up0");
      expect(machine.reach("b", between(STRANGER, A))).toBe("");
      await machine.network.change(makeNic(2, "lan"), true);
      expect(machine.reach("a", between(A, B))).toBe("b");
    });

    test("an adapter that took another address is reached by that one alone where it is accepted", async () => {
      const parts = { groups: lan, security: { macChanges: true } };
      await build(parts, ["lan", "lan"], [{}, { effectiveMac: STRANGER }]);
      expect(machine.reach("a", between(A, B))).toBe("");
      expect(machine.reach("a", between(A, STRANGER))).toBe("b");
      expect(machine.reach("b", between(STRANGER, A))).toBe("a");
    });

    test("who takes the address of another gets nothing of its frames", async () => {
      const parts = { groups: lan, security: { macChanges: true } };
      await build(parts, ["lan", "lan", "lan"], [{ effectiveMac: C }]);
      expect(machine.reach("b", between(B, C))).toBe("c");
    });

    test("an adapter that took a group's address is in nobody's way", async () => {
      const parts = { groups: lan, uplinks: ["up0"], security: { macChanges: true } };
      await build(parts, ["lan", "lan"], [{ effectiveMac: "01:00:09:00:00:00" }]);
      expect(machine.reach("b", between(B, STRANGER))).toBe("up0");
      expect(machine.reach("b", between(B, BROADCAST))).toBe("up0 a");
    });

    test("a promiscuous port sees the frames of its VLAN, each once, and of no other", async () => {
      const allow = { security: { allowPromiscuous: true } };
      const groups = [makeGroup("ten", 10), makeGroup("watch", 10, allow), makeGroup("twenty", 20), makeGroup("all", 4095, allow)];
      await build({ groups }, ["ten", "ten", "watch", "twenty", "twenty", "all"]);
      expect(machine.reach("a", between(A, B))).toBe("b c f");
      expect(machine.reach("a", between(A, C))).toBe("c f");
      expect(machine.reach("a", between(A, STRANGER))).toBe("c f");
      expect(machine.reach("d", between(macOf(4), macOf(5)))).toBe("e f");
      expect(machine.reach("a", between(A, BROADCAST))).toBe("b c f");
      expect(machine.reach("f", tagged(macOf(6), A, 10))).toBe("a c");
    });

    test.each([
      ["STP", "01:80:c2:00:00:00"],
      ["LLDP", "01:80:c2:00:00:0e"],
      ["CDP and DTP", "01:00:0c:cc:cc:cc"],
      ["PVST+", "01:00:0c:cc:cc:cd"],
    ])("%s from a guest is blocked by option", async (_, to) => {
      await build({ groups: [...lan, makeGroup("open", 0, { security: { blockSwitchProtocols: false } })] }, ["lan", "lan", "open"]);
      expect(machine.reach("a", between(A, to))).toBe("");
      expect(machine.reach("c", between(C, to))).toBe("a b");
    });

    test("other groups are not taken for switch protocols", async () => {
      await build({ groups: lan }, ["lan", "lan"]);
      for (const to of ["01:80:c2:00:00:10", "01:00:5e:00:00:01", "33:33:00:00:00:01"])
        expect(machine.reach("a", between(A, to))).toBe("b");
    });
  });

  test("a port whose cable is out, or whose port group is gone, neither sends nor receives", async () => {
    await build({ groups: [...lan, makeGroup("other", 0)] }, ["lan", "other"]);
    await machine.network.change(makeNic(2, "other"), false);
    expect([machine.reach("a", between(A, B)), machine.reach("b", between(B, A))]).toEqual(["", ""]);
    await machine.network.change(makeNic(2, "other"), true);
    expect(machine.reach("a", between(A, B))).toBe("b");
    await machine.network.configure({ switches: [makeSwitch({ groups: lan })] });
    expect([machine.reach("a", between(A, B)), machine.reach("b", between(B, A))]).toEqual(["", ""]);
    expect(machine.network.describe().unattached).toMatchObject([{ blockedBecause: "There is no port group other." }]);
  });

  describe("teams", () => {
    test("a standby uplink takes over when the active one has no link, and tells the switches outside", async () => {
      const teaming = { policy: "failover_explicit", active: ["up0"], standby: ["up1"] } as const;
      await build({ groups: lan, uplinks: ["up0", "up1"], teaming }, ["lan"]);
      expect(machine.reach("a", between(A, STRANGER))).toBe("up0");
      const leavesBy = () => machine.network.describe().switches[0]?.ports[0]?.leavesBy;
      expect(leavesBy()).toEqual(["up0"]);
      machine.receive();
      machine.pull("up0");
      await expect.poll(() => machine.receive().filter(({ port }) => port === "up1").length, { timeout: 5000 }).toBeGreaterThan(0);
      expect(machine.reach("a", between(A, STRANGER))).toBe("up1");
      expect(leavesBy()).toEqual(["up1"]);
      expect(machine.reach("up1", between(STRANGER, BROADCAST))).toBe("a");
    });

    test("a new port is told to the switches outside, in its VLAN", async () => {
      await build({ groups: [makeGroup("ten", 10)], uplinks: ["up0"] }, []);
      machine.receive();
      await machine.plug("a", makeNic(1, "ten"));
      const [announced] = machine.receive();
      expect(announced?.port).toBe("up0");
      expect(announced?.frame.toString("hex")).toMatch(/^ffffffffffff0050560000018100000a80350001080006040003005056000001/);
    });

    test("a group frame from outside arrives once, by the uplink of its receiver", async () => {
      await build({ groups: lan, uplinks: ["up0", "up1"] }, ["lan", "lan"]);
      const seen = [machine.reach("up0", between(STRANGER, BROADCAST)), machine.reach("up1", between(STRANGER, BROADCAST))];
      expect(seen.sort()).toEqual(["a", "b"]);
    });

    test("what this host sent does not come back by its other uplink", async () => {
      await build({ groups: lan, uplinks: ["up0", "up1"] }, ["lan", "lan"]);
      expect([machine.reach("up0", between(A, BROADCAST)), machine.reach("up1", between(A, BROADCAST))]).toEqual(["", ""]);
    });

    test("a port group takes nothing from an uplink that it does not use", async () => {
      const groups = [makeGroup("lan", 0, { teaming: { active: ["up0"], standby: [] } })];
      await build({ groups, uplinks: ["up0", "up1"] }, ["lan"]);
      expect([machine.reach("up0", between(STRANGER, A)), machine.reach("up1", between(STRANGER, A))]).toEqual(["a", ""]);
    });

    test.each(["loadbalance_srcmac", "loadbalance_ip"] as const)("%s uses each uplink, and one for one flow", async (policy) => {
      await build({ groups: lan, uplinks: ["up0", "up1"], teaming: { policy }, security: { forgedTransmits: true } }, ["lan"]);
      const sent = (host: number): Buffer =>
        between(macOf(host), STRANGER, {
          type: IPV4_TYPE,
          payload: ipv4({ from: `10.0.0.${host}`, to: "10.0.1.1", protocol: 17, payload: udp(1, 2) }),
        });
      const ways = Array.from({ length: 16 }, (_, host) => machine.reach("a", sent(host)));
      expect(new Set(ways)).toEqual(new Set(["up0", "up1"]));
      expect(machine.network.describe().switches[0]?.ports[0]?.leavesBy).toEqual(["up0", "up1"]);
      expect(Array.from({ length: 16 }, (_, host) => machine.reach("a", sent(host)))).toEqual(ways);
    });
  });

  test.each(["outbound", "inbound"] as const)("the rate of %s traffic is held within a twentieth", async (direction) => {
    const rate = { averageBandwidth: 800_000, peakBandwidth: 80_000_000, burstSize: 50_000 };
    const open = { ...rate, averageBandwidth: 8e9, peakBandwidth: 8e9, burstSize: 1e9 };
    const shaping =
      direction === "outbound" ? { enabled: true, ...rate } : { enabled: false, ...open, inbound: { enabled: true, ...rate } };
    await build(
      { groups: [...lan, makeGroup("shaped", 0, { shaping })] },
      direction === "outbound" ? ["shaped", "lan"] : ["lan", "shaped"],
    );
    const sent = between(A, B, { payload: Buffer.alloc(986) });
    machine.receive();
    /** What comes is read often enough that the tap never is full. */
    const passes = (): boolean => {
      machine.send("a", sent);
      return machine.receive().length === 1;
    };
    const allowedIn = (ms: number): number => (rate.averageBandwidth / 8) * (ms / 1000);
    const first = performance.now();
    let inBurst = 0;
    while (passes()) inBurst++;
    // From here on nothing is owed: what this process does not send while it waits for a processor, it may send afterwards.
    const start = performance.now();
    expect(inBurst * sent.length).toBeGreaterThan(rate.burstSize * 0.95);
    expect(inBurst * sent.length).toBeLessThan((rate.burstSize + allowedIn(start - first)) * 1.05);
    let [arrived, tries] = [0, 0];
    let now = start;
    for (; now - start < 2000; now = performance.now(), tries++) if (passes()) arrived++;
    expect(tries).toBeGreaterThan(arrived * 1.1);
    expect(arrived * sent.length).toBeGreaterThan(allowedIn(now - start) * 0.95);
    expect(arrived * sent.length).toBeLessThan(allowedIn(now - start) * 1.05);
  });

  describe("the firewall of a vNIC", () => {
    const [LOCAL, REMOTE] = ["10.0.0.1", "10.0.0.2"];
    const firewall = {
      rules: [
        { direction: "out", action: "deny", protocol: "tcp", remotePorts: { first: 25, last: 25 } },
        { direction: "out", action: "allow", protocol: "tcp" },
        { direction: "out", action: "allow", protocol: "udp", remotePorts: { first: 53, last: 53 }, log: true },
        { direction: "out", action: "allow", protocol: "icmp", icmpType: 8 },
        {
          direction: "in",
          action: "allow",
          protocol: "tcp",
          localPorts: { first: 22, last: 22 },
          remote: { address: "10.0.0.0", prefixLength: 24 },
        },
        { direction: "both", action: "allow", protocol: "arp" },
      ],
      otherwise: "deny",
    } as const;
    const out = (protocol: number, payload: Buffer, parts = {}): Buffer =>
      between(A, B, { type: IPV4_TYPE, payload: ipv4({ from: LOCAL, to: REMOTE, protocol, payload, ...parts }) });
    const back = (protocol: number, payload: Buffer, parts = {}): Buffer =>
      between(B, A, { type: IPV4_TYPE, payload: ipv4({ from: REMOTE, to: LOCAL, protocol, payload, ...parts }) });
    const { icmp: ICMP, tcp: TCP, udp: UDP } = PROTOCOLS;
    beforeEach(() => build({ groups: lan }, ["lan", "lan"], [{ firewall }]));
    const outcome = (...steps: readonly (readonly ["a" | "b", Buffer])[]): readonly boolean[] =>
      steps.map(([from, sent]) => machine.reach(from, sent) !== "");

    test.each<[string, readonly boolean[], readonly (readonly ["a" | "b", Buffer])[]]>([
      ["what no rule lets in stays out", [false], [["b", back(UDP, udp(53, 1000))]]],
      ["the reply to a datagram passes", [true, true], [["a", out(UDP, udp(1000, 53))], ["b", back(UDP, udp(53, 1000))]]], // biome-ignore format: a row
      ["a reply from another port does not", [true, false], [["a", out(UDP, udp(1000, 53))], ["b", back(UDP, udp(54, 1000))]]], // biome-ignore format: a row
      ["the first rule that matches decides", [false, true], [["a", out(TCP, tcp(1000, 25, SYN))], ["a", out(TCP, tcp(1000, 80, SYN))]]], // biome-ignore format: a row
      ["a segment without a connection does not pass, whatever the rules", [false], [["a", out(TCP, tcp(1000, 80, ACK))]]],
      ["both sides of a connection pass", [true, true, true], [["a", out(TCP, tcp(1000, 80, SYN))], ["b", back(TCP, tcp(80, 1000, SYN | ACK))], ["a", out(TCP, tcp(1000, 80, ACK))]]], // biome-ignore format: a row
      ["a connection may begin outside where a rule lets it", [true, true], [["b", back(TCP, tcp(1000, 22, SYN))], ["a", out(TCP, tcp(22, 1000, SYN | ACK))]]], // biome-ignore format: a row
      ["an echo gets its reply, and no other", [true, true, false], [["a", out(ICMP, icmp(8, Buffer.from("00010001", "hex")))], ["b", back(ICMP, icmp(0, Buffer.from("00010001", "hex")))], ["b", back(ICMP, icmp(0, Buffer.from("00020001", "hex")))]]], // biome-ignore format: a row
      ["an error about what was sent passes", [true, true], [["a", out(UDP, udp(1000, 53))], ["b", back(ICMP, icmp(3, Buffer.concat([Buffer.alloc(4), ipv4({ from: LOCAL, to: REMOTE, protocol: UDP, payload: udp(1000, 53) })])))]]], // biome-ignore format: a row
      ["an error about what was not sent does not", [false], [["b", back(ICMP, icmp(3, Buffer.concat([Buffer.alloc(4), ipv4({ from: LOCAL, to: REMOTE, protocol: UDP, payload: udp(1000, 53) })])))]]], // biome-ignore format: a row
      ["a later fragment passes behind its first one", [true, true], [["a", out(UDP, udp(1000, 53), { more: true, id: 7 })], ["a", out(UDP, Buffer.alloc(8), { offset: 2, id: 7 })]]], // biome-ignore format: a row
      ["a later fragment without a first one does not", [false], [["a", out(UDP, Buffer.alloc(8), { offset: 2, id: 8 })]]],
      ["a fragment does not bring TCP's flags", [true, false], [["a", out(TCP, tcp(1000, 80, SYN), { more: true, id: 9 })], ["a", out(TCP, Buffer.alloc(8), { offset: 1, id: 9 })]]], // biome-ignore format: a row
      ["a header that is cut short does not pass", [false], [["a", out(TCP, tcp(1000, 80, SYN).subarray(0, 19))]]],
      ["ARP passes by its rule", [true], [["a", between(A, BROADCAST, { type: ARP_TYPE })]]],
      ["other EtherTypes are for the last word", [false], [["a", between(A, B)]]],
    ])("%s", (_, expected, steps) => {
      expect(outcome(...steps)).toEqual(expected);
    });

    test("connections outlast another set of rules, and a change of something else", async () => {
      machine.send("a", out(UDP, udp(1000, 53)));
      await machine.network.change(makeNic(1, "lan", { firewall: { ...firewall, rules: firewall.rules.slice(0, 3) } }), true);
      expect(machine.reach("b", back(UDP, udp(53, 1000)))).toBe("a");
    });

    test("connections go with the port to a port group of another switch", async () => {
      machine.send("a", out(UDP, udp(1000, 53)));
      const groups = [makeGroup("lan", 0)];
      await machine.network.configure({ switches: [makeSwitch({ groups }), makeSwitch({ name: "other", groups: [makeGroup("far", 0)] })] });
      for (const [vm, parts] of [[1, { firewall }], [2, {}]] as const) await machine.network.change(makeNic(vm, "far", parts), true); // biome-ignore format: a row
      expect(outcome(["b", back(UDP, udp(53, 1000))], ["b", back(UDP, udp(53, 1001))])).toEqual([true, false]);
    });

    test("connections are carried along: to another port of the guest, as long as they would have lasted, and to one with a firewall alone", async () => {
      machine.send("a", out(UDP, udp(1000, 53)));
      const carried = machine.network.connectionsOf(vmId(1), 4000);
      expect(carried.map(({ timeoutNs }) => timeoutNs)).toEqual([90n * 1_000_000_000n]);
      expect(machine.network.connectionsOf(vmId(2), 4000)).toEqual([]);
      const elsewhere = async (elapsedMs: number) => {
        await machine.network.unplug(vmId(1), 4000);
        machine.pull("a");
        await machine.plug("a", makeNic(1, "lan", { firewall }));
        await machine.network.carryIn(vmId(1), 4000, parseConnections(encodeConnections(carried), elapsedMs));
        return outcome(["b", back(UDP, udp(53, 1000))])[0];
      };
      expect([await elsewhere(1000), await elsewhere(91_000)]).toEqual([true, false]);
      await machine.network.carryIn(vmId(2), 4000, carried);
      await machine.network.carryIn(vmId(9), 4000, carried);
      expect(machine.network.connectionsOf(vmId(2), 4000)).toEqual([]);
    });

    test("a change of what goes out leaves the program for what comes in as it is", async () => {
      const ids = () => new Map(machine.network.describe().switches[0]?.ports[0]?.programs.map(({ direction, id }) => [direction, id]));
      const before = ids();
      await machine.network.change(makeNic(1, "lan", { firewall: { ...firewall, rules: firewall.rules.slice(1) } }), true);
      expect(ids().get("egress")).toBe(before.get("egress"));
      expect(ids().get("ingress")).not.toBe(before.get("ingress"));
      await machine.network.change(makeNic(1, "lan", { firewall: { ...firewall, otherwise: "allow" } }), true);
      expect(ids().get("egress")).not.toBe(before.get("egress"));
    });

    test("what a rule with a log judged is counted; what its connection lets pass is not judged", () => {
      for (const port of [1000, 1001, 1001]) machine.send("a", out(UDP, udp(port, 53)));
      const [port] = machine.network.describe().switches[0]?.ports ?? [];
      expect(port?.counters.logged).toEqual({ 2: 2 });
    });

    test("drops are counted at the port, by reason", () => {
      machine.send("b", back(UDP, udp(53, 1000)));
      machine.send("a", out(UDP, Buffer.alloc(8), { offset: 2, id: 8 }));
      const [port] = machine.network.describe().switches[0]?.ports ?? [];
      expect(port?.counters.dropped).toEqual({ firewall: 1, fragment: 1 });
    });
  });

  describe("changes while frames flow", () => {
    test("lose no frame: other policies, port groups that come and go, NICs beside", async () => {
      await build({ groups: lan }, ["lan", "lan"]);
      machine.receive();
      using flow = new Flow(machine.fdOf("a"), machine.fdOf("b"), between(A, B));
      for (let round = 0; round < 20; round++) {
        const groups = [...lan, makeGroup("ten", 10), ...(round % 2 ? [makeGroup("trunk", 4095)] : [])];
        const security = { forgedTransmits: round % 2 === 0, allowPromiscuous: round % 3 === 0 };
        await machine.network.configure({ switches: [makeSwitch({ groups, security, uplinks: round % 4 < 2 ? ["up0"] : [] })] });
        if (round === 5) await machine.plug("c", makeNic(3, "lan"));
        if (round === 15) await machine.network.unplug(vmId(3), 4000);
      }
      const { sent, received } = await flow.stop();
      expect(sent).toBeGreaterThan(100);
      expect(received).toBe(sent);
    });

    test("lose no frame: a port's programs move to where they cost less, and it is the same port", async () => {
      machine.network = machine.anotherVmkernel({ promotionGapMs: 700 });
      await build({ groups: [...lan, makeGroup("shaped", 0, { shaping: OPEN_INWARDS })] }, ["lan", "shaped"]);
      machine.receive();
      const hooks = () => inNamespace(join(machine.folder, "network", "namespace"), hooksOf);
      using flow = new Flow(machine.fdOf("a"), machine.fdOf("b"), between(A, B));
      await flow.started();
      const [first, before] = [hooks(), describePorts(machine.network.describe())];
      await machine.network.promoted();
      const { sent, received } = await flow.stop();
      expect(sent).toBeGreaterThan(100);
      expect(received).toBe(sent);
      expect(first).toEqual([["v1n4000", "ingress"], ["v2n4000", "ingress"]]); // biome-ignore format: a row
      expect(hooks()).toEqual([]);
      expect(describePorts(machine.network.describe())).toEqual(before);
      await machine.network.change(makeNic(2, "lan"), true);
      expect([machine.reach("a", between(A, B)), machine.reach("b", between(B, A))]).toEqual(["b", "a"]);
    });

    test("a network that another vmkernel takes over goes on without losing one, and is the same network", async () => {
      await build({ groups: [...lan, makeGroup("ten", 10)], uplinks: ["up0"] }, ["lan", "lan", "ten"]);
      machine.receive();
      const before = machine.network.describe();
      using flow = new Flow(machine.fdOf("a"), machine.fdOf("b"), between(A, B));
      const killed = machine.network;
      await new Promise((resolve) => setTimeout(resolve, 100));
      machine.network = machine.anotherVmkernel();
      await machine.network.adopt();
      await new Promise((resolve) => setTimeout(resolve, 100));
      const { sent, received } = await flow.stop();
      killed.close();
      expect(received).toBe(sent);
      expect(describePorts(machine.network.describe())).toEqual(describePorts(before));
      expect(machine.network.describe().switches[0]?.ports[0]?.counters.sentFrames).toBe(sent);
      expect(machine.reach("c", between(C, BROADCAST))).toBe("up0");
      await machine.network.configure({ switches: [makeSwitch({ groups: lan, security: { forgedTransmits: true } })] });
      expect(machine.reach("a", between(STRANGER, B))).toBe("b");
    });
  });

  test("a configuration that cannot be leaves the one before in force", async () => {
    await build({ groups: [...lan, makeGroup("ten", 10)], uplinks: ["up0"] }, ["lan", "lan", "ten"]);
    const before = describePorts(machine.network.describe());
    const twice = { switches: [makeSwitch({ groups: lan }), makeSwitch({ groups: lan })] };
    await expect(machine.network.configure(twice)).rejects.toMatchObject({ fault: "AlreadyExists" });
    expect(describePorts(machine.network.describe())).toEqual(before);
    expect(machine.reach("a", between(A, B))).toBe("b");
  });

  test("a change that fails half-way is taken back whole: adapters are the machine's again, frames go as before", async () => {
    await build({ groups: lan, uplinks: ["up0"] }, ["lan", "lan"]);
    const { config } = machine.network;
    const before = describePorts(machine.network.describe());
    // The last thing that can fail is the record: by then adapters are taken, and programs and tables replaced.
    mkdirSync(join(machine.folder, "network", "network.json.new"));
    const groups = [makeGroup("lan", 0, { security: { forgedTransmits: true } }), makeGroup("trunk", 4095)];
    await expect(machine.network.configure({ switches: [makeSwitch({ groups, uplinks: ["up0", "up1"] })] })).rejects.toThrow("EISDIR");
    await expect(machine.network.change(makeNic(1, "lan", { effectiveMac: STRANGER }), true)).rejects.toThrow("EISDIR");
    await expect(machine.plug("c", makeNic(3, "lan"))).rejects.toThrow("EISDIR");
    rmdirSync(join(machine.folder, "network", "network.json.new"));
    expect(machine.network.config).toEqual(config);
    expect(describePorts(machine.network.describe())).toEqual(before);
    expect(findLink("up1")).toBeDefined();
    expect(machine.reach("a", between(STRANGER, B))).toBe("");
    expect([machine.reach("a", between(A, B)), machine.reach("a", between(A, STRANGER))]).toEqual(["b", "up0"]);
  });

  test.each([
    [
      "rules",
      { firewall: { rules: Array.from({ length: 1001 }, () => ({ direction: "in", action: "deny" }) as const), otherwise: "deny" } },
    ],
    ["an address", { effectiveMac: "00:50:56:00:00" }],
    ["a group's address for its own", { initialMac: BROADCAST }],
  ] as const)("a NIC with %s that cannot be is refused", async (_, parts) => {
    await build({ groups: lan }, ["lan"]);
    await expect(machine.network.change(makeNic(1, "lan", parts), true)).rejects.toMatchObject({ fault: "InvalidArgument" });
    await expect(machine.plug("b", makeNic(2, "lan", parts))).rejects.toMatchObject({ fault: "InvalidArgument" });
  });

  test("a record that cannot be read keeps nobody from starting: what is there passes nothing from the next change on", async () => {
    await build({ groups: lan }, ["lan", "lan"]);
    writeFileSync(join(machine.folder, "network", "network.json"), "{");
    const killed = machine.network;
    machine.network = machine.anotherVmkernel();
    await machine.network.adopt();
    await machine.network.configure({ switches: [makeSwitch({ groups: lan })] });
    await machine.plug("c", makeNic(3, "lan"));
    expect([machine.reach("a", between(A, B)), machine.reach("a", between(A, C)), machine.reach("c", between(C, A))]).toEqual(["", "", ""]);
    killed.close();
  });

  test("an uplink that is given up is the machine's again, and another switch can have it", async () => {
    await build({ groups: lan, uplinks: ["up0"] }, ["lan"]);
    expect(findLink("up0")).toBeUndefined();
    const other = makeSwitch({ name: "other", groups: [makeGroup("other", 0)], uplinks: ["up0"] });
    await machine.network.configure({ switches: [makeSwitch({ groups: lan }), other] });
    await machine.plug("b", makeNic(2, "other"));
    expect([machine.reach("a", between(A, STRANGER)), machine.reach("b", between(B, STRANGER))]).toEqual(["", "up0"]);
    await machine.network.configure({ switches: [makeSwitch({ groups: lan })] });
    expect(findLink("up0")).toBeDefined();
  });

  test("an adapter by which the machine is on a network is taken only where that may be cut off, and brings it all back", async () => {
    await build({ groups: lan }, []);
    setLink("up0", { up: true });
    addAddress("up0", "192.0.2.2/24");
    addAddress("up0", "2001:db8::2/64");
    addRoute("up0", { destination: "10.0.0.0/8", gateway: "192.0.2.1", metric: 7 });
    addRoute("up0", { destination: "0.0.0.0/0", gateway: "192.0.2.1" });
    const had = () => [listAddresses("up0").filter((address) => !address.startsWith("fe80")), listRoutes("up0")];
    const before = had();
    const withUplink = { switches: [makeSwitch({ groups: lan, uplinks: ["up0"] })] };
    await expect(machine.network.configure(withUplink)).rejects.toMatchObject({
      fault: "ResourceInUse",
      message: expect.stringContaining("default route"),
    });
    expect(had()).toEqual(before);
    await machine.network.configure(withUplink, { mayCutOff: true });
    expect(findLink("up0")).toBeUndefined();
    machine.network.close();
    machine.network = machine.anotherVmkernel();
    await machine.network.adopt();
    await machine.network.configure(withUplink); // it has it already
    await machine.network.configure({ switches: [makeSwitch({ groups: lan })] });
    expect(had()).toEqual(before);
  });

  test("a host whose network nobody uses mounts nothing", async () => {
    await machine.network.configure({ switches: [makeSwitch({ groups: lan })] });
    expect(existsSync(join(machine.folder, "network"))).toBe(false);
    expect(machine.network.describe().switches).toMatchObject([{ name: "vSwitch0", ports: [] }]);
  });

  test("what is removed leaves no namespace, no mount and no pin, and uplinks with the machine", async () => {
    await build({ groups: lan, uplinks: ["up0"] }, ["lan"]);
    await machine.network.remove();
    expect(existsSync(join(machine.folder, "network"))).toBe(false);
    expect(readFileSync("/proc/self/mounts", "utf8")).not.toContain(join(machine.folder, "network"));
    expect(findLink("up0")).toBeDefined();
  });

  test("a port is described with what the kernel has: its program's tag, and the units that it was made of", async () => {
    await build({ groups: [makeGroup("ten", 10)], uplinks: ["up0"] }, ["ten"]);
    const [port, uplink] = machine.network.describe().switches[0]?.ports ?? [];
    expect(port).toMatchObject({ id: 0x01000002, vlanId: 10, connectee: { kind: "virtualMachine", vm: "1", key: 4000 } });
    expect(port?.programs).toMatchObject([
      { direction: "xdp", units: ["express", "checksum", "mac security", "count", "hand over"] },
      {
        direction: "ingress",
        units: ["parse", "vlan: 10", "mtu: 1500", "mac security", "switch protocols", "count", "table", "forward", "flood"],
      },
    ]);
    expect(port?.programs[0]?.tag).toMatch(/^[0-9a-f]{16}$/);
    expect(uplink).toMatchObject({ id: 0x81000002, connectee: { kind: "uplink", device: "up0" } });
  });

  test("nothing in the namespace has an address, and ports are beside nothing else", async () => {
    await build({ groups: lan, uplinks: ["up0"] }, ["lan"]);
    const links = inNamespace(join(machine.folder, "network", "namespace"), listLinks);
    expect(links.map(({ name }) => name).sort()).toEqual(["lo", "up0", "v1n4000"]);
    expect(links.find(({ name }) => name === "v1n4000")?.queue).toBe("noqueue");
    expect(hasTcx()).toBe(true);
  });
});

const rate = { averageBandwidth: 8e9, peakBandwidth: 8e9, burstSize: 1e9 };
const OPEN_INWARDS = { enabled: true, ...rate, inbound: { enabled: true, ...rate } };

/** What is at clsact. */
function hooksOf(): readonly (readonly [string, string])[] {
  return listLinks().flatMap(({ name, index: ifindex }) =>
    (["ingress", "egress"] as const).flatMap((direction) =>
      clsProgramId({ ifindex, direction }) === undefined ? [] : [[name, direction] as const],
    ),
  );
}

function describePorts({ switches }: { switches: readonly { ports: readonly { id: number; programs: readonly { tag: string }[] }[] }[] }) {
  return switches.map(({ ports }) => ports.map(({ id, programs }) => [id, programs.map(({ tag }) => tag)]));
}
