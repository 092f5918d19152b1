import { afterAll, beforeAll, expect, test } from "vitest";
import { moRef, type VimClient } from "../src/interfaces/index.ts";
import type { AuthorizationRole, Event, MoRef, Permission, TaskInfo, UserSession } from "../src/wire/index.ts";
import { faultOf, SESSION_MANAGER, startAgent, type TestAgent } from "./agent.fixture.ts";
import { createVm, read, succeeded } from "./vm.ts";

/** Users, roles and permissions, changed over the wire and in force at once. */
const AUTHORIZATION = moRef("AuthorizationManager", "ha-authmgr");
const ACCOUNTS = moRef("HostLocalAccountManager", "ha-localacctmgr");
const DIRECTORY = moRef("UserDirectory", "ha-user-directory");
const ROOT_FOLDER = moRef("Folder", "ha-folder-root");
const ADMIN = -1;
const READ_ONLY = -2;
const NO_ACCESS = -5;
const PASSWORD = "xQaTEhb!";
const RENAME = "VirtualMachine.Config.Rename";
let host: TestAgent;
let root: VimClient;
let vm: MoRef<"VirtualMachine">;

beforeAll(async () => {
  host = await startAgent();
  root = await host.login();
  vm = await createVm(root, { name: "guarded", files: { vmPathName: "[datastore1]" } });
});
afterAll(async () => {
  root?.close();
  await host?.stop();
});

const createUser = (id: string, password = PASSWORD) =>
  root.call(ACCOUNTS, "CreateUser", { user: { id, password, description: `${id}'s own` } });
const allow = (principal: string, roleId: number, entity: MoRef = ROOT_FOLDER) =>
  root.call(AUTHORIZATION, "SetEntityPermissions", {
    entity: entity as never,
    permission: [{ principal, group: false, roleId, propagate: true }],
  });
async function login(userName: string, password = PASSWORD): Promise<VimClient> {
  const client = await host.connect();
  await client.call(SESSION_MANAGER, "Login", { userName, password });
  return client;
}
const roles = async () => (await read(root, AUTHORIZATION, "roleList")) as AuthorizationRole[];

test("a new user logs in, may nothing until a role is given, and what the role holds from then on", async () => {
  await createUser("anna");
  await using anna = await login("anna");
  expect((await faultOf(read(anna, vm, "name"))).fault).toBe("NoPermission");
  const roleId = await root.call(AUTHORIZATION, "AddAuthorizationRole", { name: "Renamer", privIds: [RENAME] });
  expect((await roles()).find((role) => role.roleId === roleId)).toMatchObject({
    name: "Renamer",
    system: false,
    privilege: ["System.Anonymous", "System.Read", "System.View", RENAME],
  });
  await allow("anna", roleId);
  expect(await read(anna, vm, "name")).toBe("guarded");
  await succeeded(anna, await anna.call(vm, "Rename_Task", { newName: "renamed" }));
  expect((await faultOf(anna.call(vm, "PowerOnVM_Task", {}))).fault).toBe("NoPermission");
  await root.call(AUTHORIZATION, "UpdateAuthorizationRole", { roleId, newName: "Reader", privIds: [] });
  expect((await faultOf(anna.call(vm, "Rename_Task", { newName: "again" }))).fault).toBe("NoPermission");
  expect((await faultOf(root.call(AUTHORIZATION, "RemoveAuthorizationRole", { roleId, failIfUsed: true }))).fault).toBe("RemoveFailed");
  await root.call(AUTHORIZATION, "RemoveAuthorizationRole", { roleId, failIfUsed: false });
  expect((await faultOf(read(anna, vm, "name"))).fault).toBe("NoPermission");
  expect((await faultOf(root.call(AUTHORIZATION, "RetrieveRolePermissions", { roleId }))).fault).toBe("NotFound");
});

