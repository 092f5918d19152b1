/** What one monitor has used so far: seen from outside by its processes, and of its disks as it tells itself. */
import { mergedBytesOf, type ProcessLoad, readProcessLoad, readWaitedMs } from "../../system/index.ts";
import type { MonitorLoad } from "../rpc.ts";
import type { MonitorRecord } from "./monitor-record.ts";
import { parseBlockStats } from "./parse-block-stats.ts";

/** Without what its network and its scheduler know of it. */
export type OwnLoad = Omit<MonitorLoad, "nics" | "entitledMhz" | "worstCaseMhz">;

/**
 * @param queryBlockStats asks QEMU; a monitor that does not answer has no disks to tell of, and is seen from outside all the same
 * @returns undefined when its processes have ended meanwhile
 */
export async function readMonitorLoad(
  { machine, startedAtMs }: MonitorRecord,
  pids: readonly number[],
  queryBlockStats: () => Promise<unknown>,
): Promise<OwnLoad | undefined> {
  const loads = pids.map(readProcessLoad).filter((load) => load !== undefined);
  if (loads.length === 0) return undefined;
  const sum = (of: (load: ProcessLoad) => number): number => loads.reduce((total, load) => total + of(load), 0);
  const monitor = pids.at(-1) ?? 0; // the others are the sandbox around it: they sleep, and offer no memory to be merged
  const sharedBytes = mergedBytesOf(monitor);
  return {
    vm: machine.vm,
    startedAtMs,
    processorMs: sum(({ processorMs }) => processorMs),
    waitedMs: readWaitedMs(monitor) ?? 0,
    memoryBytes: Math.max(0, sum(({ memoryBytes }) => memoryBytes) - sharedBytes), // what is merged is there once, for all of them
    sharedBytes,
    disks: parseBlockStats(await queryBlockStats().catch(() => []), machine),
  };
}
