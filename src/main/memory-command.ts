/**
 * `bulkhead memory pmap`: which machine page is behind each page of a running guest: guest "physical" → monitor's virtual → machine.
 * Paper «Memory Isolation»: the pmap that the VMM keeps, shown from QEMU's word and the kernel's page tables.
 */
import type { HostPaths, VmId } from "../base/index.ts";
import { framesBehind, NO_FRAME, PAGE_BYTES } from "../system/index.ts";
import { type MemoryMapping, VmkernelClient } from "../vmkernel/index.ts";
import { printable } from "./host-status.ts";

/** Pages one after another in all three: for the guest, for its monitor and in the machine. Addresses are bytes. */
export interface PageRun {
  readonly guestStart: number;
  readonly hostStart: number;
  readonly bytes: number;
  readonly region: string;
  readonly machine: { readonly kind: "at"; readonly start: number } | { readonly kind: "untouched" } | { readonly kind: "swapped" };
}

/** @throws {Fault} InvalidPowerState for a VM that does not run */
export async function readPageMap(paths: HostPaths, vm: VmId): Promise<readonly PageRun[]> {
  const vmkernel = await VmkernelClient.connect(paths.vmkernelSocket);
  try {
    const { description } = await vmkernel.request({ kind: "inspectMonitor", vm });
    const mappings = await vmkernel.request({ kind: "mapMemory", vm });
    return mappings.flatMap((mapping) =>
      runsOf(mapping, framesBehind(description.pid, { start: mapping.hostStart, bytes: mapping.bytes })),
    );
  } finally {
    vmkernel.close();
  }
}

/** Pure. @param frames of each page of the mapping, as `framesBehind` has them */
export function runsOf(mapping: MemoryMapping, frames: Float64Array): readonly PageRun[] {
  const runs: PageRun[] = [];
  for (let from = 0; from < frames.length; ) {
    let to = from + 1;
    while (to < frames.length && follows(frames, from, to)) to += 1;
    runs.push({
      guestStart: mapping.guestStart + from * PAGE_BYTES,
      hostStart: mapping.hostStart + from * PAGE_BYTES,
      bytes: (to - from) * PAGE_BYTES,
      region: mapping.region,
      machine: machineOf(frames[from] ?? NO_FRAME.untouched),
    });
    from = to;
  }
  return runs;
}

function follows(frames: Float64Array, from: number, to: number): boolean {
  const first = frames[from] ?? NO_FRAME.untouched;
  return frames[to] === (first < 0 ? first : first + (to - from));
}

function machineOf(frame: number): PageRun["machine"] {
  if (frame === NO_FRAME.untouched) return { kind: "untouched" };
  if (frame === NO_FRAME.swapped) return { kind: "swapped" };
  return { kind: "at", start: frame * PAGE_BYTES };
}

/** As people read it. Pure. */
export function formatPageMap(runs: readonly PageRun[]): string {
  const head = ["GUEST PHYSICAL", "KIB", "MONITOR VIRTUAL", "MACHINE", "WHAT"];
  const rows = runs.map(({ guestStart, hostStart, bytes, region, machine }) => [
    ...[hex(guestStart), String(bytes / 1024), hex(hostStart)],
    ...[machine.kind === "at" ? hex(machine.start) : machine.kind, region],
  ]);
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column]?.length ?? 0)));
  return [head, ...rows]
    .map((row) =>
      printable(
        row
          .map((text, column) => text.padEnd(widths[column] ?? 0))
          .join("  ")
          .trimEnd(),
      ),
    )
    .join("\n");
}

const hex = (address: number): string => `0x${address.toString(16)}`;