test("a permission on a VM overrides what comes from above, in its properties and in the history of its tasks", async () => {
  await createUser("bob");
  await allow("bob", READ_ONLY);
  await allow("bob", NO_ACCESS, vm);
  await using bob = await login("bob");
  expect((await faultOf(read(bob, vm, "name"))).fault).toBe("NoPermission");
  const history = await bob.call(moRef("TaskManager", "ha-taskmgr"), "CreateCollectorForTasks", { filter: {} });
  const seen: readonly TaskInfo[] = (await bob.call(history, "ReadNextTasks", { maxCount: 100 })) ?? [];
  expect(seen.map(({ entity }) => entity?.value)).not.toContain(vm.value);
  const on = async (inherited: boolean) =>
    ((await root.call(AUTHORIZATION, "RetrieveEntityPermissions", { entity: vm, inherited })) ?? []).map(
      ({ principal, roleId, entity }: Permission) => [principal, roleId, entity?.value],
    );
  expect(await on(false)).toEqual([["bob", NO_ACCESS, vm.value]]);
  expect(await on(true)).toEqual(
    expect.arrayContaining([
      ["bob", NO_ACCESS, vm.value],
      ["root", ADMIN, ROOT_FOLDER.value],
    ]),
  );
  await root.call(AUTHORIZATION, "RemoveEntityPermission", { entity: vm, user: "bob", isGroup: false });
  expect(await read(bob, vm, "name")).toBe("renamed");
  expect((await faultOf(root.call(AUTHORIZATION, "RemoveEntityPermission", { entity: vm, user: "bob", isGroup: false }))).fault).toBe(
    "NotFound",
  );
});

test("the host keeps an administrator, whatever is asked for", async () => {
  for (const id of [ADMIN])
    await root.call(AUTHORIZATION, "RemoveEntityPermission", { entity: ROOT_FOLDER, user: `role${id}`, isGroup: false });
  const last = [
    root.call(AUTHORIZATION, "RemoveEntityPermission", { entity: ROOT_FOLDER, user: "root", isGroup: false }),
    root.call(AUTHORIZATION, "ResetEntityPermissions", { entity: ROOT_FOLDER, permission: [] }),
    root.call(AUTHORIZATION, "MergePermissions", { srcRoleId: ADMIN, dstRoleId: READ_ONLY }),
    allow("root", READ_ONLY),
  ];
  for (const call of last) expect((await faultOf(call)).fault).toBe("AuthMinimumAdminPermission");
  const permissions = (await root.call(AUTHORIZATION, "RetrieveAllPermissions", {})) ?? [];
  expect(permissions.filter(({ roleId }) => roleId === ADMIN).map(({ principal }) => principal)).toEqual(["root"]);
  expect((await faultOf(root.call(ACCOUNTS, "RemoveUser", { userName: "root" }))).fault).toBe("SecurityError");
});

test("nobody gives what they do not hold", async () => {
  await createUser("carl");
  const privIds = ["Authorization.ModifyRoles", "Authorization.ModifyPermissions", "Host.Local.ManageUserGroups"];
  const roleId = await root.call(AUTHORIZATION, "AddAuthorizationRole", { name: "Clerk", privIds });
  await allow("carl", roleId);
  await using carl = await login("carl");
  const give = (role: number) =>
    carl.call(AUTHORIZATION, "SetEntityPermissions", {
      entity: ROOT_FOLDER,
      permission: [{ principal: "carl", group: false, roleId: role, propagate: true }],
    });
  expect((await faultOf(give(ADMIN))).fault).toBe("NoPermission");
  expect((await faultOf(carl.call(AUTHORIZATION, "AddAuthorizationRole", { name: "More", privIds: [RENAME] }))).fault).toBe("NoPermission");
  const more = { roleId, newName: "Clerk", privIds: [...privIds, RENAME] };
  expect((await faultOf(carl.call(AUTHORIZATION, "UpdateAuthorizationRole", more))).fault).toBe("NoPermission");
  const takeOver = { user: { id: "root", password: "nEw-pAss1word" } };
  expect((await faultOf(carl.call(ACCOUNTS, "UpdateUser", takeOver))).fault).toBe("NoPermission");
  await give(READ_ONLY);
  await give(READ_ONLY).catch(() => {}); // by now carl may not
  expect((await faultOf(give(roleId))).fault).toBe("NoPermission");
});

