import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { hasXdpSums, inNamespace, readLinkLoads } from "../../system/index.ts";
import { hasBpf } from "./compile/compile.fixture.ts";
import type { Firewall } from "./config.ts";
import { BROADCAST, frame, IPV4_TYPE, icmp, ipv4, PROTOCOLS, SYN, tcp, udp } from "./frames.fixture.ts";
import { TestMachine, VIRTIO_HEADER_BYTES } from "./machine.fixture.ts";
import { macOf, makeGroup, makeNic, makeSwitch } from "./network.fixture.ts";
import { checksumOf, IPV6_TYPE, ipv6, withChecksum } from "./sums.fixture.ts";

const [A, B, C] = [macOf(1), macOf(2), macOf(3)];
const STRANGER = "02:00:00:00:00:99";
const ETHERNET_BYTES = 14;
/** struct virtio_net_hdr: flags, segmentation, length of headers, of a segment, where the checksum begins, and where in there it is. */
const header = (needsSum: boolean, at: number, within: number, segment = 0): Buffer => {
  const bytes = Buffer.alloc(VIRTIO_HEADER_BYTES);
  bytes.writeUInt8(needsSum ? 1 : 0, 0);
  bytes.writeUInt8(segment > 0 ? 1 : 0, 1);
  bytes.writeUInt16LE(segment > 0 ? at + 20 : 0, 2);
  bytes.writeUInt16LE(segment, 4);
  bytes.writeUInt16LE(needsSum ? at : 0, 6);
  bytes.writeUInt16LE(needsSum ? within : 0, 8);
  return bytes;
};
const EMPTY = header(false, 0, 0);
const rate = { averageBandwidth: 8e9, peakBandwidth: 8e9, burstSize: 1e9 };
const GROUPS = [
  makeGroup("lan", 0),
  makeGroup("ten", 10),
  makeGroup("shaped", 0, { shaping: { enabled: false, ...rate, inbound: { enabled: true, ...rate } } }),
];

let machine: TestMachine;
beforeEach(async () => {
  if (!hasBpf) return;
  machine = new TestMachine();
  await machine.network.configure({ switches: [makeSwitch({ groups: GROUPS })] });
  for (const [name, vm] of [
    ["a", 1],
    ["b", 2],
  ] as const) {
    // biome-ignore format: pairs
    await machine.plug(name, makeNic(vm, "lan"));
    machine.takeSegments(name);
  }
});
afterEach(async () => {
  if (hasBpf) await machine[Symbol.asyncDispose]();
});

const dropped = () => {
  const ports = machine.network.describe().switches.flatMap((one) => one.ports);
  return Object.assign({}, ...ports.map(({ counters }) => counters.dropped));
};
const sentBy = (mac: string) => {
  const ports = machine.network.describe().switches.flatMap((one) => one.ports);
  return ports.find(({ effectiveMac }) => effectiveMac === mac)?.counters;
};
/** What arrives of it at each guest, each with its virtio header. */
const arrivals = (from: string, head: Buffer, bytes: Buffer): Readonly<Record<string, string>> => {
  machine.receiveWhole();
  machine.sendWith(head, from, bytes);
  return Object.fromEntries(
    machine.receiveWhole().map(({ port, head: got, frame: arrived }) => [port, Buffer.concat([got, arrived]).toString("hex")]),
  );
};
const whole = (head: Buffer, bytes: Buffer) => Buffer.concat([head, bytes]).toString("hex");

/** From a guest of Linux, as it sends them: from A to B, with what its adapter is asked for. */
const IPV4_ENDS = { from: "10.0.0.1", to: "10.0.0.2" };
const IPV6_ENDS = { from: "fd00::1", to: "fd00::2" };
const datagram = (bytes: number) => udp(1000, 2000, Buffer.alloc(bytes, 0x61));
const segment = (bytes: number) => Buffer.concat([tcp(1000, 2000, SYN), Buffer.alloc(bytes, 0x62)]);
const over4 = (protocol: number, payload: Buffer, ends = { to: B, from: A }) =>
  frame({ ...ends, type: IPV4_TYPE, payload: ipv4({ ...IPV4_ENDS, protocol, payload }) });
