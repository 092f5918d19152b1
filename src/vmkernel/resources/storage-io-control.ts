/**
 * Looks once a second at what the disks of running VMs do, and holds those back that take more than their shares of a congested
 * datastore; `plan-storage-io.ts` decides. Only where several VMs do much does it ask their monitors, so an idle host pays nothing.
 */
import { messageOf, repeat, type VmId } from "../../base/index.ts";
import { readTransferredBytes } from "../../system/index.ts";
import type { VirtualDiskLoad } from "../rpc.ts";
import { type DiskUse, NOTHING_HELD, planStorageIo } from "./plan-storage-io.ts";

const LOOK_EVERY_MS = 1000;
const UNIT_BYTES = 32 * 1024;
/** Units a second of all together that no datastore is congested by. */
const QUIET = 16;

/** A running monitor as it is seen here. */
export interface StorageUser {
  readonly vm: VmId;
  readonly pid: number;
  readonly disks: readonly { readonly key: number; readonly datastore: string; readonly shares: number; readonly limit?: number }[];
  /** What its disks have done so far. */
  query(): Promise<readonly VirtualDiskLoad[]>;
  /** Holds a disk back to so many units a second, or to what its configuration says. */
  hold(key: number, units: number | undefined): Promise<void>;
}

export interface StorageIoControlParts {
  readonly running: () => readonly StorageUser[];
  readonly log: (line: string) => void;
}

interface Look<What> {
  readonly atMs: number;
  readonly what: What;
}

export class StorageIoControl implements Disposable {
  readonly #parts: StorageIoControlParts;
  readonly #looking: Disposable;
  /** By process. */
  #transferred: ReadonlyMap<number, Look<number>> = new Map();
  /** By disk. */
  #loads: ReadonlyMap<string, Look<VirtualDiskLoad>> = new Map();
  #plan = NOTHING_HELD;

  constructor(parts: StorageIoControlParts) {
    this.#parts = parts;
    this.#looking = repeat(
      LOOK_EVERY_MS,
      () => this.#look(),
      (error) => parts.log(`dividing storage: ${messageOf(error)}`),
    );
  }

  [Symbol.dispose](): void {
    this.#looking[Symbol.dispose]();
  }

  async #look(): Promise<void> {
    const users = this.#parts.running();
    const isBusy = await this.#isBusy(users);
    if (!isBusy && this.#plan.held.size === 0) {
      this.#loads = new Map();
      return;
    }
    const before = this.#plan.held;
    this.#plan = planStorageIo(this.#plan, await this.#measure(users));
    for (const user of users) {
      for (const { key } of user.disks) {
        const id = diskId(user, key);
        const units = this.#plan.held.get(id);
        // One that has ended meanwhile has no disk to hold back.
        if (units !== before.get(id)) await user.hold(key, units).catch(() => {});
      }
    }
  }

  /** Whether two VMs or more use storage, and much of it. */
  async #isBusy(users: readonly StorageUser[]): Promise<boolean> {
    const atMs = performance.now();
    const now = new Map<number, Look<number>>();
    const rates = await Promise.all(
      users.map(async ({ pid }) => {
        const bytes = await readTransferredBytes(pid);
        const before = this.#transferred.get(pid);
        if (bytes === undefined) return 0;
        now.set(pid, { atMs, what: bytes });
        return before === undefined ? 0 : (1000 * (bytes - before.what)) / UNIT_BYTES / (atMs - before.atMs);
      }),
    );
    this.#transferred = now;
    return rates.filter((rate) => rate > 1).length >= 2 && rates.reduce((sum, rate) => sum + rate, 0) > QUIET;
  }

  /** What each disk did since the look before; none at the first. */
  async #measure(users: readonly StorageUser[]): Promise<readonly DiskUse[]> {
    const now = new Map<string, Look<VirtualDiskLoad>>();
    const answers = await Promise.all(users.map(async (user) => ({ user, loads: await user.query().catch(() => []) })));
    const uses = answers.flatMap(({ user, loads }) =>
      user.disks.flatMap((disk) => {
        const load = loads.find(({ key }) => key === disk.key);
        if (load === undefined) return [];
        const id = diskId(user, disk.key);
        const look = { atMs: performance.now(), what: load };
        now.set(id, look);
        const before = this.#loads.get(id);
        return before === undefined
          ? []
          : [{ id, datastore: disk.datastore, shares: disk.shares, limit: disk.limit, ...between(before, look) }];
      }),
    );
    this.#loads = now;
    return uses;
  }
}

const diskId = ({ vm }: StorageUser, key: number): string => `${vm} ${key}`;

function between(before: Look<VirtualDiskLoad>, after: Look<VirtualDiskLoad>): Pick<DiskUse, "done" | "latencyMs"> {
  const grown = (of: (load: VirtualDiskLoad) => number) => Math.max(0, of(after.what) - of(before.what));
  const operations = grown(({ reads, writes }) => reads + writes);
  // A large operation counts as several.
  const units = Math.max(operations, grown(({ readBytes, writtenBytes }) => readBytes + writtenBytes) / UNIT_BYTES);
  const done = (1000 * units) / (after.atMs - before.atMs);
  return operations === 0 ? { done } : { done, latencyMs: grown(({ readMs, writeMs }) => readMs + writeMs) / operations };
}