test("a user who is removed is out at once, and the next of that name inherits nothing", async () => {
  await createUser("dora");
  await allow("dora", READ_ONLY);
  await using dora = await login("dora");
  expect(await read(dora, vm, "name")).toBe("renamed");
  await root.call(ACCOUNTS, "RemoveUser", { userName: "dora" });
  expect((await faultOf(read(dora, vm, "name"))).fault).toBe("NotAuthenticated");
  await createUser("dora");
  await using again = await login("dora");
  expect((await faultOf(read(again, vm, "name"))).fault).toBe("NoPermission");
});

test("users change their own password, and administrators everybody's", async () => {
  await createUser("emil");
  await using stranger = await host.connect();
  const change = (oldPassword: string, newPassword: string) =>
    stranger.call(ACCOUNTS, "ChangePassword", { user: "emil", oldPassword, newPassword });
  expect((await faultOf(change("wrong", "nEw-pAss1word"))).fault).toBe("InvalidLogin");
  expect((await faultOf(change(PASSWORD, "weak"))).fault).toBe("InvalidArgument");
  await change(PASSWORD, "nEw-pAss1word");
  await expect(login("emil")).rejects.toMatchObject({ fault: "InvalidLogin" });
  (await login("emil", "nEw-pAss1word")).close();
  await root.call(ACCOUNTS, "UpdateUser", { user: { id: "emil", password: "aNo-tHer2pass", description: "Emil" } });
  (await login("emil", "aNo-tHer2pass")).close();
  const search = { searchStr: "EMIL", exactMatch: false, findUsers: true, findGroups: true };
  expect(await root.call(DIRECTORY, "RetrieveUserGroups", search)).toMatchObject([{ principal: "emil", fullName: "Emil", group: false }]);
  expect(await root.call(DIRECTORY, "RetrieveUserGroups", { ...search, exactMatch: true })).toEqual([]);
  expect((await faultOf(root.call(DIRECTORY, "RetrieveUserGroups", { ...search, domain: "EXAMPLE" }))).fault).toBe("NotFound");
});

test("what a user holds can be asked by session and by name", async () => {
  const [session] = ((await read(root, SESSION_MANAGER, "sessionList")) as UserSession[]).filter(({ userName }) => userName === "root");
  const privId = [RENAME, "System.Read"];
  const sessionId = session?.key ?? "";
  expect(await root.call(AUTHORIZATION, "HasPrivilegeOnEntity", { entity: vm, sessionId, privId })).toEqual([true, true]);
  expect(await root.call(AUTHORIZATION, "HasPrivilegeOnEntities", { entity: [vm], sessionId, privId })).toMatchObject([
    { entity: vm, privAvailability: [{ isGranted: true }, { isGranted: true }] },
  ]);
  const userName = `role${READ_ONLY}`;
  const vague = { type: "ManagedObject", value: vm.value }; // answered as what it is
  expect(await root.call(AUTHORIZATION, "HasUserPrivilegeOnEntities", { entities: [vague], userName, privId })).toMatchObject([
    { entity: vm, privAvailability: [{ privId: RENAME, isGranted: false }, { isGranted: true }] },
  ]);
  expect(await root.call(AUTHORIZATION, "FetchUserPrivilegeOnEntities", { entities: [vm], userName })).toMatchObject([
    { entity: vm, privileges: ["System.Anonymous", "System.View", "System.Read"] },
  ]);
  expect((await faultOf(root.call(AUTHORIZATION, "HasPrivilegeOnEntity", { entity: vm, sessionId: "x", privId }))).fault).toBe(
    "InvalidArgument",
  );
  const { privilege } = (await read(root, AUTHORIZATION, "description")) as { readonly privilege: readonly unknown[] };
  expect(privilege.length).toBeGreaterThan(50);
});