const over6 = (next: number, payload: Buffer) => frame({ to: B, from: A, type: IPV6_TYPE, payload: ipv6({ ...IPV6_ENDS, next, payload }) });
const PACKETS: readonly (readonly [string, Buffer, number])[] = [
  ["a datagram", over4(PROTOCOLS.udp, datagram(18)), 34],
  ["an empty datagram", over4(PROTOCOLS.udp, datagram(0)), 34],
  ["one of an odd length", over4(PROTOCOLS.udp, datagram(33)), 34],
  ["the longest one", over4(PROTOCOLS.udp, datagram(376)), 34],
  ["a segment", over4(PROTOCOLS.tcp, segment(0)), 34],
  ["a segment with data", over4(PROTOCOLS.tcp, segment(101)), 34],
  ["a datagram of IPv6", over6(PROTOCOLS.udp, datagram(5)), 54],
  ["a segment of IPv6", over6(PROTOCOLS.tcp, segment(7)), 54],
];
const placeOf = (bytes: Buffer, at: number) => (bytes.readUInt8(at === 34 ? 23 : 20) === PROTOCOLS.tcp ? 16 : 6);

describe.skipIf(!hasBpf || !hasXdpSums())("what is handed over at XDP", () => {
  test.each(PACKETS)("%s whose checksum is left to the adapter arrives with it, and nothing is left to do", (_, bytes, at) => {
    const within = placeOf(bytes, at);
    expect(arrivals("a", header(true, at, within), withChecksum(bytes, "left"))).toEqual({ b: whole(EMPTY, withChecksum(bytes, "whole")) });
    expect(sentBy(A)).toMatchObject({ sentFrames: 1, sentBytes: bytes.length, dropped: {} });
  });

  test.each(PACKETS)("%s with its checksum arrives as it is", (_, bytes) => {
    const summed = withChecksum(bytes, "whole");
    expect(arrivals("a", EMPTY, summed)).toEqual({ b: whole(EMPTY, summed) });
  });

  test("the kernel counts it at both taps, as it does what tc delivers", () => {
    const loads = () => {
      const found = inNamespace(join(machine.folder, "network", "namespace"), readLinkLoads);
      return ["v1n4000", "v2n4000"].map((device) => found.find(({ name }) => name === device));
    };
    const [sender, receiver] = loads();
    arrivals("a", EMPTY, withChecksum(over4(PROTOCOLS.udp, datagram(18)), "whole"));
    const [senderNow, receiverNow] = loads();
    expect((senderNow?.receivedPackets ?? 0) - (sender?.receivedPackets ?? 0)).toBe(1);
    expect((receiverNow?.transmittedPackets ?? 0) - (receiver?.transmittedPackets ?? 0)).toBe(1);
    expect((receiverNow?.transmittedBytes ?? 0) - (receiver?.transmittedBytes ?? 0)).toBe(60 + VIRTIO_HEADER_BYTES);
  });

  test("a checksum of 0, which says that there is none, is written as its other form", () => {
    const sum = checksumOf(withChecksum(over4(PROTOCOLS.udp, udp(1000, 2000, Buffer.alloc(2))), "whole"));
    const bytes = over4(PROTOCOLS.udp, udp(1000, 2000, Buffer.from([sum >> 8, sum & 0xff])));
    const [arrived = ""] = Object.values(arrivals("a", header(true, 34, 6), withChecksum(bytes, "left")));
    expect(arrived.slice(2 * (VIRTIO_HEADER_BYTES + 40), 2 * (VIRTIO_HEADER_BYTES + 42))).toBe("ffff");
  });

  test("what a program there cannot know to be whole goes by tc, as it came, with what its guest says of it", () => {
    const left = withChecksum(over4(PROTOCOLS.udp, datagram(377)), "left");
    expect(arrivals("a", header(true, 34, 6), left)).toEqual({ b: whole(header(true, 34, 6), left) });
    const wrong = withChecksum(over4(PROTOCOLS.udp, datagram(9)), "whole");
    wrong.writeUInt16BE(wrong.readUInt16BE(40) ^ 0x100, 40);
    const options = frame({
      to: B,
      from: A,
      type: IPV4_TYPE,
      payload: withOption(ipv4({ ...IPV4_ENDS, protocol: 17, payload: datagram(9) })),
    });
    const fragment = frame({
      to: B,
      from: A,
      type: IPV4_TYPE,
      payload: ipv4({ ...IPV4_ENDS, protocol: 17, payload: datagram(8), more: true }),
    });
    const others = [
      ["a wrong checksum", wrong],
      ["none", over4(PROTOCOLS.udp, datagram(9))],
      ["options of IP", options],
      ["a fragment", fragment],
      ["an echo", over4(PROTOCOLS.icmp, icmp(8, Buffer.alloc(12)))],
      ["no packet of IP", frame({ to: B, from: A })],
      ["a length that lies", Buffer.concat([over4(PROTOCOLS.udp, datagram(9)).subarray(0, 45)])],
    ] as const;
    for (const [what, bytes] of others) expect([what, arrivals("a", EMPTY, bytes)]).toEqual([what, { b: whole(EMPTY, bytes) }]);
  });

  test("segments that are to be cut keep what their guest said of them, and the sum that it left", () => {
    const bytes = withChecksum(over4(PROTOCOLS.tcp, segment(537)), "left");
    const head = header(true, 34, 16, 536);
    const arrived = Buffer.from(arrivals("a", head, bytes).b ?? "", "hex");
    head.copy(arrived, 2, 2, 4); // how much of it lies in one piece is the kernel's to say
    expect(arrived.toString("hex")).toBe(whole(head, bytes));
  });

  test("a tunnel in which a checksum is left arrives with what its guest says of that", () => {
    const inner = withChecksum(over4(PROTOCOLS.tcp, segment(10)), "left");
    const outer = withChecksum(over4(PROTOCOLS.udp, udp(4789, 4789, inner)), "whole");
    // As if the inner one were done: so a sender does who leaves one checksum alone to its adapter.
    const innerDone = withChecksum(over4(PROTOCOLS.tcp, segment(10)), "whole");
    withChecksum(over4(PROTOCOLS.udp, udp(4789, 4789, innerDone)), "whole").copy(outer, 40, 40, 42);
    const head = header(true, 34 + 8 + 34, 16);
    expect(arrivals("a", head, outer)).toEqual({ b: whole(head, outer) });
  });

  test("another's address as the sender's is refused there as at tc, and counted once", () => {
    const forged = withChecksum(over4(PROTOCOLS.udp, datagram(4), { to: B, from: STRANGER }), "whole");
    expect(arrivals("a", EMPTY, forged)).toEqual({});
    expect(sentBy(A)).toMatchObject({ sentFrames: 0, dropped: { forgedTransmit: 1 } });
  });

  test("groups, nobody and the sender itself are tc's to know", async () => {
    await machine.plug("c", makeNic(3, "lan"));
    const to = (mac: string) => withChecksum(over4(PROTOCOLS.udp, datagram(4), { to: mac, from: A }), "whole");
    expect(Object.keys(arrivals("a", EMPTY, to(BROADCAST)))).toEqual(["b", "c"]);
    expect(arrivals("a", EMPTY, to(STRANGER))).toEqual({});
    expect(arrivals("a", EMPTY, to(A))).toEqual({});
    expect(dropped()).toEqual({ unknownDestination: 1, ownAddress: 1 });
  });

  test("a guest that is in a VLAN reaches its neighbour there, and nobody else", async () => {
    await machine.plug("c", makeNic(3, "ten"));
    await machine.plug("d", makeNic(4, "ten"));
    machine.takeSegments("d");
    const to = (mac: string) => withChecksum(over4(PROTOCOLS.udp, datagram(4), { to: mac, from: C }), "left");
    expect(arrivals("c", header(true, 34, 6), to(macOf(4)))).toEqual({
      d: whole(EMPTY, withChecksum(over4(PROTOCOLS.udp, datagram(4), { to: macOf(4), from: C }), "whole")),
    });
    expect(arrivals("c", header(true, 34, 6), to(B))).toEqual({});
    const tagged = frame({
      to: macOf(4),
      from: C,
      tags: [{ control: 10 }],
      type: IPV4_TYPE,
      payload: to(macOf(4)).subarray(ETHERNET_BYTES),
    });
    expect(arrivals("c", EMPTY, tagged)).toEqual({});
  });
});

