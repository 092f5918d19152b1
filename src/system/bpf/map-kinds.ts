/** Kinds of BPF maps by their numbers. Pure. Source: Linux include/uapi/linux/bpf.h, enum bpf_map_type. */

export const MAP_KINDS = {
  hash: 1,
  array: 2,
  programArray: 3,
  percpuHash: 5,
  percpuArray: 6,
  lruHash: 9,
  lruPercpuHash: 10,
  arrayOfMaps: 12,
  devmap: 14,
  devmapHash: 25,
} as const;

export type MapKind = keyof typeof MAP_KINDS;

/** Kinds that have a value for each CPU that the machine could have, all read and written together, each padded to 8 bytes. */
export const PERCPU_KINDS: ReadonlySet<MapKind | undefined> = new Set<MapKind>(["percpuHash", "percpuArray", "lruPercpuHash"]);
