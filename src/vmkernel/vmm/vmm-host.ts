/** What of the host every monitor is started with. */

export interface VmmHost {
  /** QEMU's file, absolute and without symlinks. */
  readonly program: string;
  /** The folder of the run-time folders, root's alone. */
  readonly folder: string;
  readonly accelerator: "kvm" | "tcg";
  /** In what every monitor's confinement is weaker than the design; empty on a whole host. */
  readonly weaknesses: readonly string[];
  /** The host's cgroup, which holds its monitors'; undefined where the machine has none (--degraded). */
  readonly cgroup: string | undefined;
  /** Uids that this host gives to monitors, one each. */
  readonly uids: UidRange;
  /** The command line that runs `argv` as `uid` in the sandbox. */
  confine(uid: number, argv: readonly string[]): readonly string[];
}

export interface UidRange {
  readonly first: number;
  readonly count: number;
}

/** @returns the first uid of the range that nobody has, or undefined */
export function pickUid({ first, count }: UidRange, taken: ReadonlySet<number>): number | undefined {
  for (let uid = first; uid < first + count; uid += 1) if (!taken.has(uid)) return uid;
  return undefined;
}
