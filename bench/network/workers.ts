/** Workers that pass frames while this thread does something else. */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { writing } from "./bursts.mjs";
import type { Forwarder } from "./forwarder.ts";
import { burstOf } from "./measure.ts";

const WORDS = 4;
/** A tap has room for 1,000. */
const IN_FLIGHT_MAX = 512;
export const LOAD_BURST = 64;

export class Helper {
  readonly state = new Int32Array(new SharedArrayBuffer(4 * WORDS));
  readonly #worker: Worker;

  constructor(script: string, data: object) {
    this.#worker = new Worker(new URL(script, import.meta.url), { workerData: { ...data, shared: this.state.buffer } });
  }

  async started(): Promise<void> {
    while (Atomics.load(this.state, 0) === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  async end(): Promise<void> {
    const exited = once(this.#worker, "exit");
    Atomics.store(this.state, 1, 1);
    await exited;
  }
}

/** Sender and receiver on a processor each. @returns nanoseconds for each frame that arrived */
export async function streamNs({ ends }: Forwarder, frame: Buffer, forMs: number): Promise<number> {
  const helper = new Helper("./drain.mjs", { fd: ends.at(-1), bytes: frame.length });
  await helper.started();
  using out = writing({ fd: ends[0] ?? -1, frames: burstOf(frame) });
  const [started, before] = [performance.now(), Atomics.load(helper.state, 2)];
  for (let sent = 0; performance.now() - started < forMs; ) {
    // What the tap has no room for would be lost, and only count for whoever drops frames fastest.
    if (sent - (Atomics.load(helper.state, 2) - before) > IN_FLIGHT_MAX) continue;
    out.perform();
    sent += out.size;
  }
  const received = Atomics.load(helper.state, 2) - before;
  const taken = performance.now() - started;
  await helper.end();
  return (taken * 1e6) / received;
}

/** Frames pass until `deed` is done. @returns how many were sent, and how many of them never arrived */
export async function underLoad({ ends }: Forwarder, frame: Buffer, deed: () => Promise<void>) {
  const helper = new Helper("./load.mjs", { from: ends[0], to: ends.at(-1), frame: Uint8Array.from(frame) });
  await helper.started();
  try {
    await deed();
  } finally {
    await helper.end();
  }
  const [, , bursts = 0, received = 0] = helper.state;
  return { sent: bursts * LOAD_BURST, lost: bursts * LOAD_BURST - received };
}
