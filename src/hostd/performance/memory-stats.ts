/**
 * Where the memory of VMs is, as quickStats of VMs and pools tell it: in MB, compressed memory in KB. Source: vim25
 * VirtualMachineQuickStats, ResourcePoolQuickStats.
 */
import type { ResourcePoolQuickStats, VirtualMachineQuickStats } from "../../wire/index.ts";
import type { CounterName } from "./counters.ts";

/** What a counter shows now, of a VM or summed over a pool; undefined where that is not known. */
export type Shown = (counter: CounterName) => number | undefined;

type Common = Pick<
  ResourcePoolQuickStats & VirtualMachineQuickStats,
  | "guestMemoryUsage"
  | "privateMemory"
  | "sharedMemory"
  | "swappedMemory"
  | "balloonedMemory"
  | "consumedOverheadMemory"
  | "compressedMemory"
  | "distributedMemoryEntitlement"
>;

/** Pure, as `shown` is. */
export function memoryStats(shown: Shown): Common {
  const [granted, shared] = [shown("memGranted"), shown("memShared")];
  return {
    ...inMb("guestMemoryUsage", shown("memActive")),
    ...inMb("privateMemory", granted === undefined ? undefined : Math.max(0, granted - (shared ?? 0))),
    ...inMb("sharedMemory", shared),
    ...inMb("swappedMemory", shown("memSwapped")),
    ...inMb("balloonedMemory", shown("memBalloon")),
    ...inMb("consumedOverheadMemory", shown("memOverhead")),
    ...inMb("distributedMemoryEntitlement", shown("memEntitlement")),
    ...(shown("memCompressed") !== undefined && { compressedMemory: shown("memCompressed") }),
  };
}

/** Of a VM alone. */
export function vmMemoryStats(shown: Shown): VmMemoryStats {
  return { ...memoryStats(shown), ...inMb("grantedMemory", shown("memGranted")), ...inMb("activeMemory", shown("memActive")) };
}

type VmMemoryStats = Common & Pick<VirtualMachineQuickStats, "grantedMemory" | "activeMemory">;

function inMb<Name extends string>(name: Name, kib: number | undefined): { readonly [Key in Name]?: number } {
  return (kib === undefined ? {} : { [name]: Math.round(kib / 1024) }) as { readonly [Key in Name]?: number };
}
