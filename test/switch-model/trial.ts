/**
 * The model and the kernel, given the same random networks and the same random frames: each frame must come out at the same ports as
 * the same bytes. Whatever they disagree on is told with all that is needed to look at it again.
 */
import type { PortAttachment, VirtualNetwork } from "../../src/vmkernel/network/index.ts";
import { withSum } from "./build-frame.ts";
import { DropCounts } from "./drop-counts.ts";
import { Random } from "./random.ts";
import { FrameSource, type SentFrame } from "./random-frame.ts";
import { type RandomNetwork, randomNetwork, randomUplinks } from "./random-network.ts";
import { type PluggedNic, SwitchModel, type Verdict } from "./switch-model.ts";
import type { ReceivedFrame, Taps } from "./taps.ts";

/** So many configurations follow from each other: the same uplinks, most NICs as they were, connections that firewalls know. */
const ROUNDS_TOGETHER = 10;

export interface TrialParts {
  readonly network: VirtualNetwork;
  /** With the uplinks; NICs are added as they are plugged in. */
  readonly taps: Taps;
  readonly seed: number;
}

/** Numbers of configurations; those that belong together follow from the seed and their numbers alone. */
export interface Rounds {
  /** A multiple of ten. */
  readonly first: number;
  readonly count: number;
  readonly framesEach: number;
}

export interface Tally {
  readonly configurations: number;
  readonly frames: number;
  /** Frames that came out somewhere. */
  readonly delivered: number;
  /** At most one of those that belong together: what follows is often of the same cause. */
  readonly mismatches: readonly string[];
}

interface GrowingTally {
  configurations: number;
  frames: number;
  delivered: number;
  readonly mismatches: string[];
}

export class Trial {
  readonly #parts: TrialParts;
  readonly #model = new SwitchModel();
  readonly #attachments = new Map<string, PortAttachment>();
  /** As they are plugged in. */
  readonly #applied = new Map<string, PluggedNic>();
  /** What the model is told of a network: the truth. */
  #told = (network: RandomNetwork): RandomNetwork => network;

  constructor(parts: TrialParts) {
    this.#parts = parts;
  }

  /** Runs with a model that is told something else of each network: then there must be mismatches. */
  async runTold(told: (network: RandomNetwork) => RandomNetwork, rounds: Rounds): Promise<Tally> {
    this.#told = told;
    try {
      return await this.run(rounds);
    } finally {
      this.#told = (network) => network;
    }
  }

  async run({ first, count, framesEach }: Rounds): Promise<Tally> {
    const tally = { configurations: 0, frames: 0, delivered: 0, mismatches: [] as string[] };
    for (let round = first; round < first + count; round += ROUNDS_TOGETHER) {
      await this.#runTogether(round, Math.min(ROUNDS_TOGETHER, first + count - round), framesEach, tally);
    }
    return tally;
  }

