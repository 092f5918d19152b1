/** Where the host listens, as people write it: `--listen ADDR:PORT`. Pure. */
import { isIP } from "node:net";

export interface ListenAddress {
  /** An IPv4 or IPv6 address, without brackets. */
  readonly host: string;
  readonly port: number;
}

export const DEFAULT_LISTEN = "127.0.0.1:8443";

const PORT_MAX = 65_535;

/**
 * @param text "127.0.0.1:8443", "[::1]:8443"; a name is not taken, for it may mean several addresses
 * @returns undefined when it is not of that form
 */
export function parseListenAddress(text: string): ListenAddress | undefined {
  const match = /^(?:\[([^[\]%]+)\]|([^[\]:]+)):([0-9]{1,5})$/.exec(text);
  if (match === null) return undefined;
  const [, v6, v4, digits = ""] = match;
  const host = v6 ?? v4 ?? "";
  const port = Number(digits);
  if (isIP(host) !== (v6 === undefined ? 4 : 6) || port < 1 || port > PORT_MAX) return undefined;
  return { host, port };
}

export function formatListenAddress({ host, port }: ListenAddress): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

const ANY = ["0.0.0.0", "::"];

/**
 * Where a client on this machine or beside it finds the host.
 * @param addresses of this machine that others reach it at, best first
 */
export function urlOf({ host, port }: ListenAddress, addresses: readonly string[]): string {
  const reachable = ANY.includes(host) ? (addresses[0] ?? "127.0.0.1") : host;
  return `https://${formatListenAddress({ host: reachable, port })}`;
}
