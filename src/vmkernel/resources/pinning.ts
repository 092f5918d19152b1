/** Keeps monitors on the processors that their VMs' configuration names: vim25 VirtualMachineAffinityInfo, `sched.cpu.affinity`. */
import { messageOf, type VmId } from "../../base/index.ts";
import { onlineProcessors, setAffinity } from "../../system/index.ts";

export interface PinnedMonitor {
  readonly vm: VmId;
  readonly pid: number;
}

export class Pinning {
  readonly #log: (line: string) => void;
  /** What was asked for last, by the process's number; absent for one that was never bound. */
  readonly #asked = new Map<number, string>();

  constructor(log: (line: string) => void) {
    this.#log = log;
  }

  /** @param affinity of each VM that has one */
  apply(monitors: readonly PinnedMonitor[], affinity: ReadonlyMap<VmId, readonly number[]>): void {
    const online = onlineProcessors();
    for (const { vm, pid } of monitors) {
      const asked = affinity.get(vm)?.join() ?? "";
      if ((this.#asked.get(pid) ?? "") === asked) continue;
      this.#asked.set(pid, asked);
      this.#bind({ vm, pid }, planProcessors(affinity.get(vm), online));
    }
    const running = new Set(monitors.map(({ pid }) => pid));
    for (const pid of this.#asked.keys()) if (!running.has(pid)) this.#asked.delete(pid);
  }

  #bind({ vm, pid }: PinnedMonitor, processors: readonly number[]): void {
    try {
      setAffinity(pid, processors);
    } catch (error) {
      this.#log(`VM ${vm}: ${messageOf(error)}`);
    }
  }
}

/** Those of the asked ones that are there; all where none is asked for, or none of them is there. Pure. */
export function planProcessors(asked: readonly number[] | undefined, online: readonly number[]): readonly number[] {
  const there = online.filter((number) => asked?.includes(number) === true);
  return there.length === 0 ? online : there;
}
