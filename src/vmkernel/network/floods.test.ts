import { writeSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { hasBpf } from "./compile/compile.fixture.ts";
import { GROUP_FRAMES_BURST } from "./compile/group-limit.ts";
import { BROADCAST, frame, IPV4_TYPE, ipv4, PROTOCOLS, udp } from "./frames.fixture.ts";
import { TestMachine, VIRTIO_HEADER_BYTES } from "./machine.fixture.ts";
import { macOf, makeGroup, makeNic, makeSwitch } from "./network.fixture.ts";

/**
 * What one guest sends too much of is no loss of its neighbours'. The receivers are not read before a burst is over that is more than a
 * tap has room for, as if theirs were guests that have to wait for a processor.
 * How much of a neighbour's traffic arrives at its own rate, beside a flood that never ends, `npm run bench -- network` measures.
 */

const [A, B, C] = [macOf(1), macOf(2), macOf(3)];
const STRANGER = "02:00:00:00:00:99";
/** A tap has room for 1,000 frames. */
const BURST = 1200;
const ROUNDS = 5;
/** A burst that takes longer is no flood: at the rate that is allowed it may fill a tap. */
const BURST_MS = 70;
const TRIES_MAX = 400;
const rate = { averageBandwidth: 8_000_000, peakBandwidth: 80_000_000, burstSize: 100_000 };
const groups = [makeGroup("lan", 0), makeGroup("shaped", 0, { shaping: { enabled: true, ...rate } })];
const ALLOWED = { rules: [{ direction: "both", action: "allow", protocol: "udp" }], otherwise: "deny" } as const;

let machine: TestMachine;
beforeEach(async () => {
  if (!hasBpf) return;
  machine = new TestMachine(["up0"]);
  await machine.network.configure({ switches: [makeSwitch({ groups, uplinks: ["up0"] })] });
  await machine.plug("a", makeNic(1, "lan", { firewall: { ...ALLOWED, otherwise: "allow" } }));
  await machine.plug("b", makeNic(2, "shaped"));
  await machine.plug("c", makeNic(3, "lan", { firewall: { ...ALLOWED, otherwise: "allow" } }));
  machine.receive();
});
afterEach(async () => {
  if (hasBpf) await machine[Symbol.asyncDispose]();
});

const datagram = (from: string, to: string, connection: number) =>
  frame({
    from,
    to,
    type: IPV4_TYPE,
    payload: ipv4({
      from: `10.1.${connection >> 15}.1`,
      to: "10.0.0.3",
      protocol: PROTOCOLS.udp,
      payload: udp(1 + (connection & 0x7fff), 53, Buffer.alloc(18)),
    }),
  });

/** What did not arrive of the neighbours' frames, and how many of the flood came to b, of how many. */
function flood(frameOf: (n: number) => Buffer): { lost: number; flooded: number; sent: number } {
  let [lost, flooded, sent] = [0, 0, 0];
  const mine = [
    ["b", "c", frame({ from: B, to: C })],
    ["c", "b", frame({ from: C, to: B })],
    ["b", "up0", frame({ from: B, to: STRANGER })],
  ] as const;
  const fd = machine.fdOf("a");
  for (let [floods, tries] = [0, 0]; floods < ROUNDS; tries++) {
    if (tries === TRIES_MAX) throw new Error("this machine has no time for a flood");
    const frames = Array.from({ length: BURST }, (_, n) => Buffer.concat([Buffer.alloc(VIRTIO_HEADER_BYTES), frameOf(sent + n)]));
    const started = performance.now();
    for (const bytes of frames) writeSync(fd, bytes);
    for (const [from, , bytes] of mine) machine.send(from, bytes);
    const tookMs = performance.now() - started;
    sent += BURST;
    const received = machine.receive();
    flooded += received.filter((one) => one.port === "b" && !one.frame.equals(mine[1][2])).length;
    if (tookMs > BURST_MS) continue;
    floods++;
    for (const [, to, bytes] of mine) lost += received.some((one) => one.port === to && one.frame.equals(bytes)) ? 0 : 1;
  }
  return { lost, flooded, sent };
}

describe.skipIf(!hasBpf)("a flood from one guest", () => {
  test.each<[string, (n: number) => Buffer]>([
    ["broadcasts", () => frame({ from: A, to: BROADCAST })],
    ["multicasts, each to another group", (n) => frame({ from: A, to: `01:00:5e:00:${hex(n >> 8)}:${hex(n)}` })],
    ["frames to itself", () => frame({ from: A, to: A })],
    ["frames with forged addresses", (n) => frame({ from: macOf(4 + (n & 0xfff)), to: B })],
    ["broadcast connections, each a new one", (n) => datagram(A, BROADCAST, n)],
  ])("of %s costs its neighbours no frame", (_, frameOf) => {
    expect(flood(frameOf).lost).toBe(0);
  });

  test("of broadcasts is cut at what its port may send of them, which is counted, and others' broadcasts still pass", () => {
    const { flooded, sent } = flood(() => frame({ from: A, to: BROADCAST }));
    const [port] = machine.network.describe().switches[0]?.ports ?? [];
    expect(flooded).toBeGreaterThanOrEqual(GROUP_FRAMES_BURST);
    expect(port?.counters.dropped.groupFlood).toBeGreaterThan(0);
    expect(port?.counters.dropped.groupFlood).toBeLessThanOrEqual(sent - flooded); // taps drop too, where a burst was slow
    expect(machine.reach("c", frame({ from: C, to: BROADCAST }))).toBe("up0 a b");
  });

  test("of new connections through its firewall leaves its neighbour's connection as it is, through the neighbour's own firewall too", async () => {
    const closed = { ...ALLOWED, rules: [{ direction: "out", action: "allow", protocol: "udp" }], otherwise: "deny" } as const;
    await machine.network.change(makeNic(2, "lan", { firewall: closed }), true);
    const asked = frame({
      from: B,
      to: C,
      type: IPV4_TYPE,
      payload: ipv4({ from: "10.0.0.2", to: "10.0.0.3", protocol: PROTOCOLS.udp, payload: udp(7, 53) }),
    });
    const reply = frame({
      from: C,
      to: B,
      type: IPV4_TYPE,
      payload: ipv4({ from: "10.0.0.3", to: "10.0.0.2", protocol: PROTOCOLS.udp, payload: udp(53, 7) }),
    });
    let connection = 0;
    for (let round = 0; round < 100; round++) {
      for (let n = 0; n < 400; n++) machine.send("a", datagram(A, C, connection++));
      expect([machine.reach("b", asked), machine.reach("c", reply)]).toEqual(["c", "b"]);
    }
    expect(connection).toBeGreaterThan(2 * 16_384); // the firewall at c has seen more of them than it has room for
  });
});

function hex(byte: number): string {
  return (byte & 0xff).toString(16).padStart(2, "0");
}
