/** Nobody gives what they do not have: else whoever may change roles or permissions would have everything. */
import { type PrivilegeId, type Role, roleHolds, roleOn } from "../../access/index.ts";
import { fault, type MoRef } from "../../wire/index.ts";
import { type Call, type HostAgent, sessionOf } from "../agent.ts";
import { allPrivileges } from "../privileges.ts";

/** @throws {Fault} NoPermission, when the caller lacks on the entity a privilege of the role */
export function refuseGiving(agent: HostAgent, role: Pick<Role, "privileges">, entity: MoRef, call: Call): void {
  const own = roleOn(agent.inventory.pathOf(entity.value), sessionOf(call).userName, agent.accounts.permissions());
  const given: readonly PrivilegeId[] = role.privileges === "all" ? allPrivileges() : role.privileges;
  const missing =
    role.privileges === "all" && own?.privileges === "all" ? undefined : given.find((id) => own === undefined || !roleHolds(own, id));
  if (missing === undefined) return;
  throw fault("NoPermission", "Permission to perform this operation was denied: nobody gives a privilege that they do not hold.", {
    object: entity,
    privilegeId: missing,
  });
}
