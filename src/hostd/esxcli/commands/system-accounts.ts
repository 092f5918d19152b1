/** `esxcli system account` and `esxcli system permission`: who may come to the host, and what they may do on the whole of it. */
import { Fault } from "../../../base/index.ts";
import type { AuthorizationRole, MoRef } from "../../../wire/index.ts";
import { ACCOUNT_MANAGER, ROOT_FOLDER as FOLDER, USER_DIRECTORY } from "../../inventory-tree.ts";
import { bool, CommandFailed, command, flag, nothing, required, struct, table, text } from "../command.ts";
import type { Host } from "../host.ts";

const ROOT_FOLDER = FOLDER as MoRef<"ManagedEntity">;
const AUTHORIZATION: MoRef<"AuthorizationManager"> = { type: "AuthorizationManager", value: "ha-authmgr" };
const LOCAL_ACCOUNTS = "Host.Local.ManageUserGroups";
const PERMISSIONS = "Authorization.ModifyPermissions";

const id = required(text("-i", "--id", "The name of the user."));
const password = text("-p", "--password", "The password.");
const passwordconfirmation = text("-c", "--password-confirmation", "The password once more.");
const description = text("-d", "--description", "Who that is.");
const shellaccess = bool("-s", "--shell-access", "Whether the user may have a shell. This host has none.");

interface AccountArgs {
  readonly id: string;
  readonly password: string | undefined;
  readonly passwordconfirmation: string | undefined;
  readonly description: string | undefined;
  readonly shellaccess: boolean | undefined;
}

function accountOf({ id: user, password: secret, passwordconfirmation: again, description: who, shellaccess: shell }: AccountArgs) {
  if (secret !== again) throw new CommandFailed("The password and its confirmation do not match.");
  return {
    ...(shell === undefined ? {} : { $type: "HostPosixAccountSpec", shellAccess: shell }),
    id: user,
    ...(secret !== undefined && { password: secret }),
    ...(who !== undefined && { description: who }),
  };
}

/** ESXi's sentences, where scripts look for them. */
async function inWordsOfEsxi(user: string, deed: Promise<void>): Promise<void> {
  try {
    await deed;
  } catch (error) {
    const name = user.slice(0, 64);
    if (error instanceof Fault && error.fault === "AlreadyExists")
      throw new CommandFailed(`The specified key, name, or identifier '${name}' already exists.`);
    if (error instanceof Fault && error.fault === "UserNotFound")
      throw new CommandFailed(`The user or group named '${name}' does not exist.`);
    throw error;
  }
}

const accounts = [
  command("system account list", {
    help: "List the users of the host.",
    result: table(struct("Account", { "User ID": "string", Description: "string", "Shell Access": "boolean" })),
    async run(host) {
      const question = { searchStr: "", exactMatch: false, findUsers: true, findGroups: false };
      const found = (await host.call(USER_DIRECTORY as MoRef<"UserDirectory">, "RetrieveUserGroups", question)) ?? [];
      return found.map(({ principal, fullName }) => ({ "User ID": principal, Description: fullName, "Shell Access": false }));
    },
  }),
  command("system account add", {
    help: "Add a user.",
    privilege: LOCAL_ACCOUNTS,
    params: { description, id, password: required(password), passwordconfirmation: required(passwordconfirmation), shellaccess },
    result: nothing,
    run: (host, args) =>
      inWordsOfEsxi(args.id, host.call(ACCOUNT_MANAGER as MoRef<"HostLocalAccountManager">, "CreateUser", { user: accountOf(args) })),
  }),
  command("system account set", {
    help: "Change a user's password or description.",
    privilege: LOCAL_ACCOUNTS,
    params: { description, id, password, passwordconfirmation, shellaccess },
    result: nothing,
    run: (host, args) =>
      inWordsOfEsxi(args.id, host.call(ACCOUNT_MANAGER as MoRef<"HostLocalAccountManager">, "UpdateUser", { user: accountOf(args) })),
  }),
  command("system account remove", {
    help: "Remove a user.",
    privilege: LOCAL_ACCOUNTS,
    params: { id },
    result: nothing,
    run: (host, args) =>
      inWordsOfEsxi(args.id, host.call(ACCOUNT_MANAGER as MoRef<"HostLocalAccountManager">, "RemoveUser", { userName: args.id })),
  }),
];

async function readRoles(host: Host): Promise<readonly AuthorizationRole[]> {
  return (await host.read(AUTHORIZATION, "roleList")) ?? [];
}

const permissions = [
  command("system permission list", {
    help: "List who has which role on the whole host.",
    result: table(struct("Permission", { Principal: "string", "Is Group": "boolean", Role: "string", "Role Description": "string" })),
    async run(host) {
      const roles = await readRoles(host);
      const found = (await host.call(AUTHORIZATION, "RetrieveEntityPermissions", { entity: ROOT_FOLDER, inherited: false })) ?? [];
      return found.map(({ principal, group, roleId }) => {
        const role = roles.find((one) => one.roleId === roleId);
        return {
          Principal: principal,
          "Is Group": group,
          Role: role?.system === true ? role.name : "Custom",
          "Role Description": role?.info.summary,
        };
      });
    },
  }),
  command("system permission set", {
    help: "Give a user a role on the whole host.",
    privilege: PERMISSIONS,
    params: {
      group: flag("-g", "--group", "It is a group. This host has none."),
      id,
      role: required(text("-r", "--role", "The role: Admin, NoAccess, ReadOnly, or one of the host's own.")),
    },
    result: nothing,
    async run(host, { id: principal, group = false, role: wanted }) {
      const role = (await readRoles(host)).find(({ name }) => name === wanted);
      if (role === undefined) throw new CommandFailed(`Invalid data constraint for parameter 'role'.`);
      const permission = [{ principal, group, roleId: role.roleId, propagate: true }];
      await inWordsOfEsxi(principal, host.call(AUTHORIZATION, "SetEntityPermissions", { entity: ROOT_FOLDER, permission }));
    },
  }),
  command("system permission unset", {
    help: "Take from a user the role on the whole host.",
    privilege: PERMISSIONS,
    params: { group: flag("-g", "--group", "It is a group. This host has none."), id },
    result: nothing,
    run: (host, { id: user, group: isGroup = false }) =>
      host.call(AUTHORIZATION, "RemoveEntityPermission", { entity: ROOT_FOLDER, user, isGroup }),
  }),
];

export const accountCommands = [...accounts, ...permissions];
