/**
 * What a client shows at a door that is plain HTTP: the session's cookie, a ticket for this one request, or a name and a password.
 * Pure; nothing of it is believed here. Source: vim25 FileManager, «HTTP access»; RFC 7617.
 */
import type { IncomingHttpHeaders } from "node:http";
import type { HttpCredentials } from "../../hostd/index.ts";
import { readSessionCookie, readTicketCookie } from "../sdk/session-cookie.ts";

export function readCredentials({ cookie, authorization }: IncomingHttpHeaders): HttpCredentials {
  return { sessionSecret: readSessionCookie(cookie), ticket: readTicketCookie(cookie), password: readBasic(authorization) };
}

function readBasic(header: string | undefined): HttpCredentials["password"] {
  const [, encoded = ""] = /^\s*Basic\s+([A-Za-z0-9+/]+=*)\s*$/i.exec(header ?? "") ?? [];
  const text = Buffer.from(encoded, "base64").toString("utf8");
  const colon = text.indexOf(":");
  return colon < 0 ? undefined : { userName: text.slice(0, colon), password: text.slice(colon + 1) };
}
