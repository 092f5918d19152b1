/** vim25 permissions on entities: who has which role where. */
import type { Permission as AccessPermission } from "../../access/index.ts";
import { fault, isSubtype, type MoRef, type Permission } from "../../wire/index.ts";
import { type Call, type HostAgent, sessionOf } from "../agent.ts";
import { ROOT_FOLDER } from "../inventory-tree.ts";
import { refuseGiving } from "./refuse-giving.ts";
import { requireRole } from "./roles.ts";

const PERMISSIONS_MAX = 1000; // of one entity: accounts are far fewer

type Row = Pick<AccessPermission, "principal" | "roleId" | "propagate">;

/** As they are defined on the entity; with `inherited` also those that reach it from above and that nothing nearer overrides. */
export function permissionsOn(agent: HostAgent, entity: MoRef, inherited: boolean): readonly Permission[] {
  requireEntity(agent, entity);
  const path = agent.inventory.pathOf(entity.value).slice(0, inherited ? undefined : 1);
  const seen = new Set<string>();
  return path.flatMap((moid, distance) => {
    const rows = agent.accounts
      .permissions()
      .filter((row) => row.entity === moid && (distance === 0 || row.propagate) && !seen.has(row.principal));
    for (const { principal } of rows) seen.add(principal);
    return rows.flatMap((row) => asPermission(agent, row));
  });
}

/** None for an entity that is not in the inventory any more. */
export function asPermission(agent: HostAgent, { entity, principal, roleId, propagate }: AccessPermission): readonly Permission[] {
  const found = agent.inventory.find(entity);
  return found === undefined ? [] : [{ entity: found.ref, principal, group: false, roleId, propagate }];
}

/** Adds or changes the permissions of those who are named. @throws {Fault} see {@link checkPermissions}; AuthMinimumAdminPermission */
export function setPermissions(agent: HostAgent, entity: MoRef, permissions: readonly Permission[], call: Call): void {
  const wanted = checkPermissions(agent, entity, permissions, call);
  const before = own(agent, entity);
  agent.accounts.change(() => {
    for (const row of wanted) agent.accounts.grant({ entity: entity.value, ...row });
  });
  tellChanges(agent, entity, { before, after: own(agent, entity) }, call);
}

/** Only those that are named are left. @throws {Fault} see {@link checkPermissions}; AuthMinimumAdminPermission */
export function resetPermissions(agent: HostAgent, entity: MoRef, permissions: readonly Permission[], call: Call): void {
  const wanted = checkPermissions(agent, entity, permissions, call);
  const before = own(agent, entity);
  agent.accounts.change(() => {
    for (const { principal } of before) agent.accounts.revoke({ entity: entity.value, principal });
    for (const row of wanted) agent.accounts.grant({ entity: entity.value, ...row });
  });
  tellChanges(agent, entity, { before, after: own(agent, entity) }, call);
}

/** @throws {Fault} NotFound, AuthMinimumAdminPermission */
export function removePermission(agent: HostAgent, entity: MoRef, principal: string, isGroup: boolean, call: Call): void {
  requireEntity(agent, entity);
  const before = own(agent, entity);
  if (isGroup || !before.some((row) => row.principal === principal)) {
    throw fault("NotFound", `${principal} has no permission of its own on this object.`, {});
  }
  agent.accounts.change(() => agent.accounts.revoke({ entity: entity.value, principal }));
  tellChanges(agent, entity, { before, after: own(agent, entity) }, call);
}

/**
 * What a user has on the host as a whole from now on, in the place of all permissions that the user had.
 * @param roleId undefined for none
 * @throws {Fault} NoPermission, AuthMinimumAdminPermission
 */
