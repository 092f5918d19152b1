/** What one monitor has used so far: seen from outside by its processes, and of its disks as it tells itself. */
import { mergedBytesOf, type ProcessLoad, readProcessLoad, readWaitedMs } from "../../system/index.ts";
import type { MonitorLoad } from "../rpc.ts";
import type { MonitorRecord } from "./monitor-record.ts";
import { parseBlockStats } from "./parse-block-stats.ts";

/** Without what its network and its scheduler know of it. */
export type OwnLoad = Omit<MonitorLoad, "nics" | "entitledMhz" | "worstCaseMhz">;

/**
 * @param monitor its process, and what the sandbox around it has used, which offers no memory to be merged
 * @param queryBlockStats asks QEMU; a monitor that does not answer has no disks to tell of, and is seen from outside all the same
 * @returns undefined when its process has ended meanwhile
 */
export async function readMonitorLoad(
  { machine, startedAtMs, sharingGroup }: MonitorRecord,
  { pid, sandbox }: { readonly pid: number; readonly sandbox: readonly ProcessLoad[] },
  queryBlockStats: () => Promise<unknown>,
): Promise<OwnLoad | undefined> {
  const own = readProcessLoad(pid);
  if (own === undefined) return undefined;
  const sum = (of: (load: ProcessLoad) => number): number => [own, ...sandbox].reduce((total, load) => total + of(load), 0);
  const sharedBytes = sharingGroup === undefined ? 0 : mergedBytesOf(pid); // without a group, none of it was offered to be merged
  const hasDisks = machine.devices.some(({ kind }) => kind === "disk");
  return {
    vm: machine.vm,
    startedAtMs,
    processorMs: sum(({ processorMs }) => processorMs),
    waitedMs: readWaitedMs(pid, own.threads) ?? 0,
    memoryBytes: Math.max(0, sum(({ memoryBytes }) => memoryBytes) - sharedBytes), // what is merged is there once, for all of them
    sharedBytes,
    disks: hasDisks ? parseBlockStats(await queryBlockStats().catch(() => []), machine) : [],
  };
}
