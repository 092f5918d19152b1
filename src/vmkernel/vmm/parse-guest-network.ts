/**
 * Where a guest sends its packets and whom it asks for names, from its own files. Pure.
 * The guest writes what it likes: what is no address is left out, and there is an end to all of it.
 * Source: Linux /proc/net/route and /proc/net/ipv6_route (net/ipv4/fib_trie.c, net/ipv6/route.c), resolv.conf(5).
 */
import { isIP, isIPv6 } from "node:net";
import type { GuestNetwork, GuestRoute } from "../rpc.ts";

/** Undefined where there is no such file, or the agent may not read it. */
export interface GuestNetworkFiles {
  readonly routes: string | undefined;
  readonly routes6: string | undefined;
  readonly resolver: string | undefined;
}

const ROUTES_MAX = 64;
const SERVERS_MAX = 16;
const DOMAINS_MAX = 16;
const DOMAIN_LENGTH_MAX = 255; // RFC 1035 §2.3.4
const FLAG = { up: 0x1, gateway: 0x2, reject: 0x200 };

/** @returns undefined when nothing could be read */
export function parseGuestNetwork({ routes, routes6, resolver }: GuestNetworkFiles): GuestNetwork | undefined {
  if (routes === undefined && routes6 === undefined && resolver === undefined) return undefined;
  const found = [...linesOf(routes).flatMap(parseRoute), ...linesOf(routes6).flatMap(parseRoute6)];
  return { routes: found.slice(0, ROUTES_MAX), ...parseResolver(resolver) };
}

/** Iface Destination Gateway Flags RefCnt Use Metric Mask …: addresses in the guest's byte order, which is little-endian. */
function parseRoute(line: string): GuestRoute[] {
  const [, destination = "", gateway = "", flagsText = "", , , , mask = ""] = line.split(/\s+/);
  const flags = Number.parseInt(flagsText, 16);
  if (![destination, gateway, mask].every((word) => /^[0-9A-F]{8}$/i.test(word)) || !(flags & FLAG.up) || flags & FLAG.reject) return [];
  return [
    {
      network: addressOf(destination),
      prefixLength: [...Number.parseInt(mask, 16).toString(2)].filter((bit) => bit === "1").length,
      ...(flags & FLAG.gateway && { gateway: addressOf(gateway) }),
    },
  ];
}

function addressOf(word: string): string {
  return [6, 4, 2, 0].map((at) => Number.parseInt(word.slice(at, at + 2), 16)).join(".");
}

/** Destination, its prefix, source, its prefix, next hop, metric, references, use, flags, interface. */
function parseRoute6(line: string): GuestRoute[] {
  const [destination = "", prefix = "", , , gateway = "", , , , flagsText = "", device] = line.trim().split(/\s+/);
  const flags = Number.parseInt(flagsText, 16);
  const [network, nextHop] = [address6Of(destination), address6Of(gateway)];
  const prefixLength = Number.parseInt(prefix, 16);
  if (network === undefined || nextHop === undefined || !(flags & FLAG.up) || flags & FLAG.reject || device === "lo") return [];
  if (!(prefixLength < 128) || network.startsWith("ff")) return []; // an address of its own, or multicast
  return [{ network, prefixLength, ...(flags & FLAG.gateway && { gateway: nextHop }) }];
}

function address6Of(digits: string): string | undefined {
  const text = /^[0-9a-f]{32}$/i.test(digits) ? (digits.match(/.{4}/g) ?? []).join(":") : "";
  return isIPv6(text) ? new URL(`http://[${text}]`).hostname.slice(1, -1) : undefined; // as RFC 5952 shortens it
}

function parseResolver(text: string | undefined): Pick<GuestNetwork, "nameServers" | "searchDomains"> {
  const words = linesOf(text).map((line) => line.trim().split(/\s+/));
  const nameServers = words.flatMap(([key, address = ""]) => (key === "nameserver" && isIP(address) !== 0 ? [address] : []));
  // The last line of either kind counts.
  const [, ...domains] = words.findLast(([key]) => key === "search" || key === "domain") ?? [];
  const isName = (word: string) => word.length <= DOMAIN_LENGTH_MAX && /^[A-Za-z0-9._-]+$/.test(word);
  return { nameServers: nameServers.slice(0, SERVERS_MAX), searchDomains: domains.filter(isName).slice(0, DOMAINS_MAX) };
}

function linesOf(text: string | undefined): string[] {
  return text?.split("\n") ?? [];
}
