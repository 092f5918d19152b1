/** Traffic for tests that goes on while the test does something else: not one frame of it may be lost. */
import { Worker } from "node:worker_threads";
import { expect } from "vitest";

/** Frames from one tap to another, in threads of their own, never so many at once that a tap would be full. */
export class Flow {
  readonly #shared = new Int32Array(new SharedArrayBuffer(12));
  readonly #workers: readonly Worker[];

  constructor(from: number, to: number, sent: Buffer) {
    const bytes = Buffer.concat([Buffer.alloc(10), sent]);
    this.#workers = [SENDER, RECEIVER].map(
      (code, at) => new Worker(code, { eval: true, workerData: { fd: at === 0 ? from : to, bytes, shared: this.#shared } }),
    );
  }

  async started(): Promise<void> {
    await expect.poll(() => this.sent, { timeout: 5000 }).toBeGreaterThan(0);
  }

  get sent(): number {
    return Atomics.load(this.#shared, 0);
  }

  /** Nobody reads from the taps any more. */
  async stop(): Promise<{ readonly sent: number; readonly received: number }> {
    Atomics.store(this.#shared, 2, 1);
    await new Promise((resolve) => setTimeout(resolve, 300));
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
    return { sent: Atomics.load(this.#shared, 0), received: Atomics.load(this.#shared, 1) };
  }

  [Symbol.dispose](): void {
    for (const worker of this.#workers) void worker.terminate();
  }
}

const SENDER = `
const { workerData: { fd, bytes, shared } } = require("node:worker_threads");
const { writeSync } = require("node:fs");
while (Atomics.load(shared, 2) === 0) {
  if (Atomics.load(shared, 0) - Atomics.load(shared, 1) > 200) { Atomics.wait(shared, 2, 0, 1); continue; }
  writeSync(fd, bytes);
  Atomics.add(shared, 0, 1);
}`;
const RECEIVER = `
const { workerData: { fd, shared } } = require("node:worker_threads");
const { readSync } = require("node:fs");
const bytes = Buffer.alloc(2048);
for (;;) {
  try { readSync(fd, bytes); Atomics.add(shared, 1, 1); } catch { Atomics.wait(shared, 0, -1, 1); Atomics.wait(shared, 1, Atomics.load(shared, 1), 1); }
}`;
