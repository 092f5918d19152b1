/** What one monitor has used so far: seen from outside by its processes, and of its disks as it tells itself. */
import { mergedBytesOf, type ProcessLoad, readProcessLoad } from "../../system/index.ts";
import type { MonitorLoad } from "../rpc.ts";
import type { MonitorRecord } from "./monitor-record.ts";
import { parseBlockStats } from "./parse-block-stats.ts";

/**
 * @param queryBlockStats asks QEMU; a monitor that does not answer has no disks to tell of, and is seen from outside all the same
 * @returns undefined when its processes have ended meanwhile
 */
export async function readMonitorLoad(
  { machine, startedAtMs }: MonitorRecord,
  pids: readonly number[],
  queryBlockStats: () => Promise<unknown>,
): Promise<MonitorLoad | undefined> {
  const loads = (await Promise.all(pids.map(readProcessLoad))).filter((load) => load !== undefined);
  if (loads.length === 0) return undefined;
  const sum = (of: (load: ProcessLoad) => number): number => loads.reduce((total, load) => total + of(load), 0);
  return {
    vm: machine.vm,
    startedAtMs,
    processorMs: sum(({ processorMs }) => processorMs),
    memoryBytes: sum(({ memoryBytes }) => memoryBytes),
    sharedBytes: (await Promise.all(pids.map(mergedBytesOf))).reduce((total, bytes) => total + bytes, 0),
    disks: parseBlockStats(await queryBlockStats().catch(() => []), machine),
  };
}
