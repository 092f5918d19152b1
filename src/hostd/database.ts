/**
 * hostd's database: what shall be. The registered VMs, accounts and permissions, tasks and events; what is, the kernel holds.
 * SQLite in WAL mode with synchronous=FULL: a row that was written is there after `kill -9` and after a power failure.
 */
import Database from "libsql";
import { besideFile } from "../system/index.ts";

/** An open database. */
export type Connection = Database.Database;

// Each statement runs once on a database that has fewer; new ones are added at the end and old ones never change.
const MIGRATIONS = [
  `CREATE TABLE setting (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT`,
  `CREATE TABLE account (name TEXT PRIMARY KEY, full_name TEXT NOT NULL, password_hash TEXT NOT NULL) STRICT`,
  `CREATE TABLE permission (entity TEXT NOT NULL, principal TEXT NOT NULL, role_id INTEGER NOT NULL, propagate INTEGER NOT NULL,
     PRIMARY KEY (entity, principal)) STRICT`,
  // AUTOINCREMENT: an id is never given to a second VM, so a client that still holds it can't reach another one
  `CREATE TABLE vm (id INTEGER PRIMARY KEY AUTOINCREMENT, vmx TEXT NOT NULL UNIQUE) STRICT`,
  `CREATE TABLE task (id INTEGER PRIMARY KEY AUTOINCREMENT, moid TEXT NOT NULL UNIQUE, info TEXT NOT NULL, journal TEXT NOT NULL,
     completed_at INTEGER) STRICT`,
  `CREATE TABLE event (key INTEGER PRIMARY KEY AUTOINCREMENT, created_at INTEGER NOT NULL, event TEXT NOT NULL) STRICT`,
  // AutoStartPowerInfo without its key; a VM that leaves the inventory takes its row along
  `CREATE TABLE auto_start (vm INTEGER PRIMARY KEY REFERENCES vm (id) ON DELETE CASCADE, info TEXT NOT NULL) STRICT`,
  // Roles that an administrator made; the id of one that was removed is never given to another
  `CREATE TABLE role (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE COLLATE NOCASE, privileges TEXT NOT NULL) STRICT`,
  // Physical network adapters by the machine's names: "vmnic" and the number is what clients call each, for good
  `CREATE TABLE adapter (name TEXT PRIMARY KEY, number INTEGER NOT NULL UNIQUE, facts TEXT NOT NULL) STRICT`,
  // Resource pools; no parent is the host's root pool. What is directly in that has no row as a member
  `CREATE TABLE pool (id INTEGER PRIMARY KEY AUTOINCREMENT, parent INTEGER REFERENCES pool (id), name TEXT NOT NULL,
     change_version INTEGER NOT NULL, allocations TEXT NOT NULL) STRICT`,
  `CREATE TABLE pool_member (vm INTEGER PRIMARY KEY REFERENCES vm (id) ON DELETE CASCADE, pool INTEGER NOT NULL REFERENCES pool (id)) STRICT`,
];

/** Opens the database, made or brought up to date where needed. `path` may be ":memory:". */
export function openDatabase(path: string): Connection {
  const database = new Database(path);
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;");
  const { user_version: done } = database.prepare("PRAGMA user_version").get() as { user_version: number };
  if (done > MIGRATIONS.length) throw new Error(`${path} was written by a newer version (schema ${done}, known ${MIGRATIONS.length})`);
  for (const [index, statement] of MIGRATIONS.entries()) {
    if (index < done) continue;
    database.transaction(() => {
      database.exec(statement);
      database.exec(`PRAGMA user_version = ${index + 1}`);
    })();
  }
  return database;
}

/**
 * Asks a database that its owner has open something, and changes nothing. SQLite keeps two files beside it, which another's user would own
 * if the owner left just now: they are given to him. @returns undefined where there is none
 */
export function lookInto<T>(path: string, look: (database: Connection) => T): T | undefined {
  return besideFile(path, ["-wal", "-shm"], () => {
    const database = new Database(path);
    try {
      database.exec("PRAGMA query_only = ON; PRAGMA busy_timeout = 5000;");
      return look(database);
    } finally {
      database.close();
    }
  });
}

/** A setting that is made once and kept: the host's instance UUID and the like. */
export function settingOnce(database: Connection, key: string, make: () => string): string {
  const row = database.prepare("SELECT value FROM setting WHERE key = ?").get(key) as { value: string } | undefined;
  if (row !== undefined) return row.value;
  const value = make();
  database.prepare("INSERT INTO setting (key, value) VALUES (?, ?)").run(key, value);
  return value;
}

/** A setting that is kept as JSON; undefined when it was never set. */
export function readSetting(database: Connection, key: string): unknown {
  const row = database.prepare("SELECT value FROM setting WHERE key = ?").get(key) as { value: string } | undefined;
  return row === undefined ? undefined : JSON.parse(row.value);
}

export function writeSetting(database: Connection, key: string, value: unknown): void {
  database
    .prepare("INSERT INTO setting (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value")
    .run(key, JSON.stringify(value));
}
