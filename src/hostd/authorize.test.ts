import { expect, test } from "vitest";
import { NO_LOCKDOWN } from "../access/index.ts";
import { datastoresConcerned, refuseAccess, refuseRead, requiredPrivileges } from "./authorize.ts";

const root = { entity: "ha-folder-root", principal: "root", roleId: -1, propagate: true };
const auditor = { ...root, principal: "auditor", roleId: -2 };
const permissions = [root, auditor];
const vm = { type: "VirtualMachine", value: "1" };
const path = ["1", "ha-folder-vm", "ha-datacenter", "ha-folder-root"];
const powerOn = ["VirtualMachine.Interact.PowerOn"];

test.each<[string, string | undefined, readonly string[], string | undefined]>([
  ["root may power on", "root", powerOn, undefined],
  ["a reader may read", "auditor", ["System.Read"], undefined],
  ["a reader may not power on", "auditor", powerOn, "NoPermission"],
  ["one missing privilege of several refuses", "auditor", ["System.Read", ...powerOn], "NoPermission"],
  ["a user without a permission may do nothing", "eve", ["System.View"], "NoPermission"],
  ["nobody is logged in", undefined, ["System.View"], "NotAuthenticated"],
  ["nobody needs to be for System.Anonymous", undefined, ["System.Anonymous"], undefined],
])("%s", (_, userName, privileges, refusal) => {
  expect(refuseAccess(vm, path, privileges, { userName, permissions, lockdown: NO_LOCKDOWN })?.fault).toBe(refusal);
});

test("a refusal names the object and the privilege that is missing", () => {
  expect(refuseAccess(vm, path, powerOn, { userName: "auditor", permissions, lockdown: NO_LOCKDOWN })?.fields).toEqual({
    object: vm,
    privilegeId: powerOn[0],
  });
});

test("before login only the objects that a client must see to log in can be read", () => {
  const anyone = { userName: undefined, permissions, lockdown: NO_LOCKDOWN };
  expect(refuseRead({ type: "SessionManager", value: "ha-sessionmgr" }, ["ha-sessionmgr", "ha-folder-root"], anyone)).toBeUndefined();
  expect(refuseRead(vm, path, anyone)?.fault).toBe("NotAuthenticated");
});

test("a method without a privilege in the schema gets the one of its rule, and by default no less than System.Read", () => {
  expect(requiredPrivileges("Destroy_Task", undefined, {}, vm)).toEqual(["VirtualMachine.Inventory.Delete"]);
  expect(requiredPrivileges("ReconfigVM_Task", undefined, { spec: { memoryMB: 1 } }, vm)).toEqual(["VirtualMachine.Config.Memory"]);
  expect(requiredPrivileges("constructor", undefined, {}, vm)).toEqual(["System.Read"]);
});

test("a call that names two datastores is about both, and one that names none about its object", () => {
  const names = { sourceName: "[a] x", destinationName: "[b] y", destName: "[c] z", name: "[d] w" };
  expect(datastoresConcerned("MoveDatastoreFile_Task", names)).toEqual(["a", "b"]);
  expect(datastoresConcerned("CopyVirtualDisk_Task", names)).toEqual(["a", "c"]);
  expect(datastoresConcerned("InflateVirtualDisk_Task", names)).toEqual(["d"]);
  expect(datastoresConcerned("InflateVirtualDisk_Task", { name: "https://host/folder/x" })).toEqual([undefined]);
  expect(datastoresConcerned("PowerOnVM_Task", names)).toEqual([]);
  expect(datastoresConcerned("constructor", names)).toEqual([]);
});

test.each<[string, readonly string[], string | undefined]>([
  ["root", powerOn, "NoPermission"],
  ["root", ["System.View"], "NoPermission"],
  ["root", ["System.Anonymous"], undefined],
  ["auditor", powerOn, "NoPermission"], // an exception gives nothing that the permissions do not
  ["auditor", ["System.Read"], undefined],
])("in lockdown mode, with auditor excepted, %s uses %s: %s", (userName, privileges, refusal) => {
  const lockdown = { mode: "lockdownStrict", exceptions: ["auditor"] } as const;
  expect(refuseAccess(vm, path, privileges, { userName, permissions, lockdown })?.fault).toBe(refusal);
  if (userName === "root" && privileges[0] === "System.View") {
    expect(refuseRead(vm, path, { userName, permissions, lockdown })?.fault).toBe("NoPermission");
  }
});

test.each([
  ["VirtualMachine", ["VirtualMachine.Config.Rename"]],
  ["Datastore", ["Datastore.Rename"]],
  ["ResourcePool", ["Resource.RenamePool"]],
  ["ManagedEntity", ["VirtualMachine.Config.Rename", "Datastore.Rename", "Resource.RenamePool"]],
  ["constructor", ["VirtualMachine.Config.Rename", "Datastore.Rename", "Resource.RenamePool"]],
])("to rename what a client calls a %s needs %j", (type, privileges) => {
  expect(requiredPrivileges("Rename_Task", undefined, {}, { type, value: "1" })).toEqual(privileges);
});
