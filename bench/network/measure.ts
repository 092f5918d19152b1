/** Traffic through a forwarder, and what it cost. */

import { median } from "../figures.ts";
import { read, reading, threadNs, VNET_HEADER_BYTES, write, writing } from "./bursts.mjs";
import type { Forwarder } from "./forwarder.ts";

/** Fewer than a tap has room for. */
const BURST = 256;
/** How long frames may take that somebody else passes on. */
const STRAGGLER_MS = 20;

export interface Passed {
  /** Of the sender's thread, which does all that a forwarder in the kernel does. */
  readonly sendNs: number;
  /** From the first byte until the last frame is read, other work of the machine included. */
  readonly wholeNs: number;
  readonly lost: number;
}

export interface Traffic {
  /** Each with its virtio header; all of one length. */
  readonly frames: readonly Buffer[];
  /** Before each burst. */
  readonly renew?: (frames: Buffer) => void;
  /** Where it arrives, as positions of {@link Forwarder.ends}; the last one where absent. */
  readonly to?: readonly number[];
}

/** From the first end of a forwarder to others, as often as one likes. */
export class Stream {
  readonly name: string;
  readonly #out: ReturnType<typeof writing>;
  readonly #into: ReturnType<typeof reading>;
  readonly #renew: Traffic["renew"];
  readonly #frames: number;
  readonly #expected: number;

  constructor({ name, ends }: Pick<Forwarder, "name" | "ends">, { frames, renew, to }: Traffic) {
    const receivers = (to ?? [ends.length - 1]).map((at) => ends[at] ?? -1);
    const [bytes, only = -1] = [frames[0]?.length ?? 0, receivers[0]];
    this.name = name;
    this.#out = writing({ fd: ends[0] ?? -1, frames });
    this.#into = reading({ fds: receivers.length === 1 ? frames.map(() => only) : receivers, bytes });
    this.#renew = renew;
    this.#frames = frames.length;
    this.#expected = frames.length * receivers.length;
  }

  /** @returns figures for each frame that was sent */
  pass(bursts: number): Passed {
    const [sends, wholes]: [number[], number[]] = [[], []];
    let lost = 0;
    for (let n = 0; n < bursts; n++) {
      this.#renew?.(this.#out.bytes);
      const [started, before] = [performance.now(), threadNs()];
      this.#out.perform();
      sends.push(threadNs() - before);
      lost += this.#expected - receive(this.#into, this.#expected);
      wholes.push((performance.now() - started) * 1e6);
    }
    return { sendNs: median(sends) / this.#frames, wholeNs: median(wholes) / this.#frames, lost };
  }

  [Symbol.dispose](): void {
    this.#out[Symbol.dispose]();
    this.#into[Symbol.dispose]();
  }
}

function receive(into: ReturnType<typeof reading>, expected: number): number {
  let received = 0;
  for (let last = performance.now(); received < expected && performance.now() - last < STRAGGLER_MS; ) {
    const more = into.perform();
    received += more;
    if (more > 0) last = performance.now();
  }
  return received;
}

export function burstOf(frame: Buffer, size = BURST): readonly Buffer[] {
  return Array.from({ length: size }, () => frame);
}

/** There by the first end and back by the last one, one frame at a time, on one processor. @returns nanoseconds, of the middle one */
export function roundTrip({ ends }: Forwarder, there: Buffer, back: Buffer, times: number): number {
  const [first = -1, last = -1] = [ends[0], ends.at(-1)];
  const room = Buffer.alloc(there.length + VNET_HEADER_BYTES);
  const taken: number[] = [];
  for (let n = 0; n < times; n++) {
    const started = process.hrtime.bigint();
    write(first, there);
    awaitFrame(last, room);
    write(last, back);
    awaitFrame(first, room);
    taken.push(Number(process.hrtime.bigint() - started));
  }
  return median(taken);
}

function awaitFrame(fd: number, room: Buffer): void {
  const until = performance.now() + 1000;
  while (read(fd, room) < 0) if (performance.now() > until) throw new Error("a frame that was sent does not arrive");
}
