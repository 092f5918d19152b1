/** Who knocks at a door that is plain HTTP. Source: vim25 FileManager, «HTTP access»; AcquireGenericServiceTicket. */
import { fault } from "../wire/index.ts";
import type { HostAgent } from "./agent.ts";
import { checkPassword } from "./check-password.ts";
import { isFor } from "./service-tickets.ts";
import type { Client } from "./sessions.ts";

/** What a client showed to be let in; all of it untrusted. */
export interface HttpCredentials {
  readonly sessionSecret: string | undefined;
  readonly ticket: string | undefined;
  readonly password: { readonly userName: string; readonly password: string } | undefined;
}

export interface HttpRequest {
  readonly method: string;
  /** As it was asked for: a ticket is good for one URL. */
  readonly url: string;
  readonly credentials: HttpCredentials;
  readonly client: Client;
}

/** @returns who it is; undefined for who shows nothing. @throws {Fault} InvalidLogin */
export async function authenticateHttp(agent: HostAgent, { method, url, credentials, client }: HttpRequest): Promise<string | undefined> {
  const session = agent.sessions.find(credentials.sessionSecret);
  if (session !== undefined) {
    session.callCount++;
    return session.userName;
  }
  const { ticket, password } = credentials;
  const right = ticket === undefined ? undefined : agent.serviceTickets.redeem(ticket);
  if (right !== undefined && isFor(right, { method, url }) && agent.sessions.list().includes(right.session)) return right.session.userName;
  if (password === undefined) return undefined;
  const account = await checkPassword(agent, password, client);
  if (account === undefined) throw fault("InvalidLogin", "The user name or password is not right.", {});
  return account.name;
}
