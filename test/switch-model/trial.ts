/**
 * The model and the kernel, given the same random networks and the same random frames: each frame must come out at the same ports as
 * the same bytes. Whatever they disagree on is told with all that is needed to look at it again.
 */
import type { PortAttachment, VirtualNetwork } from "../../src/vmkernel/network/index.ts";
import { Random } from "./random.ts";
import { FrameSource, type SentFrame } from "./random-frame.ts";
import { type RandomNetwork, randomNetwork, randomUplinks } from "./random-network.ts";
import { type PluggedNic, SwitchModel, type Verdict } from "./switch-model.ts";
import type { ReceivedFrame, Taps } from "./taps.ts";

/** How many configurations uplinks stay where they are. */
const ROUNDS_PER_UPLINKS = 25;

export interface TrialParts {
  readonly network: VirtualNetwork;
  /** With the uplinks; NICs are added as they are plugged in. */
  readonly taps: Taps;
  readonly seed: number;
}

/** Numbers of configurations; each follows from the seed and its number alone. */
export interface Rounds {
  readonly first: number;
  readonly count: number;
  readonly framesEach: number;
}

export interface Tally {
  readonly configurations: number;
  readonly frames: number;
  /** Frames that came out somewhere. */
  readonly delivered: number;
  /** At most one of each configuration: what follows is often of the same cause. */
  readonly mismatches: readonly string[];
}

export class Trial {
  readonly #parts: TrialParts;
  readonly #model = new SwitchModel();
  readonly #attachments = new Map<string, PortAttachment>();
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

  async run(rounds: Rounds): Promise<Tally> {
    const tally = { configurations: 0, frames: 0, delivered: 0, mismatches: [] as string[] };
    for (let round = rounds.first; round < rounds.first + rounds.count; round++) {
      const random = new Random(this.#parts.seed + round * 7919);
      const network = randomNetwork(random, round, this.#uplinksIn(round));
      await this.#apply(network);
      tally.configurations++;
      const frames = new FrameSource(random, network);
      for (let count = 0; count < rounds.framesEach; count++) {
        const outcome = this.#try(frames.next());
        tally.frames++;
        if (outcome.kernel.length > 0) tally.delivered++;
        if (outcome.agrees) continue;
        tally.mismatches.push(describeMismatch(this.#parts.seed, network, outcome, count));
        break;
      }
    }
    return tally;
  }

  [Symbol.dispose](): void {
    for (const attachment of this.#attachments.values()) attachment[Symbol.dispose]();
    this.#attachments.clear();
  }

  #uplinksIn(round: number): readonly (readonly string[])[] {
    return randomUplinks(new Random(this.#parts.seed + Math.floor(round / ROUNDS_PER_UPLINKS) * 104_729));
  }

  async #apply(network: RandomNetwork): Promise<void> {
    await this.#parts.network.configure(network.config);
    for (const plugged of network.nics) await this.#applyNic(plugged);
    const { config, nics } = this.#told(network);
    this.#model.configure(config, nics);
  }

  async #applyNic({ name, nic, connected }: PluggedNic): Promise<void> {
    if (this.#attachments.has(name)) return this.#parts.network.change(nic, connected);
    const attachment = await this.#parts.network.plugIn(nic, connected);
    this.#attachments.set(name, attachment);
    this.#parts.taps.add(name, attachment.fd);
  }

  #try(sent: SentFrame): Outcome {
    const model = this.#model.send(sent.port, sent.bytes);
    this.#parts.taps.send(sent.port, sent.bytes);
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

function describeMismatch(seed: number, { config, nics, round }: RandomNetwork, { sent, model, kernel }: Outcome, count: number): string {
  return [
    `the kernel and the model disagree: BULKHEAD_TEST_SEED=${seed}, configuration ${round}, frame ${count}`,
    ...config.switches.map((one) => `  ${JSON.stringify(one)}`),
    ...nics.map((one) => `  ${one.name}${one.connected ? "" : " (not connected)"} ${JSON.stringify(one.nic)}`),
    `sent by ${sent.port}: ${sent.bytes.toString("hex")}`,
    ...[...model.deliveries].sort(byPort).map(({ port, frame }) => `  model:  ${port} ${frame.toString("hex")}`),
    ...model.drops.map(({ port, because }) => `  model:  not past ${port}: ${because}`),
    ...[...kernel].sort(byPort).map(({ port, frame }) => `  kernel: ${port} ${frame.toString("hex")}`),
    kernel.length === 0 ? "  kernel: nowhere" : "",
  ].join("\n");
}

function byPort(a: { readonly port: string }, b: { readonly port: string }): number {
  return a.port < b.port ? -1 : 1;
}
