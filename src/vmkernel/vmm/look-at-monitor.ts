/** What can be seen of a running monitor: what it has used, what its guest finds, where its guest's memory lies. Changes nothing. */
import { type ProcessLoad, readProcessLoad, readTransferredBytes } from "../../system/index.ts";
import type { MachineSpec } from "../machine.ts";
import type { MemoryMapping, MonitorInspection } from "../rpc.ts";
import { readGuestProcessors } from "./guest-processors.ts";
import type { Monitor } from "./monitor.ts";
import { type OwnLoad, readMonitorLoad } from "./monitor-load.ts";
import { parseHostAddress, parseMemoryMap } from "./parse-memory-map.ts";

/** What a monitor's sandbox has used: it sleeps while the monitor runs, and starts no other, so it is measured once. */
const sandboxes = new WeakMap<Monitor, readonly ProcessLoad[]>();

/** What it has used so far; undefined when its process has ended meanwhile. */
export async function loadOf(monitor: Monitor): Promise<OwnLoad | undefined> {
  const { pid } = monitor.describe();
  const sandbox = sandboxes.get(monitor) ?? (await sandboxOf(monitor, pid));
  sandboxes.set(monitor, sandbox);
  return readMonitorLoad(monitor.record, { pid, sandbox }, () => blockStatsOf(monitor, pid));
}

interface BlockLook {
  readonly machine: MachineSpec;
  readonly transferredBytes: number;
  readonly atMs: number;
  readonly answer: unknown;
}

const blockLooks = new WeakMap<Monitor, BlockLook>();
/** What a sector that is moved is told from none by. */
const MOVED_BYTES = 256;
const ASKED_EVERY_MS = 60_000;

/**
 * A monitor that has moved no sector since it was asked, by the kernel's count, has no other figures of its disks than then. It is asked
 * every minute nevertheless: zeros that are written as a hole move nothing, and a call that reads nothing counts against one that does.
 */
async function blockStatsOf(monitor: Monitor, pid: number): Promise<unknown> {
  const [{ machine }, atMs] = [monitor.record, performance.now()];
  const [before, transferredBytes = Number.NaN] = [blockLooks.get(monitor), readTransferredBytes(pid)];
  const isLate = before === undefined || atMs - before.atMs >= ASKED_EVERY_MS;
  if (!isLate && before.machine === machine && transferredBytes - before.transferredBytes < MOVED_BYTES) return before.answer;
  const answer = await monitor.execute("query-blockstats");
  blockLooks.set(monitor, { machine, transferredBytes, atMs, answer });
  return answer;
}

async function sandboxOf(monitor: Monitor, pid: number): Promise<readonly ProcessLoad[]> {
  const around = (await monitor.processes()).filter((one) => one !== pid);
  return around.map(readProcessLoad).filter((load) => load !== undefined);
}

export async function inspectMonitor(monitor: Monitor): Promise<Omit<MonitorInspection, "allocation" | "balloonedBytes" | "isToBeApart">> {
  const [pids, processors, places, pci, block, chardev, vnc, qtree] = await Promise.all([
    monitor.processes(),
    readGuestProcessors((command, args) => monitor.execute(command, args)),
    monitor.execute("query-hotpluggable-cpus"),
    monitor.execute("query-pci"),
    monitor.execute("query-block"),
    monitor.execute("query-chardev"),
    monitor.execute("query-vnc-servers"),
    monitor.execute("human-monitor-command", { "command-line": "info qtree" }),
  ]);
  return {
    description: monitor.describe(),
    pids,
    processors,
    machine: monitor.record.machine,
    qmp: { processors: places, pci, block, chardev, vnc, qtree: String(qtree) },
  };
}

/** What the guest sees as memory, and where it lies in the monitor's; what the monitor says of it that cannot be is left out. */
export async function memoryMapOf(monitor: Monitor): Promise<readonly MemoryMapping[]> {
  const ask = (line: string) => monitor.execute("human-monitor-command", { "command-line": line });
  const mapped: MemoryMapping[] = [];
  for (const range of parseMemoryMap(await ask("info mtree"))) {
    const hostStart = parseHostAddress(await ask(`gpa2hva 0x${range.guestStart.toString(16)}`));
    if (hostStart !== undefined) mapped.push({ ...range, hostStart });
  }
  return mapped;
}
