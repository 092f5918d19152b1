/**
 * Clone tickets: a session lets a second program in, once and for a moment, without telling it a password.
 * Source: vim25 AcquireCloneTicket and CloneSession; VMRC is started with one.
 */
import { randomBytes } from "node:crypto";
import type { Clock } from "../base/index.ts";
import { fault } from "../wire/index.ts";
import type { Session } from "./sessions.ts";

const LIFETIME_MS = 60_000; // long enough for a program to start with it
const TICKETS_MAX = 1000; // a client that asks for tickets and uses none can't exhaust the host's memory

export class CloneTickets {
  readonly #tickets = new Map<string, { readonly session: Session; readonly endsAtMs: number }>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  issue(session: Session): string {
    const nowMs = this.#clock.now();
    for (const [ticket, { endsAtMs }] of this.#tickets) if (endsAtMs < nowMs) this.#tickets.delete(ticket);
    if (this.#tickets.size >= TICKETS_MAX) throw fault("ResourceInUse", `${TICKETS_MAX} tickets are waiting to be used already`, {});
    const ticket = `cst-${randomBytes(20).toString("hex")}`;
    this.#tickets.set(ticket, { session, endsAtMs: nowMs + LIFETIME_MS });
    return ticket;
  }

  /** The session that the ticket was given to, once; undefined for one that is spent, too old or made up. */
  redeem(ticket: string): Session | undefined {
    const found = this.#tickets.get(ticket);
    this.#tickets.delete(ticket);
    return found !== undefined && found.endsAtMs >= this.#clock.now() ? found.session : undefined;
  }
}
