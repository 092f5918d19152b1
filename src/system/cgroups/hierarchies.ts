/**
 * Where this machine keeps its cgroup controllers: one v2 tree on current systems, a v1 tree for each controller on older ones,
 * both at once on some. Pure; source: cgroups(7), proc_pid_mounts(5), kernel admin-guide cgroup-v2.
 */

export type Controller = "memory" | "pids" | "cpu" | "devices";

/** The tree that a controller lives in. `root` is where it is mounted. */
export type Hierarchy =
  | { readonly kind: "v1"; readonly root: string; readonly controllers: readonly Controller[] }
  | { readonly kind: "v2"; readonly root: string; readonly controllers: readonly Controller[] };

const CONTROLLERS: readonly Controller[] = ["memory", "pids", "cpu", "devices"];

/**
 * @param mounts the text of /proc/mounts
 * @param v2Controllers the text of cgroup.controllers in the folder of a v2 tree
 * @returns each tree that has a controller we use; none that has none, as the v2 tree of a v1 machine
 */
export function findHierarchies(mounts: string, v2Controllers: (root: string) => string): Hierarchy[] {
  const found = new Map<string, Hierarchy>();
  for (const line of mounts.split("\n")) {
    const [, root, type, options] = line.split(" ");
    if (root === undefined || options === undefined) continue;
    // A space in a path is "\040" in this file; no cgroup tree is mounted at such a path.
    if (type === "cgroup2") found.set(root, { kind: "v2", root, controllers: controllersIn(v2Controllers(root).split(/\s+/)) });
    if (type === "cgroup") found.set(root, { kind: "v1", root, controllers: controllersIn(options.split(",")) });
  }
  return [...found.values()].filter(({ controllers }) => controllers.length > 0);
}

function controllersIn(words: readonly string[]): Controller[] {
  return CONTROLLERS.filter((controller) => words.includes(controller));
}

/** What a cgroup allows the processes in it. */
export interface CgroupLimits {
  /** Anonymous memory, page cache and what the kernel keeps for them; no swap beside it. */
  readonly memoryBytes: number;
  /** Processes and threads. */
  readonly pids: number;
}

/** What of the processors a cgroup gets: its weight against its siblings, and how much at most. */
export interface CpuPortion {
  /** 2–262144. */
  readonly shares: number;
  /** Processors' worth of time; absent where there is no limit. */
  readonly processorsMax?: number;
}

/** A file of a cgroup's folder and what to write to it. An `optional` one may be missing on a kernel without that feature. */
export interface Setting {
  readonly file: string;
  readonly value: string;
  readonly optional?: true;
}

/** The settings for one tree, in the order in which the kernel takes them. */
export function planSettings({ kind, controllers }: Hierarchy, limits: CgroupLimits): Setting[] {
  return controllers.flatMap((controller) => (kind === "v1" ? planV1(controller, limits) : planV2(controller, limits)));
}

function planV1(controller: Controller, { memoryBytes, pids }: CgroupLimits): Setting[] {
  switch (controller) {
    case "memory":
      // Memory and swap together may not be less than memory alone, so memory comes first.
      return [
        { file: "memory.limit_in_bytes", value: String(memoryBytes) },
        { file: "memory.memsw.limit_in_bytes", value: String(memoryBytes), optional: true },
      ];
    case "pids":
      return [{ file: "pids.max", value: String(pids) }];
    case "cpu":
      return []; // what of the processors it gets changes all the time: planCpuPortion
    case "devices":
      return [
        { file: "devices.deny", value: "a" },
        ...MONITOR_DEVICES.map((device): Setting => ({ file: "devices.allow", value: device })),
      ];
  }
}

/** null, zero, full, random, urandom, kvm: what a monitor may open. None may be made (m). Source: kernel admin-guide devices.txt. */
const MONITOR_DEVICES = ["c 1:3 rw", "c 1:5 rw", "c 1:7 rw", "c 1:8 r", "c 1:9 r", "c 10:232 rw"];

function planV2(controller: Controller, { memoryBytes, pids }: CgroupLimits): Setting[] {
  switch (controller) {
    case "memory":
      return [
        { file: "memory.max", value: String(memoryBytes) },
        { file: "memory.swap.max", value: "0", optional: true },
        // A monitor that lost one of its threads is of no use: all of it ends.
        { file: "memory.oom.group", value: "1", optional: true },
      ];
    case "pids":
      return [{ file: "pids.max", value: String(pids) }];
    case "cpu":
      return []; // as above
    case "devices":
      return []; // a v2 tree has no such controller: there, the empty /dev of the sandbox is all there is
  }
}

/** Long enough to be cheap, short enough that a guest that has used its time up does not stand still for long. */
const QUOTA_PERIOD_US = 50_000;
const QUOTA_US_MIN = 1000; // the kernel takes no less

/** The settings of a CPU portion in one tree; none in one without that controller. */
export function planCpuPortion({ kind, controllers }: Hierarchy, { shares, processorsMax }: CpuPortion): Setting[] {
  if (!controllers.includes("cpu")) return [];
  const quotaUs = processorsMax === undefined ? undefined : Math.max(QUOTA_US_MIN, Math.round(processorsMax * QUOTA_PERIOD_US));
  if (kind === "v2") {
    return [
      { file: "cpu.weight", value: String(weightOf(shares)) },
      { file: "cpu.max", value: `${quotaUs ?? "max"} ${QUOTA_PERIOD_US}`, optional: true },
    ];
  }
  return [
    { file: "cpu.shares", value: String(shares) },
    { file: "cpu.cfs_period_us", value: String(QUOTA_PERIOD_US), optional: true },
    { file: "cpu.cfs_quota_us", value: String(quotaUs ?? -1), optional: true },
  ];
}

/**
 * 2–262144 shares to a weight of 1–10000: in proportion, so that twice the shares are twice the weight. What is common elsewhere, a line
 * from 2 → 1 to 262144 → 10000, gives those with few shares more than that.
 */
function weightOf(shares: number): number {
  return Math.min(10_000, Math.max(1, Math.round((shares * 10_000) / 262_144)));
}