  async #runTogether(first: number, count: number, framesEach: number, tally: GrowingTally): Promise<void> {
    const random = new Random(this.#parts.seed + first * 7919);
    const uplinks = randomUplinks(random);
    let before: readonly PluggedNic[] = [];
    for (let number = first; number < first + count; number++) {
      const network = randomNetwork(random, { round: first / ROUNDS_TOGETHER, uplinks, before });
      before = network.nics;
      await this.#apply(network);
      tally.configurations++;
      const where = { seed: this.#parts.seed, number };
      const problem = this.#sendAll(new FrameSource(random.fork(), network), framesEach, tally);
      if (problem === undefined) continue;
      tally.mismatches.push(describeMismatch(where, network, problem));
      return;
    }
  }

  /** @returns what they disagreed on, if anything */
  #sendAll(frames: FrameSource, count: number, tally: GrowingTally): readonly string[] | undefined {
    const before = DropCounts.of(this.#parts.network.describe());
    const drops = new DropCounts();
    for (let number = 0; number < count; number++) {
      const outcome = this.#try(frames.next());
      tally.frames++;
      if (outcome.kernel.length > 0) tally.delivered++;
      if (!outcome.agrees) return [`frame ${number}`, ...describeOutcome(outcome)];
      for (const drop of outcome.model.drops) drops.add(drop);
    }
    const differences = drops.differences(DropCounts.of(this.#parts.network.describe()).since(before));
    return differences.length === 0 ? undefined : ["dropped by the model and by the kernel:", ...differences];
  }

  [Symbol.dispose](): void {
    for (const attachment of this.#attachments.values()) attachment[Symbol.dispose]();
    this.#attachments.clear();
  }

  /** Step by step, the model too: a NIC that is nowhere between two steps is so in both. */
  async #apply(network: RandomNetwork): Promise<void> {
    const { config, nics } = network;
    await this.#parts.network.configure(config);
    this.#tell(network);
    for (const plugged of nics) {
      if (this.#applied.get(plugged.name) === plugged) continue;
      await this.#applyNic(plugged);
      this.#applied.set(plugged.name, plugged);
      this.#tell(network);
    }
  }

  #tell(network: RandomNetwork): void {
    const { config, nics } = this.#told({ ...network, nics: [...this.#applied.values()] });
    this.#model.configure(config, nics);
  }

  async #applyNic({ name, nic, connected }: PluggedNic): Promise<void> {
    if (this.#attachments.has(name)) return this.#parts.network.change(nic, connected);
    const attachment = await this.#parts.network.plugIn(nic, connected);
    this.#attachments.set(name, attachment);
    this.#parts.taps.add(name, attachment.fd);
  }

  #try(sent: SentFrame): Outcome {
    const model = this.#model.send(sent.port, sent.left === undefined ? sent.bytes : withSum(sent.bytes, sent.left, "whole"));
    this.#parts.taps.send(sent.port, sent.bytes, sent);
    const kernel = this.#parts.taps.receive();
    return { sent, model, kernel, agrees: isSame(model, kernel) };
  }
}

interface Outcome {
  readonly sent: SentFrame;
  readonly model: Verdict;
  readonly kernel: readonly ReceivedFrame[];
  readonly agrees: boolean;
}

function isSame({ deliveries }: Verdict, kernel: readonly ReceivedFrame[]): boolean {
  if (deliveries.length !== kernel.length) return false;
  return deliveries.every(({ port, frame }) => kernel.some((received) => received.port === port && received.frame.equals(frame)));
}

interface Where {
  readonly seed: number;
  /** Of the configuration. */
  readonly number: number;
}

function describeMismatch({ seed, number }: Where, { config, nics }: RandomNetwork, problem: readonly string[]): string {
  return [
    `the kernel and the model disagree: BULKHEAD_TEST_SEED=${seed}, configuration ${number}`,
    ...config.switches.map((one) => `  ${JSON.stringify(one)}`),
    ...nics.map((one) => `  ${one.name}${one.connected ? "" : " (not connected)"} ${JSON.stringify(one.nic)}`),
    ...problem,
  ].join("\n");
}

function describeOutcome({ sent, model, kernel }: Outcome): readonly string[] {
  return [
    `sent by ${sent.port}, ${sent.headBytes || "all"} bytes in one piece${sent.left ? ", its checksum left" : ""}: ${sent.bytes.toString("hex")}`,
    ...[...model.deliveries].sort(byPort).map(({ port, frame }) => `  model:  ${port} ${frame.toString("hex")}`),
    ...model.drops.map(({ port, because }) => `  model:  not past ${port}: ${because}`),
    ...[...kernel].sort(byPort).map(({ port, frame }) => `  kernel: ${port} ${frame.toString("hex")}`),
    ...(kernel.length === 0 ? ["  kernel: nowhere"] : []),
  ];
}

function byPort(a: { readonly port: string }, b: { readonly port: string }): number {
  return a.port < b.port ? -1 : 1;
}
