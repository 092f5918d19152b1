/** `bulkhead host stop`: asks the supervisor to shut the host down, and waits until it is gone. */
import { type HostPaths, SystemError } from "../base/index.ts";
import { isAlive, signalProcess } from "../system/index.ts";
import { readRunFile } from "./run-file.ts";

const POLL_MS = 50;
/** Beyond the VMs that stop in order, each in its own time. Guests are given less than half of it; see host-run.ts. */
const STOP_MS = 120_000;

/** @returns false when no host ran */
export async function stopRunningHost(paths: HostPaths): Promise<boolean> {
  const run = readRunFile(paths);
  if (run === undefined || !signalProcess(run.supervisor, "SIGTERM")) return false;
  for (const deadline = Date.now() + STOP_MS; isAlive(run.supervisor); await new Promise((resolve) => setTimeout(resolve, POLL_MS))) {
    if (Date.now() > Math.max(deadline, (readRunFile(paths)?.stopsByMs ?? 0) + STOP_MS))
      throw new SystemError(`the host on ${paths.root} (process ${run.supervisor.pid}) is still shutting down`);
  }
  return true;
}
