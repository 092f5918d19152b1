import { expect, test } from "vitest";
import type { Permission } from "../../access/index.ts";
import { accessModeOf, roleOfMode } from "./access-mode.ts";

const row = (entity: string, roleId: number, propagate = true): Permission => ({ entity, principal: "anna", roleId, propagate });

test.each<[string, readonly Permission[], string]>([
  ["no permission", [], "accessNone"],
  ["Admin of everything", [row("root", -1)], "accessAdmin"],
  ["Admin of everything, and of a VM once more", [row("root", -1), row("1", -1, false)], "accessAdmin"],
  ["Admin of everything but a VM", [row("root", -1), row("1", -5)], "accessOther"],
  ["Admin of the root folder alone", [row("root", -1, false)], "accessOther"],
  ["Admin of a VM", [row("1", -1)], "accessOther"],
  ["read-only", [row("root", -2)], "accessReadOnly"],
  ["no access", [row("root", -5)], "accessNoAccess"],
  ["a role of one's own", [row("root", 7)], "accessOther"],
])("%s", (_, own, mode) => expect(accessModeOf(own, "root")).toBe(mode));

test("what a mode gives is read as that mode again", () => {
  for (const mode of ["accessAdmin", "accessReadOnly", "accessNoAccess"] as const) {
    expect(accessModeOf([row("root", roleOfMode(mode) ?? 0)], "root")).toBe(mode);
  }
  expect(roleOfMode("accessOther")).toBeUndefined();
});
