/**
 * `bulkhead memory pmap`: which machine page is behind each page of a running guest: guest "physical" → monitor's virtual → machine.
 * Paper «Memory Isolation».
 */
import type { HostPaths, VmId } from "../base/index.ts";
import { PAGE_RUNS_MAX, type PageRun, VmkernelClient } from "../vmkernel/index.ts";
import { printable } from "./host-status.ts";

/** @throws {Fault} InvalidPowerState for a VM that does not run */
export async function readPageMap(paths: HostPaths, vm: VmId): Promise<readonly PageRun[]> {
  const vmkernel = await VmkernelClient.connect(paths.vmkernelSocket);
  try {
    const all: PageRun[] = [];
    for (let fromByte = 0; ; ) {
      const runs = await vmkernel.request({ kind: "mapPages", vm, fromByte, runsMax: PAGE_RUNS_MAX });
      for (const run of runs) all.push(run);
      const last = runs.at(-1);
      if (last === undefined || runs.length < PAGE_RUNS_MAX) return all;
      fromByte = last.guestStart + last.bytes;
    }
  } finally {
    vmkernel.close();
  }
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
