/**
 * Changing lockdown mode and its exceptions: whoever is not let in any more is out at once, and nobody is locked out for good.
 * Source: vim25 HostAccessManager; ESXi's access control.
 */
import { canBeEnded, type Lockdown, type LockdownMode, letsIn } from "../../access/index.ts";
import { fault } from "../../wire/index.ts";
import type { HostAgent } from "../agent.ts";
import { HOST, HOST_MANAGERS } from "../inventory-tree.ts";
import { endSessionsWhere } from "./end-sessions.ts";

const EXCEPTIONS_MAX = 100; // each of them weakens the mode; a handful is what anybody needs

/** Whose doing it is, and from where. */
export interface Doer {
  readonly userName: string;
  readonly address: string;
}

/** Does nothing when the mode is that already. @throws {Fault} AuthMinimumAdminPermission */
export function changeLockdownMode(agent: HostAgent, mode: LockdownMode, by: Doer): void {
  const { current } = agent.lockdown;
  if (current.mode === mode) return;
  const text = mode === "lockdownDisabled" ? "Administrator access to the host has been enabled" : `The host is in lockdown mode (${mode})`;
  const eventTypeId = `esx.audit.lockdownmode.${mode === "lockdownDisabled" ? "disabled" : "enabled"}`;
  change(agent, { mode, exceptions: current.exceptions }, { eventTypeId, text, by });
}

/** @throws {Fault} UserNotFound, InvalidArgument, AuthMinimumAdminPermission */
export function updateLockdownExceptions(agent: HostAgent, users: readonly string[], by: Doer): void {
  const exceptions = requireUsers(agent, users);
  const text = `The users that lockdown mode does not concern are now: ${exceptions.join(", ") || "none"}`;
  const eventTypeId = "esx.audit.lockdownmode.exceptions.changed";
  change(agent, { mode: agent.lockdown.current.mode, exceptions }, { eventTypeId, text, by });
}

/** @throws {Fault} UserNotFound, InvalidArgument */
export function updateSystemUsers(agent: HostAgent, users: readonly string[]): void {
  agent.lockdown.setSystemUsers(requireUsers(agent, users));
}

interface Told {
  readonly eventTypeId: string;
  readonly text: string;
  readonly by: Doer;
}

function change(agent: HostAgent, lockdown: Lockdown, { eventTypeId, text, by }: Told): void {
  if (!canBeEnded(lockdown, agent.accounts.administrators())) {
    const message = "In strict lockdown mode, an administrator of everything must be among the exception users.";
    throw fault("AuthMinimumAdminPermission", message, {});
  }
  agent.lockdown.set(lockdown);
  endSessionsWhere(agent, (userName) => !letsIn(lockdown, userName));
  const object = `${lockdown.mode} except ${lockdown.exceptions.join(" ") || "nobody"}`;
  agent.audit({ id: "lockdown.change", subject: by.userName, object, result: "success", ip: by.address });
  agent.events.post("EventEx", text, { userName: by.userName }, { eventTypeId, severity: "info", message: text });
  agent.changes.changed(HOST, HOST_MANAGERS.hostAccessManager);
}

/** @returns each name once */
function requireUsers(agent: HostAgent, users: readonly string[]): readonly string[] {
  if (users.length > EXCEPTIONS_MAX) {
    throw fault("InvalidArgument", `More than ${EXCEPTIONS_MAX} users are named.`, { invalidProperty: "users" });
  }
  for (const principal of users) {
    if (agent.accounts.find(principal) === undefined) {
      throw fault("UserNotFound", `There is no user ${principal}.`, { principal, unresolved: false });
    }
  }
  return [...new Set(users)];
}
