/**
 * The cookies of the vSphere API: a session's, and a ticket's for one request. Pure.
 * Source: the vSphere Web Services API on the wire. Some clients send the whole Set-Cookie text back as their Cookie, quotes and attributes
 * included, so what is read is lenient; the same cookie opens every door of the host.
 */

const NAME = "vmware_soap_session";
const TICKET = "vmware_cgi_ticket";
const KEY = /^[A-Za-z0-9_-]{1,128}$/; // ours are 40 hex digits

/** @param header the Cookie header (untrusted). @returns what it holds for us, or undefined */
export function readSessionCookie(header: string | undefined): string | undefined {
  return readCookie(header, NAME);
}

/** @param header the Cookie header (untrusted). @returns the ticket that the client was given for this request, or undefined */
export function readTicketCookie(header: string | undefined): string | undefined {
  return readCookie(header, TICKET);
}

function readCookie(header: string | undefined, name: string): string | undefined {
  for (const part of header?.split(/[;,]/) ?? []) {
    const equals = part.indexOf("=");
    if (equals < 0 || part.slice(0, equals).trim() !== name) continue;
    const value = part.slice(equals + 1).trim();
    const key = value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
    return KEY.test(key) ? key : undefined;
  }
  return undefined;
}

/** The Set-Cookie header for a session, in the very form that ESXi gives it: clients take it apart by hand. */
export function formatSessionCookie(key: string): string {
  return `${NAME}="${key}"; Path=/; HttpOnly; Secure;`;
}
