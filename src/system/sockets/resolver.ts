/**
 * Names of machines on the network, looked up for what this process connects to: as the machine does it (/etc/resolv.conf), or by
 * name servers that are set here. Source: RFC 1034, resolv.conf(5).
 */
import { lookup, Resolver } from "node:dns/promises";
import { isIPv6 } from "node:net";
import { SystemError } from "../../base/index.ts";

export interface NameServers {
  /** IPv4 or IPv6, IPv4 with ":port" where it is not 53; asked one after another. At least one. */
  readonly servers: readonly string[];
  /** Tried after a name without a dot, in order. */
  readonly searchDomains: readonly string[];
}

/** One server that does not answer is given up for the next: four times as long for a name altogether. */
const ANSWER = { timeout: 2000, tries: 2 };

let wanted: NameServers | undefined;

/** From now on. Undefined: as the machine does it. */
export function useNameServers(servers: NameServers | undefined): void {
  wanted = servers;
}

/** @returns at least one address. @throws {SystemError} for a name that nobody knows */
export async function resolveName(name: string): Promise<readonly string[]> {
  if (wanted === undefined || name === "localhost") return (await lookup(name, { all: true })).map(({ address }) => address);
  const { servers, searchDomains } = wanted;
  const resolver = new Resolver(ANSWER);
  resolver.setServers(servers.map((server) => (isIPv6(server) ? `[${server}]` : server)));
  const candidates = name.includes(".") ? [name] : [...searchDomains.map((domain) => `${name}.${domain}`), name];
  for (const candidate of candidates) {
    const found = await Promise.allSettled([resolver.resolve4(candidate), resolver.resolve6(candidate)]);
    const addresses = found.flatMap((one) => (one.status === "fulfilled" ? one.value : []));
    if (addresses.length > 0) return addresses;
  }
  throw new SystemError(`${name} is not known to the name servers ${servers.join(", ")}`);
}
