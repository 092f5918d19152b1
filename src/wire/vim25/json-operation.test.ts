import { expect, test } from "vitest";
import { findJsonOperation } from "./json-operation.ts";

test.each<[string, object]>([
  ["/sdk/vim25/8.0.3.0/ServiceInstance/ServiceInstance/content", { kind: "property", property: { name: "content" }, version: "8.0.3.0" }],
  ["/sdk/vim25/8.0.1.0/SessionManager/ha-sessionmgr/Login", { kind: "method", method: { name: "Login" }, version: "8.0.1.0" }],
  [
    "/sdk/vim25/9.1.0.0/Folder/ha-folder-vm/CreateVM_Task",
    { kind: "method", thisRef: { type: "Folder", value: "ha-folder-vm" }, version: "8.0.3.0" },
  ],
  ["/sdk/vim25/8.0.3.0/Folder/ha-folder-vm/Destroy_Task", { kind: "method", method: { declaredBy: "ManagedEntity" } }],
  ["/sdk/vim25/8.0.3.0/Network/HaNetwork-VM%20Network/name", { thisRef: { type: "Network", value: "HaNetwork-VM Network" } }],
  ["/sdk/vim25/8.0.3.0/Task/session%5Ba%2Fb%5Dc/info", { thisRef: { value: "session[a/b]c" } }],
])("%s", (path, operation) => expect(findJsonOperation(path)).toMatchObject(operation));

test.each([
  "/sdk/vim25/",
  "/sdk/vim25/8.0.3.0",
  "/sdk/vim25/8.0.3.0/Folder/ha-folder-vm",
  "/sdk/vim25/8.0.3.0/Folder/ha-folder-vm/",
  "/sdk/vim25/8.0.3.0/Folder//name",
  "/sdk/vim25/8.0.3.0/Folder/ha-folder-vm/name/x",
  "/sdk/vim25/8.0.3.0/Folder/ha-folder-vm/Name",
  "/sdk/vim25/8.0.3.0/Folder/ha-folder-vm/__proto__",
  "/sdk/vim25/8.0.3.0/Folder/ha-folder-vm/constructor",
  "/sdk/vim25/8.0.3.0/__proto__/x/name",
  "/sdk/vim25/8.0.3.0/KeyValue/x/key",
  "/sdk/vim25/8.0.3.0/Folder/%/name",
  "/sdk/vim25/8.0.3.0/Folder/%ff/name",
  `/sdk/vim25/8.0.3.0/Folder/${"x".repeat(1025)}/name`,
  "/sdk/vim25/newest/Folder/ha-folder-vm/name",
  "/sdk/vim25/8/Folder/ha-folder-vm/name",
  "/sdk/vim25/8.0.3.0.1/Folder/ha-folder-vm/name",
  "/sdk/vim24/8.0.3.0/Folder/ha-folder-vm/name",
])("%s leads to nothing", (path) => expect(findJsonOperation(path)).toBeUndefined());

test("what came after a release is not there in it", () => {
  const path = (release: string) => `/sdk/vim25/${release}/VirtualMachine/1/AttachDisk_Task`;
  expect(findJsonOperation(path("6.7"))).toBeDefined();
  expect(findJsonOperation(path("6.0"))).toBeUndefined();
});
