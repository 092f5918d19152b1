/** A worker that takes frames out of a tap as fast as they come, on a processor of its own, and counts them. */
import { workerData } from "node:worker_threads";
import { reading } from "./bursts.mjs";

const { fd, bytes, shared } = workerData;
/** | started | to be ended | received | */
const state = new Int32Array(shared);
const into = reading({ fds: Array(256).fill(fd), bytes });
Atomics.store(state, 0, 1);
Atomics.notify(state, 0);
while (Atomics.load(state, 1) === 0) Atomics.add(state, 2, into.perform());
into[Symbol.dispose]();
