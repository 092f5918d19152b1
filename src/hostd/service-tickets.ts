/**
 * Service tickets: a session lets a second program make one HTTP request, for a moment, without telling it a password. Pure.
 * Source: vim25 AcquireGenericServiceTicket and SessionManagerHttpServiceRequestSpec; the ticket comes back as a cookie.
 */
import { fault, type SessionManagerHttpServiceRequestSpec } from "../wire/index.ts";
import type { Session } from "./sessions.ts";

const URL_CHARACTERS_MAX = 4096; // the longest path, every byte of it escaped, twice over

/** What a ticket is good for. */
export interface TicketUse {
  /** "GET", "PUT" … */
  readonly method: string;
  readonly url: string;
}

/** What a ticket stands for: a session, for this request. */
export interface ServiceRight {
  readonly session: Session;
  readonly method: string;
  readonly resource: string;
}

/** @throws {Fault} InvalidArgument */
export function serviceRight(session: Session, { method, url }: TicketUse): ServiceRight {
  const resource = resourceOf(url);
  if (resource === undefined) throw fault("InvalidArgument", "The request has no URL that can be read.", { invalidProperty: "spec.url" });
  return { session, method, resource };
}

/** Whether the ticket is for this very request. */
export function isFor({ method, resource }: ServiceRight, use: TicketUse): boolean {
  return method === use.method && resource === resourceOf(use.url);
}

/**
 * What an URL names on this host, however it is escaped, in whatever order its parameters stand. Of the host it says nothing: clients
 * reach this one by many names, and write "*" for those they do not know. Pure.
 */
export function resourceOf(url: string): string | undefined {
  if (url.length > URL_CHARACTERS_MAX || !URL.canParse(url, "https://host")) return undefined;
  const { pathname, searchParams } = new URL(url, "https://host");
  try {
    searchParams.sort();
    return `${decodeURIComponent(pathname)}?${searchParams}`;
  } catch {
    return undefined; // "%zz"
  }
}

const METHODS: Readonly<Record<string, string>> = {
  httpOptions: "OPTIONS",
  httpGet: "GET",
  httpHead: "HEAD",
  httpPost: "POST",
  httpPut: "PUT",
  httpDelete: "DELETE",
  httpTrace: "TRACE",
  httpConnect: "CONNECT",
};

/** @throws {Fault} InvalidArgument for a method that HTTP does not have. One that says none is for reading. */
export function ticketUseOf({ method = "httpGet", url }: SessionManagerHttpServiceRequestSpec): TicketUse {
  const name = Object.hasOwn(METHODS, method) ? METHODS[method] : undefined;
  if (name === undefined) throw fault("InvalidArgument", `${method} is no method of HTTP.`, { invalidProperty: "spec.method" });
  return { method: name, url };
}
