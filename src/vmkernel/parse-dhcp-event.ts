/**
 * Reads what the DHCP client tells of its lease (untrusted: a server on the network says what is in it). Pure.
 * A line for each event, its fields apart by tabs: kind, address, mask, gateways, name servers, domain, search list, seconds.
 * Source: busybox udhcpc, its script's arguments and environment; RFC 2131, RFC 2132.
 */
import { isIPv4 } from "node:net";
import type { Lease } from "./network/config.ts";

/** What the client runs at each event: it tells, and does nothing else. */
export const EVENT_SCRIPT = `#!/bin/busybox sh
echo "dhcp	$1	$ip	$mask	$router	$dns	$domain	$search	$lease"
`;

export type DhcpEvent =
  | { readonly kind: "leased"; readonly lease: Lease }
  /** No server answers. A lease is good until it ends. */
  | { readonly kind: "unanswered" }
  /** It begins; or a server says that the address is not this interface's any more, or its time is over. */
  | { readonly kind: "none" };

const SERVERS_MAX = 8; // more than a resolver ever asks
const DOMAINS_MAX = 32;
const LEASE_SECONDS = { min: 30, max: 0xffff_ffff };
const DOMAIN = /^[a-z0-9_]([a-z0-9_-]{0,62}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,62}[a-z0-9_])?)*$/i;

/** @returns undefined for what is no event, or none that changes anything; also for a lease that no host can have */
export function parseDhcpEvent(line: string, nowMs: number): DhcpEvent | undefined {
  const [mark, kind, address = "", bits = "", routers = "", servers = "", domain = "", search = "", seconds = ""] = line.split("\t");
  if (mark !== "dhcp") return undefined;
  switch (kind) {
    case "bound":
    case "renew": {
      const lease = parseLease({ address, bits, routers, servers, domain, search, seconds }, nowMs);
      return lease && { kind: "leased", lease };
    }
    case "leasefail":
      return { kind: "unanswered" };
    case "deconfig":
      return { kind: "none" };
    default:
      return undefined; // "nak": it asks anew, and says so
  }
}

interface Fields {
  readonly address: string;
  readonly bits: string;
  readonly routers: string;
  readonly servers: string;
  readonly domain: string;
  readonly search: string;
  readonly seconds: string;
}

function parseLease({ address, bits, routers, servers, domain, search, seconds }: Fields, nowMs: number): Lease | undefined {
  if (!isOfHost(address)) return undefined;
  const prefixLength = /^\d{1,2}$/.test(bits) && Number(bits) >= 1 && Number(bits) <= 32 ? Number(bits) : defaultPrefix(address);
  const gateway = routers.split(" ").find(isOfHost);
  const domains = `${search} ${domain}`.split(" ").filter((name) => name.length <= 253 && DOMAIN.test(name));
  const lasts = /^\d{1,10}$/.test(seconds) ? Number(seconds) : 0;
  return {
    address,
    prefixLength,
    ...(gateway !== undefined && { gateway }),
    nameServers: servers.split(" ").filter(isOfHost).slice(0, SERVERS_MAX),
    searchDomains: [...new Set(domains)].slice(0, DOMAINS_MAX),
    untilMs: nowMs + Math.min(LEASE_SECONDS.max, Math.max(LEASE_SECONDS.min, lasts)) * 1000,
  };
}

/** An address that one host can have on a network: not nobody's, the loopback's or a group's. */
function isOfHost(address: string): boolean {
  const first = Number(address.split(".")[0]);
  return isIPv4(address) && first !== 0 && first !== 127 && first < 224;
}

/** A server need not tell the mask: then it is that of the class. RFC 2131 §4.4.1. */
function defaultPrefix(address: string): number {
  const first = Number(address.split(".")[0]);
  return first < 128 ? 8 : first < 192 ? 16 : 24;
}
