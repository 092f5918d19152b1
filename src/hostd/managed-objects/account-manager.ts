/** vim25 HostLocalAccountManager and UserDirectory: the host's own users. There are no groups, as there are none on ESXi. */
import { fault } from "../../wire/index.ts";
import { changePassword, createUser, removeUser, updateUser } from "../access-control/users.ts";
import type { HostAgent } from "../agent.ts";
import type { ManagedObjectType } from "../managed-object.ts";

export const hostLocalAccountManager = {
  type: "HostLocalAccountManager",
  properties: {},
  methods: {
    CreateUser: (agent, { user }, call) => createUser(agent, user, call),
    UpdateUser: (agent, { user }, call) => updateUser(agent, user, call),
    RemoveUser: (agent, { userName }, call) => removeUser(agent, userName, call),
    ChangePassword: (agent, args, call) => changePassword(agent, args, call),
  },
} as const satisfies ManagedObjectType<"HostLocalAccountManager", HostAgent>;

export const userDirectory = {
  type: "UserDirectory",
  properties: { domainList: () => [] },
  methods: {
    RetrieveUserGroups(agent, { domain, searchStr, belongsToGroup, exactMatch, findUsers }) {
      if (domain !== undefined && domain !== "") throw fault("NotFound", `The host is in no domain ${domain}.`, {});
      if (belongsToGroup !== undefined) throw fault("NotFound", `There is no group ${belongsToGroup}.`, {});
      if (!findUsers) return [];
      const wanted = searchStr.toLowerCase();
      return agent.accounts
        .list()
        .filter(({ name, fullName }) =>
          exactMatch ? name === searchStr : [name, fullName].some((text) => text.toLowerCase().includes(wanted)),
        )
        .map(({ name, fullName }) => ({ principal: name, fullName, group: false }));
    },
  },
} as const satisfies ManagedObjectType<"UserDirectory", HostAgent>;
