/** What of each guest's memory has been taken from it, as the kernel's page tables have it, beside what it was promised. */
import { framesBehind, NO_FRAME, PAGE_BYTES } from "../system/index.ts";
import type { MemoryMapping, MonitorInspection } from "../vmkernel/index.ts";

export interface ObservedReservation {
  /** "VM 7 (web)". */
  readonly name: string;
  readonly sizeBytes: number;
  readonly reservedBytes: number;
  /** Infinity where there is no limit. */
  readonly limitBytes: number;
  /** What its driver says that it has given back. */
  readonly balloonedBytes: number;
  /** Pages of the guest that are on a disk, or compressed. */
  readonly swappedBytes: number;
}

const MIB = 2 ** 20;

/** @param mappings of what the guest sees as memory */
export function observeReservation(inspection: MonitorInspection, mappings: readonly MemoryMapping[]): ObservedReservation {
  const { description, machine, allocation, balloonedBytes } = inspection;
  const swapped = mappings
    .filter(({ kind }) => kind === "ram")
    .map(({ hostStart, bytes }) => swappedPages(description.pid, hostStart, bytes));
  return {
    name: `VM ${description.vm} (${description.name})`,
    sizeBytes: machine.memoryMiB * MIB,
    reservedBytes: Math.min(machine.memoryMiB, allocation?.reservationMiB ?? 0) * MIB,
    limitBytes: (allocation?.limitMiB ?? Number.POSITIVE_INFINITY) * MIB,
    balloonedBytes,
    swappedBytes: swapped.reduce((sum, pages) => sum + pages, 0) * PAGE_BYTES,
  };
}

function swappedPages(pid: number, start: number, bytes: number): number {
  return framesBehind(pid, { start, bytes }).filter((frame) => frame === NO_FRAME.swapped).length;
}
