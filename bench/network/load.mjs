/** A worker that sends frames by a tap and waits until they have come out of another one, until it is told to end. */
import { workerData } from "node:worker_threads";
import { reading, writing } from "./bursts.mjs";

const BURST = 64;
/** A frame is in the other tap when the call that sent it returns. */
const READS_MAX = 10;

const { from, to, frame, shared } = workerData;
/** | started | to be ended | bursts sent | frames received | */
const state = new Int32Array(shared);
const out = writing({ fd: from, frames: Array(BURST).fill(frame) });
const into = reading({ fds: Array(BURST).fill(to), bytes: frame.length });
Atomics.store(state, 0, 1);
Atomics.notify(state, 0);
while (Atomics.load(state, 1) === 0) {
  out.perform();
  let received = 0;
  for (let n = 0; n < READS_MAX && received < BURST; n++) received += into.perform(BURST - received);
  Atomics.add(state, 2, 1);
  Atomics.add(state, 3, received);
}
out[Symbol.dispose]();
into[Symbol.dispose]();
