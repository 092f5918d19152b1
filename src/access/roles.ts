/**
 * The roles that exist on every host, and what each may do. Pure.
 * Source: ESXi's access control; vim25 AuthorizationRole. Ids are ESXi's.
 */

/** A privilege by its vim25 id, for example "VirtualMachine.Interact.PowerOn". */
export type PrivilegeId = string;

export interface Role {
  readonly id: number;
  readonly name: string;
  readonly label: string;
  readonly summary: string;
  /** Whether the role may be given to a user; View and Anonymous are what the host itself uses. */
  readonly grantable: boolean;
  readonly privileges: "all" | readonly PrivilegeId[];
}

export const ANONYMOUS = "System.Anonymous";
export const VIEW = "System.View";
export const READ = "System.Read";

export const ADMIN_ROLE = -1;

export const systemRoles = [
  { id: ADMIN_ROLE, name: "Admin", label: "Administrator", summary: "Full access rights", grantable: true, privileges: "all" },
  {
    id: -2,
    name: "ReadOnly",
    label: "Read-only",
    summary: "See details of objects, but not make changes",
    grantable: true,
    privileges: [ANONYMOUS, VIEW, READ],
  },
  {
    id: -3,
    name: "View",
    label: "View",
    summary: "Visibility access (cannot be granted)",
    grantable: false,
    privileges: [ANONYMOUS, VIEW],
  },
  {
    id: -4,
    name: "Anonymous",
    label: "Anonymous",
    summary: "Not logged-in user (cannot be granted)",
    grantable: false,
    privileges: [ANONYMOUS],
  },
  { id: -5, name: "NoAccess", label: "No access", summary: "Used for restricting granted access", grantable: true, privileges: [] },
] as const satisfies readonly Role[];

const roleById: ReadonlyMap<number, Role> = new Map(systemRoles.map((role) => [role.id, role]));

/** The role of that id, or undefined when there is none. */
export function findRole(id: number): Role | undefined {
  return roleById.get(id);
}

/** Whether `role` holds `privilege`. */
export function roleHolds(role: Role, privilege: PrivilegeId): boolean {
  return role.privileges === "all" || role.privileges.includes(privilege);
}
