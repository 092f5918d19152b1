/** A worker that sends frames by a tap as fast as it can, until it is told to end. */
import { workerData } from "node:worker_threads";
import { writing } from "./bursts.mjs";

const BURST = 256;
const { fd, frame, counterAt, shared } = workerData;
/** | started | to be ended | bursts sent | */
const state = new Int32Array(shared);
const out = writing({ fd, frames: Array(BURST).fill(frame) });
let number = 0;
Atomics.store(state, 0, 1);
Atomics.notify(state, 0);
while (Atomics.load(state, 1) === 0) {
  // Each frame another connection, or to another group.
  if (counterAt !== undefined) for (let n = 0; n < BURST; n++) out.bytes.writeUIntBE(number++ & 0x7fff, n * frame.length + counterAt, 2);
  out.perform();
  Atomics.add(state, 2, 1);
}
out[Symbol.dispose]();
