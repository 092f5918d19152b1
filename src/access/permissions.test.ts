import fc from "fast-check";
import { expect, test } from "vitest";
import { isAllowed, type Permission, roleOn } from "./permissions.ts";
import { systemRoles } from "./roles.ts";

const ROOT = "ha-folder-root";
const path = ["1", "ha-folder-vm", "ha-datacenter", ROOT];
const admin = { entity: ROOT, principal: "root", roleId: -1, propagate: true };

test.each<[string, readonly Permission[], string, boolean]>([
  ["Admin at the root reaches a VM", [admin], "VirtualMachine.Interact.PowerOn", true],
  ["Admin at the root without propagation does not", [{ ...admin, propagate: false }], "System.Read", false],
  ["ReadOnly may read", [{ ...admin, roleId: -2 }], "System.Read", true],
  ["ReadOnly may not power on", [{ ...admin, roleId: -2 }], "VirtualMachine.Interact.PowerOn", false],
  ["NoAccess on the VM beats Admin at the root", [admin, { ...admin, entity: "1", roleId: -5 }], "System.View", false],
  [
    "a permission on the VM itself needs no propagation",
    [{ ...admin, entity: "1", propagate: false }],
    "VirtualMachine.Interact.PowerOn",
    true,
  ],
  ["another user's permission gives nothing", [{ ...admin, principal: "eve" }], "System.View", false],
  ["a role that does not exist gives nothing", [{ ...admin, roleId: 4711 }], "System.View", false],
  ["no permission gives nothing", [], "System.Anonymous", false],
])("%s", (_, permissions, privilege, allowed) => {
  expect(isAllowed(path, "root", privilege, permissions)).toBe(allowed);
});

test("nobody without a row of their own is ever allowed anything", () => {
  const row = fc.record({
    entity: fc.constantFrom(...path),
    principal: fc.constantFrom("root", "alice"),
    roleId: fc.constantFrom(...systemRoles.map((role) => role.id)),
    propagate: fc.boolean(),
  });
  fc.assert(fc.property(fc.array(row), (permissions) => roleOn(path, "mallory", permissions) === undefined));
});
