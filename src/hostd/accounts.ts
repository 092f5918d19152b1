/** Accounts, roles and permissions as the database holds them. Every request reads them, so a change holds at once. */
import { type Account, ADMIN_ROLE, administrators, findRole, type Permission, type Role, systemRoles } from "../access/index.ts";
import { fault } from "../wire/index.ts";
import { LockdownState } from "./access-control/lockdown-state.ts";
import type { Connection } from "./database.ts";
import { ROOT_FOLDER } from "./inventory-tree.ts";

export const ROOT = "root";

interface PermissionRow {
  readonly entity: string;
  readonly principal: string;
  readonly role_id: number;
  readonly propagate: number;
}

export class Accounts {
  readonly #database: Connection;
  readonly #lockdown: LockdownState;
  /** Permissions are asked for with every call and change rarely. */
  #permissions: readonly Permission[] | undefined;

  constructor(database: Connection, lockdown = new LockdownState(database)) {
    this.#database = database;
    this.#lockdown = lockdown;
  }

  find(name: string): Account | undefined {
    return this.list().find((account) => account.name === name);
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
    this.#permissions ??= this.#readPermissions();
    return this.#permissions;
  }

  /** The system's, then those that administrators made. */
  roles(): readonly Role[] {
    return [...systemRoles, ...this.#ownRoles()];
  }

  findRole(id: number): Role | undefined {
    return this.roles().find((role) => role.id === id);
  }

  /**
   * Carries out a change as a whole: when `deed` throws, or nobody would be left who may do everything and come in, nothing of it has happened.
   * @throws {Fault} AuthMinimumAdminPermission, and what `deed` throws
   */
  change(deed: () => void): void {
    try {
      this.#database.transaction(() => {
        deed();
        this.#permissions = undefined;
        if (!this.#lockdown.isAdministrableBy(this.administrators())) {
          throw fault("AuthMinimumAdminPermission", "The host must keep at least one administrator of everything.", {});
        }
      })();
    } finally {
      this.#permissions = undefined;
    }
  }

  /** Makes or changes an account. */
  set({ name, fullName, passwordHash }: Account): void {
    const upsert = `INSERT INTO account (name, full_name, password_hash) VALUES (?, ?, ?)
      ON CONFLICT (name) DO UPDATE SET full_name = excluded.full_name, password_hash = excluded.password_hash`;
    this.#database.prepare(upsert).run(name, fullName, passwordHash);
  }

  /** With all its permissions and exceptions: another account of that name does not inherit them. */
  remove(name: string): void {
    this.#lockdown.forget(name);
    this.#database.prepare("DELETE FROM permission WHERE principal = ?").run(name);
    this.#database.prepare("DELETE FROM account WHERE name = ?").run(name);
  }

  grant({ entity, principal, roleId, propagate }: Permission): void {
    const upsert = `INSERT INTO permission (entity, principal, role_id, propagate) VALUES (?, ?, ?, ?)
      ON CONFLICT (entity, principal) DO UPDATE SET role_id = excluded.role_id, propagate = excluded.propagate`;
    this.#database.prepare(upsert).run(entity, principal, roleId, propagate ? 1 : 0);
    this.#permissions = undefined;
  }

  revoke({ entity, principal }: Pick<Permission, "entity" | "principal">): void {
    this.#database.prepare("DELETE FROM permission WHERE entity = ? AND principal = ?").run(entity, principal);
  }

  /** @returns its id */
  addRole(name: string, privileges: readonly string[]): number {
    const insert = this.#database.prepare("INSERT INTO role (name, privileges) VALUES (?, ?)");
    return Number(insert.run(name, JSON.stringify(privileges)).lastInsertRowid);
  }

  updateRole(id: number, name: string, privileges: readonly string[]): void {
    this.#database.prepare("UPDATE role SET name = ?, privileges = ? WHERE id = ?").run(name, JSON.stringify(privileges), id);
  }

  /** With every permission that gives it. */
  removeRole(id: number): void {
    this.#database.prepare("DELETE FROM permission WHERE role_id = ?").run(id);
    this.#database.prepare("DELETE FROM role WHERE id = ?").run(id);
  }

  /** root is always there: paper «Limit Root Access». It is an administrator at first, and again when there is no other. */
  ensureRoot(passwordHash: string | undefined): void {
    const root = this.find(ROOT);
    // "*" locks the account until somebody on the host gives it a password
    if (root === undefined || passwordHash !== undefined) {
      this.set({ name: ROOT, fullName: root?.fullName ?? "Administrator", passwordHash: passwordHash ?? root?.passwordHash ?? "*" });
    }
    if (root !== undefined && this.administrators().length > 0) return;
    this.grant({ entity: ROOT_FOLDER.value, principal: ROOT, roleId: ADMIN_ROLE, propagate: true });
  }

  /** Who may do everything on the host, and has an account. */
  administrators(): readonly string[] {
    const names = new Set(this.list().map(({ name }) => name));
    return administrators(this.permissions(), ROOT_FOLDER.value).filter((name) => names.has(name));
  }

  #readPermissions(): readonly Permission[] {
    const own = new Map(this.#ownRoles().map((role) => [role.id, role]));
    const rows = this.#database.prepare("SELECT entity, principal, role_id, propagate FROM permission").all() as PermissionRow[];
    return rows.map(({ entity, principal, role_id: roleId, propagate }) => {
      const role = own.get(roleId);
      return { entity, principal, roleId, propagate: propagate === 1, ...(role === undefined ? {} : { role }) };
    });
  }

  #ownRoles(): readonly Role[] {
    const rows = this.#database.prepare("SELECT id, name, privileges FROM role ORDER BY id").all();
    return (rows as { id: number; name: string; privileges: string }[]).map(({ id, name, privileges }) => ({
      ...{ id, name, label: name, summary: name, grantable: true },
      privileges: JSON.parse(privileges) as string[],
    }));
  }
}

/** Whether a role is one of those that every host has and nobody changes. */
export const isSystemRole = (id: number): boolean => findRole(id) !== undefined;
