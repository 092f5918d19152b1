/** Lockdown mode as the database holds it, with the accounts that are the system's own. Every request reads it, so a change holds at once. */
import { canBeEnded, type Lockdown, NO_LOCKDOWN } from "../../access/index.ts";
import { type Connection, readSetting, writeSetting } from "../database.ts";

const LOCKDOWN_KEY = "lockdown";
const SYSTEM_USERS_KEY = "systemUsers";

export class LockdownState {
  readonly #database: Connection;
  #lockdown: Lockdown;
  #systemUsers: readonly string[];
  #onChange: (lockdown: Lockdown) => void = () => {};

  constructor(database: Connection) {
    this.#database = database;
    this.#lockdown = (readSetting(database, LOCKDOWN_KEY) as Lockdown | undefined) ?? NO_LOCKDOWN;
    this.#systemUsers = (readSetting(database, SYSTEM_USERS_KEY) as readonly string[] | undefined) ?? [];
  }

  get current(): Lockdown {
    return this.#lockdown;
  }

  /** vim25 QuerySystemUsers: users that are no administrator's to give or take access. */
  get systemUsers(): readonly string[] {
    return this.#systemUsers;
  }

  set(lockdown: Lockdown): void {
    writeSetting(this.#database, LOCKDOWN_KEY, lockdown);
    this.#lockdown = lockdown;
    this.#onChange(lockdown);
  }

  setSystemUsers(names: readonly string[]): void {
    writeSetting(this.#database, SYSTEM_USERS_KEY, names);
    this.#systemUsers = names;
  }

  /** An account that is gone is excepted no more: another of its name would be. */
  forget(userName: string): void {
    const { mode, exceptions } = this.#lockdown;
    if (exceptions.includes(userName)) this.set({ mode, exceptions: exceptions.filter((name) => name !== userName) });
    if (this.#systemUsers.includes(userName)) this.setSystemUsers(this.#systemUsers.filter((name) => name !== userName));
  }

  /** Whether the host can be administered by one of them as it is now. */
  isAdministrableBy(administrators: readonly string[]): boolean {
    return administrators.length > 0 && canBeEnded(this.#lockdown, administrators);
  }

  /** @param listener is told at once how it is, and then of every change */
  watch(listener: (lockdown: Lockdown) => void): void {
    this.#onChange = listener;
    listener(this.#lockdown);
  }
}
