/**
 * The network that a change began from, as long as that change may have cut off those who manage the host. It is written down before
 * the change is made, so whatever dies meanwhile, the next host agent finds it and goes back when its time is over.
 * vim25 NetworkRollbackEvent.
 */
import type { Clock } from "../../base/index.ts";
import type { Connection } from "../database.ts";
import { type Manager, showsReached } from "./decide-rollback.ts";
import type { VirtualNetwork } from "./network-config.ts";
import { ROLLBACK_SETTING, readPendingRollback } from "./stored-network.ts";

const AGAIN_MS = 1000; // a network that could not be restored is restored a little later

/** A permission on a port group that the change removed. */
export interface LostPermission {
  readonly entity: string;
  readonly principal: string;
  readonly roleId: number;
  readonly propagate: boolean;
}

export interface PendingRollback {
  readonly before: VirtualNetwork;
  readonly permissions: readonly LostPermission[];
  /** Of the host's clock. */
  readonly sinceMs: number;
  readonly untilMs: number;
  readonly changedBy: Manager;
  readonly methodName: string;
  readonly transactionId: string;
}

export interface RollbacksParts {
  readonly database: Connection;
  readonly clock: () => Clock;
  /** Goes back, and says `done`. */
  readonly onDue: (pending: PendingRollback) => Promise<void>;
  /** It could not, and will be asked again. */
  readonly onFailed: (error: unknown) => void;
}

export class Rollbacks {
  readonly #parts: RollbacksParts;
  #pending: PendingRollback | undefined;
  #timer: NodeJS.Timeout | undefined;
  #armedAtMs = 0;

  constructor(parts: RollbacksParts) {
    this.#parts = parts;
    this.#pending = readPendingRollback(parts.database);
  }

  get pending(): PendingRollback | undefined {
    return this.#pending;
  }

  /**
   * Before a change is made that can cut managers off. One upon another goes back to where the first began.
   * @returns what to do when the change came to nothing
   */
  prepare(wanted: PendingRollback): () => void {
    const earlier = this.#pending;
    this.#write(earlier === undefined ? wanted : { ...wanted, before: earlier.before, permissions: earlier.permissions });
    return () => this.#write(earlier);
  }

  /** The change is in force: its time runs. Also at the next start of the host agent, with what is left of it. */
  arm(): void {
    clearTimeout(this.#timer);
    const { onDue, onFailed, clock } = this.#parts;
    const pending = this.#pending;
    if (pending === undefined) return;
    this.#armedAtMs = clock().now();
    this.#wait(pending.untilMs - clock().now(), () =>
      onDue(pending).catch((error: unknown) => {
        onFailed(error);
        if (this.#pending === pending) this.#wait(AGAIN_MS, () => this.arm());
      }),
    );
  }

  /** Somebody who has a session asks for something. */
  onRequest(by: Manager): void {
    if (this.#pending === undefined || this.#timer === undefined) return;
    if (showsReached(by, this.#pending.changedBy, this.#parts.clock().now() - this.#armedAtMs)) this.done();
  }

  /** The change stays, or is no more. */
  done(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#write(undefined);
  }

  #wait(ms: number, deed: () => void): void {
    this.#timer = setTimeout(deed, Math.max(0, ms)).unref();
  }

  #write(pending: PendingRollback | undefined): void {
    const { database } = this.#parts;
    if (pending === undefined) database.prepare("DELETE FROM setting WHERE key = ?").run(ROLLBACK_SETTING);
    else
      database
        .prepare("INSERT INTO setting (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value")
        .run(ROLLBACK_SETTING, JSON.stringify(pending));
    this.#pending = pending;
  }
}
