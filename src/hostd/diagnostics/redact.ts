/**
 * Takes secrets out of a text that leaves the host. Pure.
 * Nothing that is put into a support bundle should hold one; this is the second lock, for what a person pasted into a name or a
 * stranger got into a log.
 */

const REPLACEMENT = "[removed]";

const SECRETS: readonly RegExp[] = [
  /-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|$)/g,
  /scrypt\$[^\s"'\\]+/g, // a password's hash, as access/password.ts writes it
  /\$(?:1|2[aby]|5|6|y)\$[./A-Za-z0-9$=,]{8,}/g, // … and as a Unix system does
  /\b[0-9a-f]{40}\b/gi, // a session's cookie, or half of a ticket
];

/** @param known texts that must not be in it: the keys of the sessions that are open now */
export function redact(text: string, known: readonly string[]): string {
  const withoutKnown = known.reduce((rest, secret) => (secret === "" ? rest : rest.replaceAll(secret, REPLACEMENT)), text);
  return SECRETS.reduce((rest, pattern) => rest.replaceAll(pattern, REPLACEMENT), withoutKnown);
}