const toPort = (port: number): Firewall => ({
  rules: [{ direction: "both", action: "allow", protocol: "udp", remotePorts: { first: port, last: port } }],
  otherwise: "deny",
});

describe.skipIf(!hasBpf || !hasXdpSums())("whoever has to be asked is asked", () => {
  const LEFT = withChecksum(over4(PROTOCOLS.udp, datagram(4)), "left");
  const WHOLE = withChecksum(over4(PROTOCOLS.udp, datagram(4)), "whole");
  const HEAD = header(true, 34, 6);
  const BY_TC = { b: whole(HEAD, LEFT) };
  const BY_XDP = { b: whole(EMPTY, WHOLE) };
  const sent = () => arrivals("a", HEAD, LEFT);

  test("the sender's firewall judges there, and knows the answer by the same connection", async () => {
    await machine.network.change({ ...makeNic(1, "lan"), firewall: toPort(2000) }, true);
    expect(sent()).toEqual(BY_XDP);
    const answer = frame({
      to: A,
      from: B,
      type: IPV4_TYPE,
      payload: ipv4({ from: IPV4_ENDS.to, to: IPV4_ENDS.from, protocol: 17, payload: udp(2000, 1000) }),
    });
    expect(Object.keys(arrivals("b", EMPTY, withChecksum(answer, "whole")))).toEqual(["a"]);
    await machine.network.change({ ...makeNic(1, "lan"), firewall: toPort(9) }, true);
    const another = withChecksum(over4(PROTOCOLS.udp, udp(1001, 2000)), "whole");
    expect(arrivals("a", EMPTY, another)).toEqual({});
    expect(sentBy(A)?.dropped).toEqual({ firewall: 1 });
  });

  test.each<[string, () => Promise<void>, Readonly<Record<string, string>>]>([
    ["has a firewall that lets it in", () => change({ ...makeNic(2, "lan"), firewall: toPort(1000) }), BY_TC],
    ["has a firewall that does not", () => change({ ...makeNic(2, "lan"), firewall: toPort(9) }), {}],
    ["is shaped", () => change(makeNic(2, "shaped")), BY_TC],
    ["took another address", () => change({ ...makeNic(2, "lan"), effectiveMac: STRANGER }), {}],
    ["has its cable out", () => change(makeNic(2, "lan"), false), {}],
    ["went to another VLAN", () => change(makeNic(2, "ten")), {}],
    ["asked for no group", () => change({ ...makeNic(2, "lan"), groups: { broadcast: false, multicast: [] } }), BY_XDP],
  ])("a receiver that %s", async (_, change, arrived) => {
    expect(sent()).toEqual(BY_XDP);
    await change();
    expect(sent()).toEqual(arrived);
    await machine.network.change(makeNic(2, "lan"), true);
    expect(sent()).toEqual(BY_XDP);
  });
  const change = (nic: ReturnType<typeof makeNic>, connected = true) => machine.network.change(nic, connected);

  test.each<[string, () => Promise<void>, Readonly<Record<string, string>>]>([
    ["whose cable is out", () => change(makeNic(1, "lan"), false), {}],
    ["whose port group is gone", () => change(makeNic(1, "nowhere")), {}],
    ["that went to another VLAN", () => change(makeNic(1, "ten")), {}],
  ])("a sender %s", async (_, change, arrived) => {
    expect(sent()).toEqual(BY_XDP);
    await change();
    expect(sent()).toEqual(arrived);
    await machine.network.change(makeNic(1, "lan"), true);
    expect(sent()).toEqual(BY_XDP);
  });

  test("a promiscuous port sees what others send to each other", async () => {
    const spy = makeGroup("spy", 0, { security: { allowPromiscuous: true } });
    await machine.network.configure({ switches: [makeSwitch({ groups: [...GROUPS, spy] })] });
    await machine.plug("spy", makeNic(3, "spy"));
    expect(Object.keys(sent())).toEqual(["b", "spy"]);
    await machine.network.configure({ switches: [makeSwitch({ groups: [...GROUPS, makeGroup("spy", 0)] })] });
    expect(sent()).toEqual(BY_XDP);
  });

  test("it outlives vmkernel, and the next one takes it away from a port as its own", async () => {
    machine.network.close();
    expect(sent()).toEqual(BY_XDP);
    machine.network = machine.anotherVmkernel();
    await machine.network.adopt();
    expect(sent()).toEqual(BY_XDP);
    machine.network.close();
    machine.network = machine.anotherVmkernel({ features: { hasTcx: true, hasOpenLoops: true, hasExpress: false } });
    await machine.network.adopt();
    expect(sent()).toEqual(BY_TC);
  });

  test("a change that fails leaves it as it was", async () => {
    const broken = makeSwitch({ groups: GROUPS, uplinks: ["there-is-none-of-this-name"] });
    await expect(machine.network.configure({ switches: [broken, broken] })).rejects.toThrow();
    expect(sent()).toEqual(BY_XDP);
  });
});

/** One word of them: no operation. */
function withOption(packet: Buffer): Buffer {
  const bytes = Buffer.concat([packet.subarray(0, 20), Buffer.alloc(4, 1), packet.subarray(20)]);
  bytes.writeUInt8(0x46, 0);
  bytes.writeUInt16BE(bytes.length, 2);
  return bytes;
}
