/** vim25 roles that administrators make: what they are called, and what they may let do. */
import { ANONYMOUS, type Permission, type PrivilegeId, READ, type Role, VIEW } from "../../access/index.ts";
import { fault } from "../../wire/index.ts";
import { isSystemRole } from "../accounts.ts";
import { type Call, type HostAgent, sessionOf } from "../agent.ts";
import { ROOT_FOLDER } from "../inventory-tree.ts";
import { allPrivileges } from "../privileges.ts";
import { refuseGiving } from "./refuse-giving.ts";

const NAME_CHARACTERS_MAX = 80;
const ROLES_MAX = 1000; // far more than anyone keeps apart
/** What every role has: without it nobody would find the objects on which they hold the rest. */
const ALWAYS: readonly PrivilegeId[] = [ANONYMOUS, VIEW, READ];

/** @throws {Fault} InvalidName, AlreadyExists, InvalidArgument, NoPermission */
export function addRole(agent: HostAgent, name: string, privIds: readonly string[], call: Call): number {
  refuseName(agent, name);
  const privileges = checkPrivileges(agent, privIds, [], call);
  if (agent.accounts.roles().length >= ROLES_MAX) throw fault("InvalidRequest", `The host has ${ROLES_MAX} roles already.`, {});
  let id = 0;
  agent.accounts.change(() => {
    id = agent.accounts.addRole(name, privileges);
  });
  tell(agent, call, "RoleAddedEvent", { id, name }, { privilegeList: privileges });
  return id;
}

/** @throws {Fault} NotFound, InvalidArgument for a role of the system's, InvalidName, AlreadyExists, NoPermission */
export function updateRole(agent: HostAgent, id: number, name: string, privIds: readonly string[], call: Call): void {
  const role = requireOwnRole(agent, id);
  if (name !== role.name) refuseName(agent, name, role);
  const before = role.privileges === "all" ? [] : role.privileges;
  const privileges = checkPrivileges(agent, privIds, before, call);
  agent.accounts.change(() => agent.accounts.updateRole(id, name, privileges));
  tell(agent, call, "RoleUpdatedEvent", { id, name }, { privilegeList: privileges, prevRoleName: role.name });
}

/** @throws {Fault} NotFound, InvalidArgument for a role of the system's, RemoveFailed */
export function removeRole(agent: HostAgent, id: number, failIfUsed: boolean, call: Call): void {
  const { name } = requireOwnRole(agent, id);
  const isUsed = agent.accounts.permissions().some(({ roleId }) => roleId === id);
  if (isUsed && failIfUsed) throw fault("RemoveFailed", `The role ${name} is given to somebody.`, {});
  agent.accounts.change(() => agent.accounts.removeRole(id));
  tell(agent, call, "RoleRemovedEvent", { id, name }, {});
}

/** Gives another role to everybody who has one. @throws {Fault} NotFound, AuthMinimumAdminPermission, NoPermission */
export function mergeRoles(agent: HostAgent, from: number, to: number, call: Call): void {
  requireRole(agent, from);
  const role = requireRole(agent, to);
  if (!role.grantable) throw fault("InvalidArgument", `The role ${role.name} is not given to users.`, { invalidProperty: "dstRoleId" });
  refuseGiving(agent, role, ROOT_FOLDER, call);
  agent.accounts.change(() => {
    for (const row of agent.accounts.permissions().filter(({ roleId }) => roleId === from)) {
      const { role: _, ...changed }: Permission = { ...row, roleId: to };
      agent.accounts.grant(changed);
    }
  });
}

export function requireRole(agent: HostAgent, id: number): Role {
  const role = agent.accounts.findRole(id);
  if (role === undefined) throw fault("NotFound", `There is no role ${id}.`, {});
  return role;
}

function requireOwnRole(agent: HostAgent, id: number): Role {
  const role = requireRole(agent, id);
  if (isSystemRole(id)) throw fault("InvalidArgument", `The role ${role.name} is the system's own.`, { invalidProperty: "roleId" });
  return role;
}

function refuseName(agent: HostAgent, name: string, except?: Role): void {
  if (name.trim() !== name || name === "" || name.length > NAME_CHARACTERS_MAX || /[\p{Cc}\p{Cs}]/u.test(name)) {
    throw fault("InvalidName", `'${name.slice(0, NAME_CHARACTERS_MAX)}' is no name for a role.`, {
      name: name.replace(/\p{Cs}/gu, "\ufffd"),
    });
  }
  const same = (role: Role): boolean => role.id !== except?.id && role.name.toLowerCase() === name.toLowerCase();
  if (agent.accounts.roles().some(same)) throw fault("AlreadyExists", `There is a role ${name} already.`, { name });
}

/** @param had what the role held before: to leave it there takes nothing */
function checkPrivileges(agent: HostAgent, ids: readonly string[], had: readonly string[], call: Call): readonly string[] {
  const known = new Set(allPrivileges());
  const unknown = ids.find((id) => !known.has(id));
  if (unknown !== undefined) throw fault("InvalidArgument", `There is no privilege ${unknown}.`, { invalidProperty: "privIds" });
  const added = ids.filter((id) => !had.includes(id) && !ALWAYS.includes(id));
  refuseGiving(agent, { privileges: added }, ROOT_FOLDER, call);
  return [...new Set([...ALWAYS, ...ids])].sort();
}

type RoleEvent = "RoleAddedEvent" | "RoleUpdatedEvent" | "RoleRemovedEvent";

function tell(agent: HostAgent, call: Call, event: RoleEvent, role: { readonly id: number; readonly name: string }, fields: object): void {
  const { userName } = sessionOf(call);
  const verb = { RoleAddedEvent: "added", RoleUpdatedEvent: "updated", RoleRemovedEvent: "removed" }[event];
  agent.events.post(event, `Role ${role.name} was ${verb}`, { userName }, { role: { roleId: role.id, name: role.name }, ...fields });
}
