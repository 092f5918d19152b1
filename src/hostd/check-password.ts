/** A name and a password, at whichever door they are shown: checked by one function, and a failure is told in one way. */
import { type Account, authenticate } from "../access/index.ts";
import type { HostAgent } from "./agent.ts";
import type { Client } from "./sessions.ts";

/** @returns the account, or undefined for a wrong name or password, which is in the audit log and the events by then */
export async function checkPassword(
  agent: HostAgent,
  { userName, password }: { readonly userName: string; readonly password: string },
  client: Client,
): Promise<Account | undefined> {
  const account = await authenticate((name) => agent.accounts.find(name), userName, password);
  if (account === undefined) reportBadLogin(agent, userName, client);
  return account;
}

export function reportBadLogin(agent: HostAgent, userName: string, { address }: Client): void {
  agent.audit({ id: "vim.connect", subject: userName, object: "SessionManager", result: "failure", reason: "InvalidLogin", ip: address });
  agent.events.post("BadUsernameSessionEvent", `Cannot login ${userName}@${address}`, { userName }, { ipAddress: address });
}
