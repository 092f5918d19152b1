/**
 * How much of the machine's memory a cgroup keeps before the rest of it is swapped, and how much of it is. Pure.
 * Source: kernel admin-guide cgroup-v1/memory, cgroup-v2 memory.
 */
import type { Hierarchy, Setting } from "./hierarchies.ts";

export interface MemoryPortion {
  /** What it takes beyond this is swapped; absent where nothing of it is to be. */
  readonly keepBytes?: number;
  /** The most that it may take in the machine's memory, as {@link CgroupLimits.memoryBytes}. */
  readonly mostBytes: number;
  /** The most of it that may be swapped, also when the kernel itself is short of memory. */
  readonly swapBytesMax: number;
}

/** As the kernel has it for whoever says nothing. */
const SWAPPINESS = 60;

/**
 * The settings of a portion in one tree, in an order in which what is swappable is so before more is to be swapped.
 *
 * v2 slows down who takes more than it keeps. v1 would end it once there is no more swap, so there it waits until it is given more.
 */
export function planMemoryPortion({ kind, controllers }: Hierarchy, { keepBytes, mostBytes, swapBytesMax }: MemoryPortion): Setting[] {
  if (!controllers.includes("memory")) return [];
  const keep = keepBytes === undefined || keepBytes >= mostBytes ? undefined : Math.max(0, Math.floor(keepBytes));
  if (kind === "v2") {
    return [
      { file: "memory.max", value: String(mostBytes) },
      { file: "memory.swap.max", value: String(swapBytesMax), optional: true },
      { file: "memory.high", value: String(keep ?? "max") },
    ];
  }
  return [
    { file: "memory.swappiness", value: String(swapBytesMax === 0 ? 0 : SWAPPINESS) },
    { file: "memory.oom_control", value: keep === undefined ? "0" : "1" },
    { file: "memory.limit_in_bytes", value: String(keep ?? mostBytes) },
  ];
}

export interface MemoryUse {
  /** In the machine's memory: anonymous memory, page cache, and what the kernel keeps for it. */
  readonly usedBytes: number;
  /** Of it, the cache of files, and of all cgroups beneath. */
  readonly cacheBytes: number;
  /** Elsewhere: on a disk, or compressed. */
  readonly swappedBytes: number;
  /** Of those: compressed in the machine's memory. 0 where the kernel does not say. */
  readonly compressedBytes: number;
  /** Of what is used: touched of late, as the kernel sees it. */
  readonly activeBytes: number;
}

export interface MemoryFiles {
  /** memory.usage_in_bytes, or memory.current. */
  readonly used: string;
  readonly stat: string;
  /** memory.swap.current of v2; v1 tells in its stat. */
  readonly swap: string;
}

/** @param files their texts, "" for one that is not there */
export function parseMemoryUse({ used, stat, swap }: MemoryFiles): MemoryUse {
  const line = (name: string): number => Number(new RegExp(`^${name} (\\d+)$`, "m").exec(stat)?.[1] ?? 0);
  return {
    usedBytes: Number(used),
    cacheBytes: line("total_cache") || line("file"),
    swappedBytes: swap === "" ? line("swap") : Number(swap),
    compressedBytes: line("zswapped"),
    activeBytes: line("active_anon") + line("active_file"),
  };
}
