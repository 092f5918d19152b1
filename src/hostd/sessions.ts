/**
 * API sessions: who is logged in, and the objects that live and die with each login.
 * Source: the vSphere Web Services API; ESXi's access control.
 */
import { randomBytes, randomUUID } from "node:crypto";
import type { Clock } from "../base/index.ts";
import { fault, isSubtype, type MoRef } from "../wire/index.ts";
import type { BoundObject } from "./managed-object.ts";

/** What an administrator may set; options/ has the bounds. */
export interface SessionLimits {
  readonly idleMs: number;
  /** A client that logs in and never out can't exhaust the host's memory. */
  readonly sessionsMax: number;
}

export const OBJECTS_PER_SESSION_MAX = 1000; // filters, collectors and views; real clients hold a dozen

export interface Client {
  readonly address: string;
  readonly userAgent: string;
}

export class Session {
  /** What the cookie holds: a secret. */
  readonly secret = randomBytes(20).toString("hex");
  /** What other sessions may see: UserSession.key. */
  readonly key = randomUUID();
  readonly userName: string;
  readonly fullName: string;
  readonly client: Client;
  readonly loginTimeMs: number;
  lastActiveMs: number;
  callCount = 0;
  locale = "en";
  readonly #objects = new Map<string, SessionObject>();

  constructor(user: { readonly name: string; readonly fullName: string }, client: Client, nowMs: number) {
    this.userName = user.name;
    this.fullName = user.fullName;
    this.client = client;
    this.loginTimeMs = nowMs;
    this.lastActiveMs = nowMs;
  }

  /** A managed object id that no other object of any session has. */
  newMoid(): string {
    return `session[${this.key}]${randomUUID()}`;
  }

  /** Adds an object that ends with the session; one that there is no room for ends at once. */
  addObject(object: SessionObject): void {
    if (this.#objects.size >= OBJECTS_PER_SESSION_MAX) {
      object.dispose();
      throw fault("InvalidRequest", `the session has ${OBJECTS_PER_SESSION_MAX} filters, collectors and views already`, {});
    }
    this.#objects.set(object.instance.ref.value, object);
  }

  findObject(moid: string): SessionObject | undefined {
    return this.#objects.get(moid);
  }

  /** Those of a type, its subtypes included, oldest first. */
  objectsOf(type: string): readonly MoRef[] {
    return [...this.#objects.values()].map(({ instance }) => instance.ref).filter((ref) => isSubtype(ref.type, type));
  }

  /** Ends one object; a no-op when it is gone. */
  removeObject(moid: string): void {
    const object = this.#objects.get(moid);
    this.#objects.delete(moid);
    object?.dispose();
  }

  dispose(): void {
    for (const moid of [...this.#objects.keys()]) this.removeObject(moid);
  }
}

/** An object of one session, and how it ends. */
export interface SessionObject {
  readonly instance: BoundObject;
  dispose(): void;
}

export class Sessions {
  readonly #bySecret = new Map<string, Session>();
  readonly #clock: Clock;
  readonly #limits: () => SessionLimits;

  constructor(clock: Clock, limits: () => SessionLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /** Starts a session for a user whose password has been checked. */
  open(user: { readonly name: string; readonly fullName: string }, client: Client): Session {
    this.closeIdle();
    const { sessionsMax } = this.#limits();
    if (this.#bySecret.size >= sessionsMax) throw fault("ResourceInUse", `the host has ${sessionsMax} sessions already`, {});
    const session = new Session(user, client, this.#clock.now());
    this.#bySecret.set(session.secret, session);
    return session;
  }

  /** The session of a cookie's value, if it is still alive; being looked up counts as activity. */
  find(secret: string | undefined): Session | undefined {
    const session = secret === undefined ? undefined : this.#bySecret.get(secret);
    if (session === undefined) return undefined;
    if (this.#clock.now() - session.lastActiveMs > this.#limits().idleMs) {
      this.close(session);
      return undefined;
    }
    session.lastActiveMs = this.#clock.now();
    return session;
  }

  list(): readonly Session[] {
    this.closeIdle();
    return [...this.#bySecret.values()];
  }

  close(session: Session): void {
    this.#bySecret.delete(session.secret);
    session.dispose();
  }

  closeIdle(): void {
    const oldest = this.#clock.now() - this.#limits().idleMs;
    for (const session of this.#bySecret.values()) if (session.lastActiveMs < oldest) this.close(session);
  }
}
