/** vim25 HostAccessMode: what a user may do on the host as a whole, in one word. Pure. Source: vim25 HostAccessManager. */
import { type Permission, systemRoles } from "../../access/index.ts";
import type { HostAccessMode } from "../../wire/index.ts";

const idOf = (name: string): number | undefined => systemRoles.find((role) => role.name === name)?.id;

/** The modes that are one role on everything. */
const roles: ReadonlyMap<HostAccessMode, number | undefined> = new Map([
  ["accessAdmin", idOf("Admin")],
  ["accessReadOnly", idOf("ReadOnly")],
  ["accessNoAccess", idOf("NoAccess")],
]);

/** The role that a mode gives on the root folder; undefined for one that is no single role. */
export function roleOfMode(mode: HostAccessMode): number | undefined {
  return roles.get(mode);
}

/** @param own all permissions of one user, wherever. @param rootFolder id of the root folder */
export function accessModeOf(own: readonly Permission[], rootFolder: string): HostAccessMode {
  if (own.length === 0) return "accessNone";
  const atRoot = own.find(({ entity, propagate }) => entity === rootFolder && propagate);
  const [mode] = [...roles].find(([, roleId]) => roleId === atRoot?.roleId) ?? [];
  const isSame = own.every(({ roleId }) => roleId === atRoot?.roleId);
  return mode !== undefined && isSame ? mode : "accessOther";
}
