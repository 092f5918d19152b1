/** What `bulkhead top` shows: one look at what a host and its VMs use, in the numbers of vim25's performance counters. Types. */

/** By "group.name" of a counter, and by instance: "" is the whole. Integers as vim25 has them: percent in hundredths, memory in KiB. */
export type Figures = ReadonlyMap<string, ReadonlyMap<string, number>>;

export interface TopVm {
  /** Its managed object's. */
  readonly id: string;
  readonly name: string;
  readonly vcpus: number;
  readonly memoryMb: number;
  readonly figures: Figures;
}

export interface TopSample {
  readonly hostName: string;
  /** When the host measured this. */
  readonly takenAtMs: number;
  /** Seconds that counters of sums are summed over. */
  readonly intervalS: number;
  readonly uptimeS: number;
  readonly cpuMhz: number;
  readonly memoryBytes: number;
  readonly host: Figures;
  /** Those that run and that the user may see. */
  readonly vms: readonly TopVm[];
  /** "group.name" of all that the host has. */
  readonly counters: ReadonlySet<string>;
}

export function figureOf(figures: Figures, path: string, instance = ""): number | undefined {
  return figures.get(path)?.get(instance);
}

/** Of a counter, in the order of their numbers and names; the whole is none. */
export function instancesOf(figures: Figures, ...paths: readonly string[]): readonly string[] {
  const found = new Set(paths.flatMap((path) => [...(figures.get(path)?.keys() ?? [])]));
  found.delete("");
  return [...found].sort((one, other) => one.localeCompare(other, "en", { numeric: true }));
}
