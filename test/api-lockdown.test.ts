import { get } from "node:https";
import { afterEach, beforeEach, expect, test } from "vitest";
import { moRef, type VimClient } from "../src/interfaces/index.ts";
import type { Event, HostAccessControlEntry, HostConfigInfo, Permission } from "../src/wire/index.ts";
import { faultOf, SESSION_MANAGER, startAgent, type TestAgent } from "./agent.fixture.ts";
import { read } from "./vm.ts";

/** Lockdown mode over the wire: who is out, who stays in, and that nobody is locked out for good. */
const HOST = moRef("HostSystem", "ha-host");
const ACCESS = moRef("HostAccessManager", "ha-host-access-manager");
const ACCOUNTS = moRef("HostLocalAccountManager", "ha-localacctmgr");
const AUTHORIZATION = moRef("AuthorizationManager", "ha-authmgr");
const EVENTS = moRef("EventManager", "ha-eventmgr");
const ROOT_FOLDER = moRef("Folder", "ha-folder-root");
const ADMIN = -1;
const READ_ONLY = -2;
const PASSWORD = "xQaTEhb!";
let host: TestAgent;
let root: VimClient;

beforeEach(async () => {
  host = await startAgent();
  root = await host.login();
  for (const [id, roleId] of [
    ["keeper", ADMIN],
    ["reader", READ_ONLY],
  ] as const) {
    await root.call(ACCOUNTS, "CreateUser", { user: { id, password: PASSWORD } });
    await root.call(AUTHORIZATION, "SetEntityPermissions", {
      entity: ROOT_FOLDER,
      permission: [{ principal: id, group: false, roleId, propagate: true }],
    });
  }
});
afterEach(async () => {
  root?.close();
  await host?.stop();
});

async function login(userName: string, password = PASSWORD, to = host): Promise<VimClient> {
  const client = await to.connect();
  await client.call(SESSION_MANAGER, "Login", { userName, password });
  return client;
}
const refused = async (userName: string, password: string, to = host): Promise<string> =>
  (await faultOf(login(userName, password, to))).fault;

function statusOfFolder(userName: string, password: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const options = { host: "127.0.0.1", port: host.port, path: "/folder", auth: `${userName}:${password}`, rejectUnauthorized: false };
    get(options, (response) => {
      response.resume();
      resolve(response.statusCode);
    }).once("error", reject);
  });
}

test("in lockdown mode only exception users come in, by what they are permitted; the others' sessions are over, and it outlasts a restart", async () => {
  await using reader = await login("reader");
  await root.call(ACCESS, "UpdateLockdownExceptions", { users: ["reader", "reader"] });
  expect(await root.call(ACCESS, "QueryLockdownExceptions", {})).toEqual(["reader"]);
  expect(await statusOfFolder("root", "Correct-Horse-9")).toBe(200);
  await root.call(ACCESS, "ChangeLockdownMode", { mode: "lockdownNormal" });

  expect((await faultOf(read(root, HOST, "name"))).fault).toBe("NotAuthenticated");
  expect(await refused("root", "Correct-Horse-9")).toBe("NoPermission");
  expect(await refused("root", "a wrong one"), "nobody can try what root's password is").toBe("NoPermission");
  expect(await refused("reader", "a wrong one")).toBe("InvalidLogin");
  expect(await statusOfFolder("root", "Correct-Horse-9")).toBe(403);
  const change = { user: "root", oldPassword: "Correct-Horse-9", newPassword: "Correct-Horse-10" };
  expect((await faultOf(reader.call(ACCOUNTS, "ChangePassword", change))).fault).toBe("NoPermission");

  expect(await read(reader, ACCESS, "lockdownMode")).toBe("lockdownNormal");
  expect(await read(reader, HOST, "config")).toMatchObject({
    lockdownMode: "lockdownNormal",
    adminDisabled: true,
  } satisfies Partial<HostConfigInfo>);
  expect((await faultOf(reader.call(ACCESS, "ChangeLockdownMode", { mode: "lockdownDisabled" }))).fault).toBe("NoPermission");
  const said = (await reader.call(EVENTS, "QueryEvents", {
    filter: { eventTypeId: ["esx.audit.lockdownmode.enabled"] },
  })) as readonly Event[];
  expect(said.map(({ userName }) => userName)).toEqual(["root"]);
  const audited = host.audit.map((line) => JSON.parse(line)).filter(({ id }) => id === "lockdown.change");
  expect(audited).toMatchObject([
    { object: "lockdownDisabled except reader" },
    { subject: "root", object: "lockdownNormal except reader" },
  ]);

  await host.stop({ keepFolder: true });
  host = await startAgent(host.folder);
  expect(await refused("root", "Correct-Horse-9")).toBe("NoPermission");
  await using again = await login("reader");
  expect(await read(again, ACCESS, "lockdownMode")).toBe("lockdownNormal");
});

