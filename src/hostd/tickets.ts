/**
 * Tickets: whoever holds one is let in, once and within a moment, without a password being told.
 * Source: vim25 AcquireCloneTicket and AcquireTicket; a viewer or VMRC is started with one.
 */
import { randomBytes } from "node:crypto";
import type { Clock } from "../base/index.ts";
import { fault } from "../wire/index.ts";

const LIFETIME_MS = 60_000; // long enough for a program to start with it
const TICKETS_MAX = 1000; // a client that asks for tickets and uses none can't exhaust the host's memory

/** @typeParam Right what a ticket stands for */
export class Tickets<Right> {
  readonly #tickets = new Map<string, { readonly right: Right; readonly endsAtMs: number }>();
  readonly #clock: Clock;
  readonly #prefix: string;

  /** @param prefix of every ticket, where clients look for one */
  constructor(clock: Clock, prefix = "") {
    this.#clock = clock;
    this.#prefix = prefix;
  }

  issue(right: Right): string {
    const nowMs = this.#clock.now();
    for (const [ticket, { endsAtMs }] of this.#tickets) if (endsAtMs < nowMs) this.#tickets.delete(ticket);
    if (this.#tickets.size >= TICKETS_MAX) throw fault("ResourceInUse", `${TICKETS_MAX} tickets are waiting to be used already`, {});
    const ticket = `${this.#prefix}${randomBytes(20).toString("hex")}`;
    this.#tickets.set(ticket, { right, endsAtMs: nowMs + LIFETIME_MS });
    return ticket;
  }

  /** What the ticket was given for, once; undefined for one that is spent, too old or made up. */
  redeem(ticket: string): Right | undefined {
    const found = this.#tickets.get(ticket);
    this.#tickets.delete(ticket);
    return found !== undefined && found.endsAtMs >= this.#clock.now() ? found.right : undefined;
  }
}
