/** What can be seen of a running monitor: what its guest finds, and where its guest's memory lies. Changes nothing. */
import type { MemoryMapping, MonitorInspection } from "../rpc.ts";
import { readGuestProcessors } from "./guest-processors.ts";
import type { Monitor } from "./monitor.ts";
import { parseHostAddress, parseMemoryMap } from "./parse-memory-map.ts";

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
