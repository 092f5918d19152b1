/** Accounts and permissions as the database holds them. */
import type { Account, Permission } from "../access/index.ts";
import type { Connection } from "./database.ts";
import { ROOT_FOLDER } from "./inventory-tree.ts";

const ADMIN = -1;

export class Accounts {
  readonly #database: Connection;
  /** Permissions are asked for with every call and change rarely. */
  #permissions: readonly Permission[] | undefined;

  constructor(database: Connection) {
    this.#database = database;
  }

  find(name: string): Account | undefined {
    const row = this.#database.prepare("SELECT name, full_name, password_hash FROM account WHERE name = ?").get(name);
    if (row === undefined) return undefined;
    const { full_name, password_hash } = row as { full_name: string; password_hash: string };
    return { name, fullName: full_name, passwordHash: password_hash };
  }

  list(): readonly Account[] {
    const rows = this.#database.prepare("SELECT name, full_name, password_hash FROM account ORDER BY name").all();
    return (rows as { name: string; full_name: string; password_hash: string }[]).map(({ name, full_name, password_hash }) => ({
      name,
      fullName: full_name,
      passwordHash: password_hash,
    }));
  }

  permissions(): readonly Permission[] {
    this.#permissions ??= (
      this.#database.prepare("SELECT entity, principal, role_id, propagate FROM permission").all() as {
        entity: string;
        principal: string;
        role_id: number;
        propagate: number;
      }[]
    ).map(({ entity, principal, role_id, propagate }) => ({ entity, principal, roleId: role_id, propagate: propagate === 1 }));
    return this.#permissions;
  }

  /** Makes or changes an account. */
  set({ name, fullName, passwordHash }: Account): void {
    const upsert = `INSERT INTO account (name, full_name, password_hash) VALUES (?, ?, ?)
      ON CONFLICT (name) DO UPDATE SET full_name = excluded.full_name, password_hash = excluded.password_hash`;
    this.#database.prepare(upsert).run(name, fullName, passwordHash);
  }

  grant({ entity, principal, roleId, propagate }: Permission): void {
    const upsert = `INSERT INTO permission (entity, principal, role_id, propagate) VALUES (?, ?, ?, ?)
      ON CONFLICT (entity, principal) DO UPDATE SET role_id = excluded.role_id, propagate = excluded.propagate`;
    this.#database.prepare(upsert).run(entity, principal, roleId, propagate ? 1 : 0);
    this.#permissions = undefined;
  }

  /** root is always there, with Admin on everything: paper «Limit Root Access», «the root account … cannot be removed». */
  ensureRoot(passwordHash: string | undefined): void {
    const root = this.find("root");
    // "*" locks the account until somebody on the host gives it a password
    if (root === undefined || passwordHash !== undefined) {
      this.set({ name: "root", fullName: "Administrator", passwordHash: passwordHash ?? root?.passwordHash ?? "*" });
    }
    this.grant({ entity: ROOT_FOLDER.value, principal: "root", roleId: ADMIN, propagate: true });
  }
}