test("the strict mode needs an administrator among the exception users, and that one can be taken away by no road", async () => {
  const strict = () => root.call(ACCESS, "ChangeLockdownMode", { mode: "lockdownStrict" });
  expect((await faultOf(strict())).fault).toBe("AuthMinimumAdminPermission");
  await root.call(ACCESS, "UpdateLockdownExceptions", { users: ["reader"] });
  expect((await faultOf(strict())).fault, "a reader cannot end it").toBe("AuthMinimumAdminPermission");
  expect((await faultOf(root.call(ACCESS, "UpdateLockdownExceptions", { users: ["reader", "nobody"] }))).fields).toMatchObject({
    principal: "nobody",
  });
  await root.call(ACCESS, "UpdateLockdownExceptions", { users: ["reader", "keeper"] });
  await strict();

  await using keeper = await login("keeper");
  const without = (users: readonly string[]) => faultOf(keeper.call(ACCESS, "UpdateLockdownExceptions", { users }));
  expect((await without(["reader"])).fault).toBe("AuthMinimumAdminPermission");
  expect((await faultOf(keeper.call(ACCOUNTS, "RemoveUser", { userName: "keeper" }))).fault).toBe("SecurityError");
  const revoke = { entity: ROOT_FOLDER, user: "keeper", isGroup: false };
  expect((await faultOf(keeper.call(AUTHORIZATION, "RemoveEntityPermission", revoke))).fault).toBe("AuthMinimumAdminPermission");
  const none = { principal: "keeper", isGroup: false, accessMode: "accessNone" } as const;
  expect((await faultOf(keeper.call(ACCESS, "ChangeAccessMode", none))).fault).toBe("AuthMinimumAdminPermission");
  const roots = { principal: "root", isGroup: false, accessMode: "accessNone" } as const;
  expect((await faultOf(keeper.call(ACCESS, "ChangeAccessMode", roots))).fault, "root is no exception user").toBe("SecurityError");

  await keeper.call(ACCOUNTS, "RemoveUser", { userName: "reader" });
  expect(await keeper.call(ACCESS, "QueryLockdownExceptions", {})).toEqual(["keeper"]);
  await keeper.call(HOST, "ExitLockdownMode", {});
  await using back = await host.login();
  expect(await read(back, ACCESS, "lockdownMode")).toBe("lockdownDisabled");
  await back.call(HOST, "EnterLockdownMode", {});
  expect(await read(keeper, ACCESS, "lockdownMode")).toBe("lockdownNormal");
});

test("a user's access mode is changed as a whole, by who may change permissions, and that of the system's users by nobody", async () => {
  const change = (principal: string, accessMode: HostAccessControlEntry["accessMode"], by = root) =>
    by.call(ACCESS, "ChangeAccessMode", { principal, isGroup: false, accessMode });
  const modes = async () => {
    const entries = (await root.call(ACCESS, "RetrieveHostAccessControlEntries", {})) as readonly HostAccessControlEntry[];
    return Object.fromEntries(entries.map(({ principal, accessMode }) => [principal, accessMode]));
  };
  const host = { entity: HOST, permission: [{ principal: "reader", group: false, roleId: ADMIN, propagate: true } as Permission] };
  await root.call(AUTHORIZATION, "SetEntityPermissions", host);
  expect(await modes()).toMatchObject({ root: "accessAdmin", keeper: "accessAdmin", reader: "accessOther" });
  await change("reader", "accessReadOnly");
  expect(await modes()).toMatchObject({ reader: "accessReadOnly" });
  await using reader = await login("reader");
  expect((await faultOf(change("reader", "accessAdmin", reader))).fault).toBe("NoPermission");
  await change("reader", "accessNone");
  expect(Object.keys(await modes())).not.toContain("reader");
  expect((await faultOf(read(reader, HOST, "name"))).fault).toBe("NoPermission");
  expect((await faultOf(change("reader", "accessOther"))).fault).toBe("InvalidArgument");
  expect((await faultOf(change("nobody", "accessAdmin"))).fault).toBe("UserNotFound");

  await root.call(ACCESS, "UpdateSystemUsers", { users: ["keeper"] });
  expect(await root.call(ACCESS, "QuerySystemUsers", {})).toEqual(["keeper"]);
  expect(Object.keys(await modes())).not.toContain("keeper");
  expect((await faultOf(change("keeper", "accessNoAccess"))).fault).toBe("SecurityError");
  expect((await faultOf(root.call(ACCESS, "UpdateSystemUsers", { users: ["nobody"] }))).fault).toBe("UserNotFound");
});
