/**
 * A guest that QEMU has stopped because a disk of its had no room on its datastore: what QEMU says of it, as vmkernel keeps it. Pure.
 * Source: QEMU qapi/block-core.json BLOCK_IO_ERROR, BlockDeviceIoStatus; the werror option of disks.
 */
import type { Halt } from "../rpc.ts";
import { keyOfDriveNode } from "./plan-drives.ts";

/** The disk of a BLOCK_IO_ERROR over which the guest was stopped; undefined for an error that the guest is told of itself. */
export function diskWithoutRoom(data: Readonly<Record<string, unknown>>): number | undefined {
  if (data.action !== "stop" || data.nospace !== true) return undefined;
  return keyOfDriveNode(String(data["node-name"] ?? ""));
}

/** The disks that query-block calls full: how a vmkernel that comes later finds out. */
export function disksWithoutRoom(block: unknown): number[] {
  const devices: readonly unknown[] = Array.isArray(block) ? block : [];
  return devices.flatMap((device) => {
    const { "io-status": status, inserted } = (device ?? {}) as Record<string, unknown>;
    const node = ((inserted ?? {}) as Record<string, unknown>)["node-name"];
    return status === "nospace" ? (keyOfDriveNode(String(node ?? "")) ?? []) : [];
  });
}

/** One more disk of a guest that stands already; a new halt otherwise. */
export function addDisk(halt: Halt | undefined, disk: number, nowMs: number): Halt {
  const disks = halt === undefined ? [disk] : [...new Set([...halt.disks, disk])];
  return { disks, sinceMs: halt?.sinceMs ?? nowMs };
}