export function replacePermissions(agent: HostAgent, principal: string, roleId: number | undefined, call: Call): void {
  if (roleId !== undefined) refuseGiving(agent, requireRole(agent, roleId), ROOT_FOLDER, call);
  const had = agent.accounts.permissions().filter((row) => row.principal === principal);
  const places = [...new Set([ROOT_FOLDER.value, ...had.map(({ entity }) => entity)])].map((value) => {
    return agent.inventory.find(value)?.ref ?? { type: "ManagedEntity", value };
  });
  const before = new Map(places.map((place) => [place.value, own(agent, place)]));
  agent.accounts.change(() => {
    for (const { entity } of had) agent.accounts.revoke({ entity, principal });
    if (roleId !== undefined) agent.accounts.grant({ entity: ROOT_FOLDER.value, principal, roleId, propagate: true });
  });
  for (const place of places) tellChanges(agent, place, { before: before.get(place.value) ?? [], after: own(agent, place) }, call);
}

/** @throws {Fault} ManagedObjectNotFound, UserNotFound, NotFound, InvalidArgument, NoPermission */
function checkPermissions(agent: HostAgent, entity: MoRef, permissions: readonly Permission[], call: Call): readonly Row[] {
  requireEntity(agent, entity);
  if (permissions.length > PERMISSIONS_MAX) {
    throw fault("InvalidArgument", `More than ${PERMISSIONS_MAX} permissions are given.`, { invalidProperty: "permission" });
  }
  return permissions.map(({ principal, group, roleId, propagate }, index) => {
    const invalidProperty = `permission[${index}]`;
    if (permissions.findIndex((other) => other.principal === principal) !== index) {
      throw fault("InvalidArgument", `${principal} is named twice.`, { invalidProperty });
    }
    // There are no local groups: ESXi has none either.
    if (group || agent.accounts.find(principal) === undefined) {
      throw fault("UserNotFound", `There is no user ${principal}.`, { principal, unresolved: false });
    }
    const role = requireRole(agent, roleId);
    if (!role.grantable) throw fault("InvalidArgument", `The role ${role.name} is not given to users.`, { invalidProperty });
    refuseGiving(agent, role, entity, call);
    return { principal, roleId, propagate };
  });
}

/** @returns the entity by the type that it has, whatever the client took it for */
export function requireEntity(agent: HostAgent, entity: MoRef): MoRef<"ManagedEntity"> {
  const found = agent.inventory.find(entity.value);
  if (found !== undefined && isSubtype(found.ref.type, "ManagedEntity")) return found.ref as MoRef<"ManagedEntity">;
  throw fault("ManagedObjectNotFound", "The object has already been deleted or has not been completely created", { obj: entity });
}

const own = (agent: HostAgent, { value }: MoRef): readonly AccessPermission[] =>
  agent.accounts.permissions().filter(({ entity }) => entity === value);

interface Difference {
  readonly before: readonly AccessPermission[];
  readonly after: readonly AccessPermission[];
}

function tellChanges(agent: HostAgent, entity: MoRef, { before, after }: Difference, call: Call): void {
  const name = String(agent.inventory.find(entity.value)?.read("name", { sessionKey: undefined, userName: undefined }) ?? "");
  const context = { userName: sessionOf(call).userName };
  const place = { entity: { entity, name }, group: false };
  for (const { principal, roleId, propagate } of after) {
    const earlier = before.find((row) => row.principal === principal);
    if (earlier?.roleId === roleId && earlier.propagate === propagate) continue;
    const role = { roleId, name: agent.accounts.findRole(roleId)?.name ?? "" };
    const event = earlier === undefined ? "PermissionAddedEvent" : "PermissionUpdatedEvent";
    agent.events.post(event, `${principal} has role ${role.name} on ${name}`, context, { ...place, principal, role, propagate });
  }
  for (const { principal } of before.filter((row) => !after.some((other) => other.principal === row.principal))) {
    const message = `The permission of ${principal} on ${name} was removed`;
    agent.events.post("PermissionRemovedEvent", message, context, { ...place, principal });
  }
  agent.changes.changed(...agent.inventory.withAllBeneath(entity)); // what may be read of them is another now
}
