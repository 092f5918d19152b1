/** vim25 AuthorizationManager: the roles and permissions of the host, to read. Changing them comes with secure management. */
import { type Role, systemRoles } from "../../access/index.ts";
import type { AuthorizationRole, Permission } from "../../wire/index.ts";
import type { HostAgent } from "../agent.ts";
import type { ManagedObjectType } from "../managed-object.ts";
import { allPrivileges } from "../privileges.ts";

export const authorizationManager = {
  type: "AuthorizationManager",
  properties: {
    roleList: () => systemRoles.map(authorizationRole),
    privilegeList: () =>
      allPrivileges().map((privId) => {
        const parts = privId.split(".");
        return { privId, onParent: false, name: parts.at(-1) ?? privId, privGroupName: parts.slice(0, -1).join(".") };
      }),
    description: () => ({ privilege: [], privilegeGroup: [] }),
  },
  methods: {
    RetrieveAllPermissions: (agent) => permissionsOf(agent),
    RetrieveRolePermissions: (agent, { roleId }) => permissionsOf(agent).filter((row) => row.roleId === roleId),
  },
} as const satisfies ManagedObjectType<"AuthorizationManager", HostAgent>;

function permissionsOf(agent: HostAgent): readonly Permission[] {
  return agent.accounts.permissions().flatMap(({ entity, principal, roleId, propagate }) => {
    const found = agent.inventory.find(entity);
    return found === undefined ? [] : [{ entity: found.ref, principal, group: false, roleId, propagate }];
  });
}

function authorizationRole({ id, name, label, summary, privileges }: Role): AuthorizationRole {
  const privilege = privileges === "all" ? allPrivileges() : privileges;
  return { roleId: id, system: true, name, info: { label, summary }, privilege };
}
