/**
 * Storage I/O Control: whether a datastore is congested, and what each virtual disk on it may do while it is. Pure.
 * A disk that gets less than its shares entitle it to, and waits long for what it asks, is helped by holding those back that do more than
 * theirs; once nobody waits they are let go again, step by step. Amounts are units a second, as ESXi counts operations: 32 KiB or a part.
 * Paper «Virtualized Storage», which points to "Storage I/O Control Resource Shares and Limits".
 */
import { divide } from "./divide.ts";

export interface DiskUse {
  readonly id: string;
  readonly datastore: string;
  readonly shares: number;
  /** Of its own configuration; absent where there is none. */
  readonly limit?: number | undefined;
  /** What it did in the time that was looked at. */
  readonly done: number;
  /** How long an operation took, on average; absent where there was none. What waits for a limit counts as well. */
  readonly latencyMs?: number | undefined;
}

export interface StorageIoPlan {
  /** What those that are held back may do, by disk. */
  readonly held: ReadonlyMap<string, number>;
  /** What each datastore does, over some looks: a second's requests may end together in the next. */
  readonly lately: ReadonlyMap<string, number>;
  /** What each has been seen to do. */
  readonly capacity: ReadonlyMap<string, number>;
}

export const NOTHING_HELD: StorageIoPlan = { held: new Map(), lately: new Map(), capacity: new Map() };

/** An operation that takes longer waits for others. Source: the default congestion threshold of vSphere's Storage I/O Control. */
export const CONGESTED_MS = 30;
/** vim25 StorageIOAllocationInfo.limit: no disk is held to less. */
const LEAST = 16;
/** What a datastore could do once it may not be able to do later: another kind of load. */
const FORGOTTEN = 0.02;
/** Of the last look in what is done lately. */
const FRESH = 0.25;
const STEP = { down: 0.75, up: 1.1 };
const NEAR = 0.05;

export function planStorageIo(before: StorageIoPlan, uses: readonly DiskUse[]): StorageIoPlan {
  const held = new Map<string, number>();
  const lately = new Map<string, number>();
  const capacity = new Map<string, number>();
  for (const datastore of new Set(uses.map((use) => use.datastore))) {
    const rivals = uses.filter((use) => use.datastore === datastore);
    const done = rivals.reduce((sum, use) => sum + use.done, 0);
    const mean = FRESH * done + (1 - FRESH) * (before.lately.get(datastore) ?? done);
    const known = Math.max(mean, (before.capacity.get(datastore) ?? 0) * (1 - FORGOTTEN));
    lately.set(datastore, mean);
    capacity.set(datastore, known);
    for (const [id, most] of holdBack(before.held, rivals, known)) held.set(id, most);
  }
  return { held, lately, capacity };
}

function holdBack(before: ReadonlyMap<string, number>, rivals: readonly DiskUse[], capacity: number): ReadonlyMap<string, number> {
  const isHeld = ({ id, done }: DiskUse) => done >= (1 - NEAR) * 0.9 * (before.get(id) ?? Number.POSITIVE_INFINITY);
  const isAtLimit = ({ limit = Number.POSITIVE_INFINITY, done }: DiskUse) => done >= 0.9 * limit;
  const waits = (use: DiskUse) => !isAtLimit(use) && !before.has(use.id) && (use.latencyMs ?? 0) > CONGESTED_MS;
  const entitled = divide(
    capacity,
    rivals.map((use) => ({
      ...{ id: use.id, shares: use.shares, reservation: 0, limit: use.limit ?? Number.POSITIVE_INFINITY },
      demand: waits(use) || isHeld(use) ? Number.POSITIVE_INFINITY : use.done,
    })),
  );
  const partOf = ({ id }: DiskUse) => entitled.get(id)?.granted ?? 0;
  const waiting = rivals.filter(waits);
  const isCongested = waiting.some((use) => use.done < (1 - NEAR) * partOf(use));
  const held = new Map<string, number>();
  for (const use of rivals) {
    const now = before.get(use.id);
    if (isCongested && use.done > (1 + NEAR) * partOf(use))
      held.set(use.id, Math.max(LEAST, partOf(use), STEP.down * Math.min(now ?? Number.POSITIVE_INFINITY, use.done)));
    else if (now !== undefined && waiting.length > 0) held.set(use.id, Math.max(LEAST, now, partOf(use)));
    else if (now !== undefined && isHeld(use)) held.set(use.id, now * STEP.up);
    // One that does not want what it may has no need to be held.
  }
  return held;
}
