/** `bulkhead host stop`: asks the supervisor to shut the host down, and waits until it is gone. */
import { type HostPaths, SystemError } from "../base/index.ts";
import { isAlive, signalProcess } from "../system/index.ts";
import { readRunFile } from "./run-file.ts";

const POLL_MS = 50;
/** Guests are given less than half of it; see host-run.ts. */
const STOP_MS = 120_000;

/** @returns false when no host ran */
export async function stopRunningHost(paths: HostPaths): Promise<boolean> {
  const run = readRunFile(paths);
  if (run === undefined || !signalProcess(run.supervisor, "SIGTERM")) return false;
  for (const deadline = Date.now() + STOP_MS; isAlive(run.supervisor); await new Promise((resolve) => setTimeout(resolve, POLL_MS))) {
    if (Date.now() > deadline) throw new SystemError(`the host on ${paths.root} (process ${run.supervisor.pid}) is still shutting down`);
  }
  return true;
}