const row = (changes: Partial<Permission>): Permission => ({
  principal: "bob",
  group: false,
  roleId: READ_ONLY,
  propagate: true,
  ...changes,
});
test.each<readonly [string, readonly Permission[], string]>([
  ["a user who is not there", [row({ principal: "nobody" })], "UserNotFound"],
  ["a group", [row({ group: true })], "UserNotFound"],
  ["a role that is not there", [row({ roleId: 4711 })], "NotFound"],
  ["a role that is not given to users", [row({ roleId: -3 })], "InvalidArgument"],
  ["a user twice", [row({}), row({ roleId: ADMIN })], "InvalidArgument"],
  ["one good and one bad", [row({ roleId: NO_ACCESS }), row({ principal: "nobody" })], "UserNotFound"],
])("permissions that name %s change nothing", async (_, permission, fault) => {
  const before = await root.call(AUTHORIZATION, "RetrieveAllPermissions", {});
  expect((await faultOf(root.call(AUTHORIZATION, "SetEntityPermissions", { entity: ROOT_FOLDER, permission }))).fault).toBe(fault);
  expect(await root.call(AUTHORIZATION, "RetrieveAllPermissions", {})).toEqual(before);
});

test.each([
  ["the name of a role that is there", { name: "readonly" }, "AlreadyExists"],
  ["no name", { name: "" }, "InvalidName"],
  ["a name with a line end", { name: "a\nb" }, "InvalidName"],
  ["a privilege that is none", { name: "New", privIds: ["Moon.Land"] }, "InvalidArgument"],
])("a role with %s is not made", async (_, args, fault) => {
  expect((await faultOf(root.call(AUTHORIZATION, "AddAuthorizationRole", args))).fault).toBe(fault);
});

test.each([
  ["a role of the system's", { roleId: ADMIN, newName: "God" }, "InvalidArgument"],
  ["a role that is not there", { roleId: 4711, newName: "x" }, "NotFound"],
])("%s is not updated", async (_, args, fault) => {
  expect((await faultOf(root.call(AUTHORIZATION, "UpdateAuthorizationRole", args))).fault).toBe(fault);
});

test.each([
  ["a name that is taken but for its case", { id: "BOB", password: PASSWORD }, "AlreadyExists"],
  ["a path for a name", { id: "../etc", password: PASSWORD }, "InvalidArgument"],
  ["no password", { id: "fred" }, "InvalidArgument"],
  ["a weak password", { id: "fred", password: "password" }, "InvalidArgument"],
  ["shell access", { $type: "HostPosixAccountSpec", id: "fred", password: PASSWORD, shellAccess: true }, "NotSupported"],
])("a user with %s is not made", async (_, user, fault) => {
  expect((await faultOf(root.call(ACCOUNTS, "CreateUser", { user }))).fault).toBe(fault);
  const search = { searchStr: "fred", exactMatch: true, findUsers: true, findGroups: false };
  expect(await root.call(DIRECTORY, "RetrieveUserGroups", search)).toEqual([]);
});

test("events tell of what was changed, and never a password", async () => {
  const events: readonly Event[] = (await root.call(moRef("EventManager", "ha-eventmgr"), "QueryEvents", { filter: {} })) ?? [];
  const kinds = new Set(events.map(({ $type }) => $type));
  for (const kind of [
    "AccountCreatedEvent",
    "AccountUpdatedEvent",
    "AccountRemovedEvent",
    "PermissionAddedEvent",
    "PermissionUpdatedEvent",
    "PermissionRemovedEvent",
    "RoleAddedEvent",
    "RoleUpdatedEvent",
    "RoleRemovedEvent",
  ]) {
    expect(kinds).toContain(kind);
  }
  expect(JSON.stringify(events)).not.toContain(PASSWORD);
});

test("what was changed is still so after a new start, also that root is no administrator any more", async () => {
  await createUser("greta");
  await allow("greta", ADMIN);
  await using greta = await login("greta");
  await greta.call(AUTHORIZATION, "RemoveEntityPermission", { entity: ROOT_FOLDER, user: "root", isGroup: false });
  expect((await faultOf(read(root, vm, "name"))).fault).toBe("NoPermission");
  expect((await faultOf(greta.call(ACCOUNTS, "RemoveUser", { userName: "greta" }))).fault).toBe("SecurityError");
  const { folder } = host;
  root.close();
  await host.stop({ keepFolder: true });
  host = await startAgent(folder);
  root = await host.login();
  expect((await faultOf(read(root, vm, "name"))).fault).toBe("NoPermission");
  await using again = await login("greta");
  expect(await read(again, vm, "name")).toBe("renamed");
});
