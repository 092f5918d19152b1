/**
 * Measures the virtual switch against its peers, side by side in one run, and prints the ratios: `npm run bench -- network`. Nothing is
 * asserted: a figure is one of this machine on this day.
 * Taps stand for VMs: what is written to one is what its guest sends. All that a forwarder in the kernel does with a frame is done in the
 * call that writes it, so a frame's cost is the processor time of the sending thread, of which the writing itself is a part that all
 * have alike: it makes all ratios smaller, and what else the machine does meanwhile hardly changes them. Where somebody else does the
 * work (Open vSwitch in user space), or sender and receiver have a processor each, it is the time that passed.
 * Everything that is compared is measured in turns; the figure is the median of the rounds.
 */
import { closeSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { afterAll, beforeAll, describe, test } from "vitest";
import { SKB, SKB_BYTES } from "../src/ebpf/index.ts";
import { programFdById, testRun } from "../src/system/index.ts";
import { median, print } from "./figures.ts";
import { hasNft, makeBridge } from "./network/bridge.ts";
import { takeOffloads, VNET_HEADER_BYTES } from "./network/bursts.mjs";
import { makeCable } from "./network/cable.ts";
import type { Forwarder } from "./network/forwarder.ts";
import { type FrameParts, renewConnection, SEGMENT_BYTES, SMALL_BYTES, tcpSegment, udpFrame } from "./network/frames.ts";
import { burstOf, type Passed, roundTrip, Stream, type Traffic } from "./network/measure.ts";
import { hasOpenVSwitch, makeOpenVSwitch } from "./network/open-vswitch.ts";
import { adoptOwnSwitch, makeFirewall, makeOwnSwitch, nicOf, type OwnSwitch } from "./network/own-switch.ts";
import { streamNs, underLoad } from "./network/workers.ts";

/** Many and short: who has the other processor changes all the time. */
const ROUNDS = 60;
const BURSTS = 5;
const STREAMS = 7;
const SEGMENTS = 16;
const STREAM_MS = 250;
const ROUND_TRIPS = 300;
const THERE: FrameParts = { from: 1, to: 2, bytes: SMALL_BYTES };
const BACK: FrameParts = { from: 2, to: 1, bytes: SMALL_BYTES, sourcePort: 20_000, destinationPort: 10_000 };

describe.skipIf(process.getuid?.() !== 0)("figures of the virtual switch", () => {
  describe("two ports", () => {
    const there: Forwarder[] = [];
    beforeAll(() => makeAll(there), 120_000);
    afterAll(() => removeAll(there), 60_000);
    const among = (...names: readonly string[]) => there.filter(({ name }) => names.includes(name));

    test("small frames", { timeout: 120_000 }, async () => {
      const traffic: Traffic = { frames: burstOf(udpFrame(THERE)) };
      const cost = await sending(inKernel(there), traffic);
      say(`(the machine's load before: ${loadavg()[0]?.toFixed(1)} for ${cpus().length} processors)`);
      say(`small frames (60 B), processor time of the sender (${figure(cost, "cable")} ns by the cable)`);
      ratio("small frames", cost, ["switch", "cable"], 1.15);
      ratio("small frames", cost, ["switch", "bridge"], 1.9);
      ratio("small frames, firewall of 10 rules", cost, ["switch, 10 rules", "cable"], 0.95);
      ratio("small frames, firewall of 10 rules", cost, ["switch, 10 rules", "bridge + conntrack"], 1.9);
      ratio("small frames, firewall of 1,000 rules", cost, ["switch, 1,000 rules", "switch, 10 rules"], 0.97);
      for (const peer of ["bridge", "bridge + nft MAC filter", "bridge + conntrack"]) ratio("small frames", cost, [peer, "cable"]);
      const whole = measureStreams(among("cable", OVS), traffic, (stream) => passed(stream, BURSTS).wholeNs, 10);
      ratio("small frames, bursts there and read", whole, [OVS, "cable"]);
    });

    test("small frames, two processors", { timeout: 120_000 }, async () => {
      const streams = new Map<string, number[]>();
      for (let round = 0; round < STREAMS; round++) {
        for (const one of inKernel(there)) add(streams, one.name, await streamNs(one, udpFrame(THERE), STREAM_MS));
      }
      const cost = medians(streams);
      say(`small frames, sender and receiver on a processor each; nothing else may need them (${figure(cost, "cable")} ns by the cable)`);
      ratio("stream of small frames", cost, ["switch", "cable"], 1.15);
      ratio("stream of small frames", cost, ["switch", "bridge"], 1.9);
      ratio("stream of small frames, firewall", cost, ["switch, 10 rules", "cable"], 0.95);
      ratio("stream of small frames, firewall", cost, ["switch, 10 rules", "bridge + conntrack"], 1.9);
    });

    test("new connections", { timeout: 120_000 }, async () => {
      let connection = 0;
      const bytes = VNET_HEADER_BYTES + SMALL_BYTES;
      const renew = (frames: Buffer) => {
        for (let at = 0; at < frames.length; at += bytes) renewConnection(frames.subarray(at, at + bytes), connection++);
      };
      const traffic: Traffic = { frames: burstOf(udpFrame(THERE)), renew };
      const cost = await sending(inKernel(there), traffic, 20);
      say("each frame a new connection");
      ratio("new connections", cost, ["switch, 10 rules", "bridge + conntrack"], 1.4);
      ratio("new connections", cost, ["switch, 1,000 rules", "switch, 10 rules"], 0.97);
      ratio("new connections", cost, ["switch, 10 rules", "cable"]);
    });

    test("segments", { timeout: 120_000 }, async () => {
      const traffic: Traffic = { frames: burstOf(tcpSegment({ ...THERE, bytes: SEGMENT_BYTES }), SEGMENTS) };
      const kinds = among("cable", "switch", "bridge");
      const cost = await sending(kinds, traffic);
      say(`segments of 60 kB (${figure(cost, "cable")} ns by the cable)`);
      ratio("segments", cost, ["switch", "cable"], 1);
      ratio("segments", cost, ["bridge", "cable"]);
    });

    test("latency", { timeout: 120_000 }, () => {
      const taken = inTurns(there, (one) => roundTrip(one, udpFrame(THERE), udpFrame(BACK), ROUND_TRIPS), 7);
      say(`a round trip on one processor, p50 (${figure(taken, "cable")} ns by the cable, four system calls among them)`);
      for (const [name, value] of taken) {
        const goal = name === "switch" ? 1.05 : undefined;
        if (name !== "cable") compare("latency", { goal, what: `${name} : cable`, better: "less" }, value / (taken.get("cable") ?? 1));
      }
    });

    test("programs alone", { timeout: 60_000 }, () => {
      for (const own of among("switch", "switch, 10 rules", "switch, 1,000 rules") as OwnSwitch[]) {
        const { ns, instructions } = programAlone(own);
        print(`program of the first port alone: ${own.name}`, `${ns} ns a frame  (${instructions} instructions)`);
      }
    });

    test("changes", { timeout: 120_000 }, () => changePorts(among("switch")[0] as OwnSwitch));
  });

  test("many ports", { timeout: 300_000 }, measureScale);
});

const OVS = "Open vSwitch (user space)";

async function makeAll(there: Forwarder[]): Promise<void> {
  there.push(makeCable());
  there.push(await makeOwnSwitch({ ports: 2 }));
  for (const rules of [10, 1000]) {
    there.push(await makeOwnSwitch({ ports: 2, name: `switch, ${rules.toLocaleString("en")} rules`, firewall: makeFirewall(rules) }));
  }
  there.push(makeBridge({ ports: 2 }));
  if (hasNft()) for (const filter of ["addresses", "connections"] as const) there.push(makeBridge({ ports: 2, filter }));
  if (hasOpenVSwitch()) there.push(await makeOpenVSwitch());
  for (const one of there) meet(one);
  for (const one of there) for (const fd of one.ends) takeOffloads(fd);
}

async function removeAll(there: Forwarder[]): Promise<void> {
  for (const one of there.splice(0)) await one.remove();
}

/** Who learns addresses learns them now; and links are in use. */
function meet(one: Forwarder): void {
  for (let tries = 0; ; tries++) {
    try {
      roundTrip(one, udpFrame(THERE), udpFrame(BACK), 2);
      return;
    } catch (error) {
      if (tries === 5) throw new Error(`${one.name} passes nothing`, { cause: error });
    }
  }
}

const inKernel = (there: readonly Forwarder[]) => there.filter(({ name }) => name !== OVS);

function passed(stream: Stream, bursts: number): Passed {
  const result = stream.pass(bursts);
  if (result.lost > 0) say(`  ${stream.name} lost ${result.lost} frames`);
  return result;
}

/** Our switch looks every second at what a guest sends. */
const KNOWN_MS = 2500;

/** What a frame costs its sender, once the traffic has gone on for a while. */
async function sending(kinds: readonly Pick<Forwarder, "name" | "ends">[], traffic: Traffic, rounds = ROUNDS): Promise<Costs> {
  await goOn(() => measureStreams(kinds, traffic, (stream) => passed(stream, 1).sendNs, 1));
  return measureStreams(kinds, traffic, (stream) => passed(stream, BURSTS).sendNs, rounds);
}

async function goOn(deed: () => void): Promise<void> {
  for (const until = performance.now() + KNOWN_MS; performance.now() < until; ) {
    deed();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function measureStreams(
  kinds: readonly Pick<Forwarder, "name" | "ends">[],
  traffic: Traffic,
  measure: (stream: Stream) => number,
  rounds: number,
): Costs {
  const streams = kinds.map((one) => new Stream(one, traffic));
  try {
    return inTurns(streams, measure, rounds);
  } finally {
    for (const stream of streams) stream[Symbol.dispose]();
  }
}

type Costs = ReadonlyMap<string, number>;

function inTurns<Kind extends { readonly name: string }>(kinds: readonly Kind[], measure: (one: Kind) => number, rounds: number): Costs {
  const figures = new Map<string, number[]>();
  // The first round is for caches.
  for (let round = 0; round <= rounds; round++) {
    for (const one of kinds) {
      const cost = measure(one);
      if (round > 0) add(figures, one.name, cost);
    }
  }
  return medians(figures);
}

function add(figures: Map<string, number[]>, name: string, value: number): void {
  figures.set(name, [...(figures.get(name) ?? []), value]);
}

function medians(figures: ReadonlyMap<string, readonly number[]>): Costs {
  return new Map([...figures].map(([name, values]) => [name, median(values)]));
}

/** By BPF_PROG_TEST_RUN: without the tap, and without the delivery. */
function programAlone({ network }: OwnSwitch) {
  const program = network.describe().switches[0]?.ports[0]?.programs.find(({ direction }) => direction === "ingress");
  const fd = programFdById(program?.id ?? 0);
  if (fd === undefined) throw new Error("the first port has no program");
  try {
    const context = Buffer.alloc(SKB_BYTES);
    context.writeUInt32LE(1, SKB.ifindex); // the loopback's: every namespace has it
    const run = () => testRun(fd, { frame: udpFrame(THERE).subarray(VNET_HEADER_BYTES), repeat: 200_000, context }).nsPerRun;
    return { ns: median([run(), run(), run()]), instructions: program?.instructions ?? 0 };
  } finally {
    closeSync(fd);
  }
}

const CHANGES = 10_000;
const CHANGES_MS_MAX = 30_000;

/** A firewall in place of another, again and again, while frames pass. */
async function changePorts(own: OwnSwitch): Promise<void> {
  const firewalls = [makeFirewall(10, 1000), makeFirewall(10, 2000)];
  const taken: number[] = [];
  const { sent, lost } = await underLoad(own, udpFrame(THERE), async () => {
    const until = performance.now() + CHANGES_MS_MAX;
    while (taken.length < CHANGES && performance.now() < until) {
      const started = performance.now();
      await own.network.change(nicOf(1, firewalls[taken.length % 2]), true);
      taken.push(performance.now() - started);
    }
  });
  say("a port changes while frames pass");
  print("frames lost (goal 0)", `${lost} of ${sent} during ${taken.length} changes`);
  print("a change: plan, compile, load, swap, record", `${median(taken).toFixed(2)} ms, the median`);
}

const SIZES = [256, 1000] as const;
const FLOODS = 4;
/** Plugged in one after the other, as VMs come. */
const PLUGGED = 32;

async function measureScale(): Promise<void> {
  say("many ports");
  const there: Forwarder[] = [];
  try {
    const plugged = await makeOwnSwitch({ ports: PLUGGED });
    there.push(plugged);
    print(`a port plugged in, one of ${PLUGGED} after each other`, `${plugged.plugInMs.toFixed(1)} ms`);
    const small = await makeOwnSwitch({ ports: 2, name: "2 ports" });
    there.push(small);
    for (const ports of SIZES) await measureSize(small, ports);
  } finally {
    await removeAll(there);
  }
}

async function measureSize(small: Forwarder, ports: number): Promise<void> {
  const there: Forwarder[] = [];
  try {
    const own = await adoptOwnSwitch(ports);
    there.push(own);
    const started = performance.now();
    const bridge = makeBridge({ ports });
    there.push(bridge);
    const bridgeMs = performance.now() - started;
    print(
      `building a switch of ${ports} ports at once${ports === 1000 ? " (goal ≤ 2 s)" : ""}`,
      `${seconds(own.builtMs)}  (a bridge ${seconds(bridgeMs)})`,
    );
    await measureUnicast(small, own);
    await measureFlood(own, bridge);
  } finally {
    await removeAll(there);
  }
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

async function measureUnicast(small: Forwarder, own: Forwarder): Promise<void> {
  for (const one of [small, own]) for (const fd of one.ends) takeOffloads(fd);
  const many = { ...own, name: `${own.ends.length} ports` };
  const streams = [small, many].map((one) => new Stream(one, { frames: burstOf(udpFrame({ ...THERE, to: one.ends.length })) }));
  await goOn(() => inTurns(streams, (stream) => passed(stream, 1).sendNs, 1));
  const cost = inTurns(streams, (stream) => passed(stream, BURSTS).sendNs, ROUNDS);
  for (const stream of streams) stream[Symbol.dispose]();
  ratio("unicast", cost, [many.name, small.name], 0.97);
}

async function measureFlood(own: Forwarder, bridge: Forwarder): Promise<void> {
  for (const one of [own, bridge]) for (const fd of one.ends) takeOffloads(fd);
  const copies = own.ends.length - 1;
  const to = Array.from({ length: copies }, (_, n) => n + 1);
  const frame = udpFrame({ ...THERE, to: "everybody" });
  const traffic: Traffic = { frames: burstOf(frame, FLOODS), to };
  const costs = await sending([own, bridge], traffic, 10);
  const cost = new Map([...costs].map(([name, ns]) => [name, ns / copies]));
  const what = `flood to ${copies} ports, per copy (${figure(cost, "switch")} : ${figure(cost, "bridge")} ns)`;
  compare(what, { goal: 1, what: "switch : bridge", better: "more" }, (cost.get("bridge") ?? 0) / (cost.get("switch") ?? 1));
}

function figure(costs: Costs, name: string): string {
  return (costs.get(name) ?? Number.NaN).toFixed(0);
}

/** Of speeds: how many frames the one passes while the other passes one. Nothing is printed where one is not there. */
function ratio(what: string, costs: Costs, [one, other]: readonly [one: string, other: string], goal?: number): void {
  const [a, b] = [costs.get(one), costs.get(other)];
  if (a !== undefined && b !== undefined) compare(what, { goal, what: `${one} : ${other}`, better: "more" }, b / a);
}

function compare(
  title: string,
  { goal, what, better }: { readonly goal?: number | undefined; readonly what: string; readonly better: "more" | "less" },
  value: number,
): void {
  if (Number.isNaN(value)) return;
  const isMet = goal === undefined || (better === "more" ? value >= goal : value <= goal);
  const beside = goal === undefined ? "" : ` (goal ${better === "more" ? "≥" : "≤"} ${goal.toFixed(2)})`;
  print(`${title}, ${what}${beside}`, `${value.toFixed(2)}${isMet ? "" : "  missed"}`);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
