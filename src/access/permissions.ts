/**
 * Who may do what on which object: permissions along the inventory tree. Pure.
 * Source: ESXi's access control; paper «Administrative User Access».
 */
import { ADMIN_ROLE, findRole, type PrivilegeId, type Role, roleHolds } from "./roles.ts";

/** A row of the permission table. At most one per principal and entity. */
export interface Permission {
  /** Managed object id of the entity. */
  readonly entity: string;
  readonly principal: string;
  readonly roleId: number;
  /** The role of that id, where it is one that an administrator made; a system role is known by its id. */
  readonly role?: Role;
  /** Whether it reaches the entity's descendants. */
  readonly propagate: boolean;
}

/**
 * The role that a user has on an entity: of the permissions that reach it, the nearest one decides, so a NoAccess on a child
 * hides what its parent grants.
 * @param path the entity's id first, then its ancestors up to the root folder
 * @returns undefined when no permission reaches it, which allows nothing
 */
export function roleOn(path: readonly string[], principal: string, permissions: readonly Permission[]): Role | undefined {
  for (const [distance, entity] of path.entries()) {
    const row = permissions.find((p) => p.entity === entity && p.principal === principal && (distance === 0 || p.propagate));
    if (row !== undefined) return row.role ?? findRole(row.roleId);
  }
  return undefined;
}

/** The root folder's administrators: who may do everything on the host, and so may let others. There must always be one. */
export function administrators(permissions: readonly Permission[], rootFolder: string): readonly string[] {
  return permissions
    .filter(({ entity, roleId, propagate }) => entity === rootFolder && roleId === ADMIN_ROLE && propagate)
    .map(({ principal }) => principal);
}

/** Whether `principal` holds `privilege` on the entity at the start of `path`. */
export function isAllowed(path: readonly string[], principal: string, privilege: PrivilegeId, permissions: readonly Permission[]): boolean {
  const role = roleOn(path, principal, permissions);
  return role !== undefined && roleHolds(role, privilege);
}
