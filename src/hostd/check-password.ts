/** A name and a password, at whichever door they are shown: checked by one function, and a failure is told in one way. */
import { type Account, authenticate, letsIn, VIEW } from "../access/index.ts";
import { fault } from "../wire/index.ts";
import type { HostAgent } from "./agent.ts";
import type { Client } from "./sessions.ts";

const SESSION_MANAGER = { type: "SessionManager", value: "ha-sessionmgr" } as const;

/**
 * In lockdown mode the password of whoever is not let in is not even looked at: nobody can try what it is.
 * @returns the account, or undefined for a wrong name or password, which is in the audit log and the events by then
 * @throws {Fault} NoPermission, in lockdown mode
 */
export async function checkPassword(
  agent: HostAgent,
  { userName, password }: { readonly userName: string; readonly password: string },
  client: Client,
): Promise<Account | undefined> {
  if (!letsIn(agent.lockdown.current, userName)) {
    reportBadLogin(agent, userName, client, "NoPermission");
    const message = "Permission to perform this operation was denied: the host is in lockdown mode, and this user is not excepted from it.";
    throw fault("NoPermission", message, { object: SESSION_MANAGER, privilegeId: VIEW });
  }
  const account = await authenticate((name) => agent.accounts.find(name), userName, password);
  if (account === undefined) reportBadLogin(agent, userName, client);
  return account;
}

export function reportBadLogin(agent: HostAgent, userName: string, { address }: Client, reason = "InvalidLogin"): void {
  agent.audit({ id: "vim.connect", subject: userName, object: "SessionManager", result: "failure", reason, ip: address });
  agent.events.post("BadUsernameSessionEvent", `Cannot login ${userName}@${address}`, { userName }, { ipAddress: address });
}
