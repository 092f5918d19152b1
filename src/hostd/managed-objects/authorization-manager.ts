/** vim25 AuthorizationManager: roles, permissions, and who may do what. The deeds are in access-control/. */
import { type Role, roleHolds, roleOn } from "../../access/index.ts";
import { type AuthorizationRole, type EntityPrivilege, fault, type MoRef } from "../../wire/index.ts";
import {
  asPermission,
  permissionsOn,
  removePermission,
  requireEntity,
  resetPermissions,
  setPermissions,
} from "../access-control/entity-permissions.ts";
import { addRole, mergeRoles, removeRole, requireRole, updateRole } from "../access-control/roles.ts";
import { isSystemRole } from "../accounts.ts";
import type { HostAgent } from "../agent.ts";
import type { ManagedObjectType } from "../managed-object.ts";
import { allPrivileges } from "../privileges.ts";

const ENTITIES_MAX = 2000; // every object of a full host

export const authorizationManager = {
  type: "AuthorizationManager",
  properties: {
    roleList: (agent) => agent.accounts.roles().map(authorizationRole),
    privilegeList: () => allPrivileges().map((privId) => ({ privId, onParent: false, ...namesOf(privId) })),
    description: () => description,
  },
  methods: {
    RetrieveAllPermissions: (agent) => agent.accounts.permissions().flatMap((row) => asPermission(agent, row)),
    RetrieveRolePermissions(agent, { roleId }) {
      requireRole(agent, roleId);
      const rows = agent.accounts.permissions().filter((row) => row.roleId === roleId);
      return rows.flatMap((row) => asPermission(agent, row));
    },
    RetrieveEntityPermissions: (agent, { entity, inherited }) => permissionsOn(agent, entity, inherited),
    SetEntityPermissions: (agent, { entity, permission }, call) => setPermissions(agent, entity, permission ?? [], call),
    ResetEntityPermissions: (agent, { entity, permission }, call) => resetPermissions(agent, entity, permission ?? [], call),
    RemoveEntityPermission: (agent, { entity, user, isGroup }, call) => removePermission(agent, entity, user, isGroup, call),
    AddAuthorizationRole: (agent, { name, privIds }, call) => addRole(agent, name, privIds ?? [], call),
    UpdateAuthorizationRole: (agent, { roleId, newName, privIds }, call) => updateRole(agent, roleId, newName, privIds ?? [], call),
    RemoveAuthorizationRole: (agent, { roleId, failIfUsed }, call) => removeRole(agent, roleId, failIfUsed, call),
    MergePermissions: (agent, { srcRoleId, dstRoleId }, call) => mergeRoles(agent, srcRoleId, dstRoleId, call),
    HasPrivilegeOnEntity: (agent, { entity, sessionId, privId }) =>
      holdings(agent, [entity], userOfSession(agent, sessionId), privId ?? [])[0]?.privAvailability.map(({ isGranted }) => isGranted),
    HasPrivilegeOnEntities: (agent, { entity, sessionId, privId }) =>
      holdings(agent, entity, userOfSession(agent, sessionId), privId ?? []),
    HasUserPrivilegeOnEntities: (agent, { entities, userName, privId }) => holdings(agent, entities, userName, privId ?? []),
    FetchUserPrivilegeOnEntities: (agent, { entities, userName }) =>
      checkEntities(agent, entities).map((entity) => ({ entity, privileges: privilegesOf(roleOf(agent, entity, userName)) })),
  },
} as const satisfies ManagedObjectType<"AuthorizationManager", HostAgent>;

/** "VirtualMachine.Interact.PowerOn" is PowerOn of the group VirtualMachine.Interact. */
function namesOf(privId: string): { readonly name: string; readonly privGroupName: string } {
  const parts = privId.split(".");
  return { name: parts.at(-1) ?? privId, privGroupName: parts.slice(0, -1).join(".") };
}

const element = (key: string, label: string) => ({ $type: "ElementDescription", key, label, summary: label });

const description = {
  privilege: allPrivileges().map((privId) => element(privId, namesOf(privId).name)),
  privilegeGroup: [...new Set(allPrivileges().map((privId) => namesOf(privId).privGroupName))].map((group) => element(group, group)),
};

function authorizationRole(role: Role): AuthorizationRole {
  const { id, name, label, summary } = role;
  return { roleId: id, system: isSystemRole(id), name, info: { label, summary }, privilege: privilegesOf(role) };
}

function privilegesOf(role: Role | undefined): readonly string[] {
  return role === undefined ? [] : role.privileges === "all" ? allPrivileges() : role.privileges;
}

function roleOf({ inventory, accounts }: HostAgent, entity: MoRef, userName: string): Role | undefined {
  return roleOn(inventory.pathOf(entity.value), userName, accounts.permissions());
}

function holdings(agent: HostAgent, entities: readonly MoRef[], userName: string, privIds: readonly string[]): readonly EntityPrivilege[] {
  return checkEntities(agent, entities).map((entity) => {
    const role = roleOf(agent, entity, userName);
    return { entity, privAvailability: privIds.map((privId) => ({ privId, isGranted: role !== undefined && roleHolds(role, privId) })) };
  });
}

function checkEntities(agent: HostAgent, entities: readonly MoRef[]): readonly MoRef<"ManagedEntity">[] {
  if (entities.length > ENTITIES_MAX) {
    throw fault("InvalidArgument", `More than ${ENTITIES_MAX} entities are asked about.`, { invalidProperty: "entity" });
  }
  return entities.map((entity) => requireEntity(agent, entity));
}

function userOfSession({ sessions }: HostAgent, sessionId: string): string {
  const session = sessions.list().find(({ key }) => key === sessionId);
  if (session === undefined) throw fault("InvalidArgument", "There is no session of that id.", { invalidProperty: "sessionId" });
  return session.userName;
}
