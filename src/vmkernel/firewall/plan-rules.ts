/**
 * The script that makes the kernel's filter what a host's firewall shall be: a table of its own, replaced whole in one transaction. Pure.
 * Source: nft(8). Paper «Management Interface Firewall».
 *
 * On a machine that has other work, only the beginning of a TCP connection to one of the host's own ports is looked at: without its SYN
 * there is no connection, those that stand go on, and nothing else on the machine is slowed down or followed. On a machine of the host's
 * own everything is looked at, and what belongs to a connection that was let through passes.
 */
import { addressBits, contains, formatIpNetwork, type IpNetwork } from "../../base/index.ts";
import { effectiveRuleSets, ownPorts, portsOf } from "./admits.ts";
import { type RuleSetRule, ruleSets } from "./catalogue.ts";
import { type AllowedHosts, type HostFilter, networksOf } from "./config.ts";

/** The table of the host with that id; several hosts on one machine have one each. */
export function tableName(hostId: string): string {
  return `bulkhead-${hostId}`;
}

export function planRules(table: string, filter: HostFilter): string {
  const chains = filter.scope === "machine" ? chainsOfMachine(filter) : chainsOfOwnPorts(filter);
  // What is not there cannot be deleted: it is made first.
  return [`table inet ${table}`, `delete table inet ${table}`, `table inet ${table} {`, ...chains, "}", ""].join("\n");
}

const LOOPBACK = { inbound: 'iifname "lo" accept', outbound: 'oifname "lo" accept' };

function chainsOfOwnPorts(filter: HostFilter): readonly string[] {
  const otherwise = filter.config.incomingBlocked ? "counter drop" : "accept";
  return [
    "chain input {",
    "type filter hook input priority filter; policy accept;",
    LOOPBACK.inbound,
    `tcp dport { ${ownPorts(filter).join(", ")} } tcp flags & (syn | ack) == syn jump own-ports`,
    "}",
    "chain own-ports {",
    ...rulesOf(filter, "inbound"),
    otherwise,
    "}",
  ];
}

function chainsOfMachine(filter: HostFilter): readonly string[] {
  const { incomingBlocked, outgoingBlocked } = filter.config;
  const chain = (name: "input" | "output", isBlocked: boolean): readonly string[] => {
    const direction = name === "input" ? "inbound" : "outbound";
    return [
      `chain ${name} {`,
      `type filter hook ${name} priority filter; policy ${isBlocked ? "drop" : "accept"};`,
      LOOPBACK[direction],
      "ct state established,related accept",
      // Neighbours, routers and path MTU; and who pings is answered, as on ESXi.
      "meta l4proto { icmp, ipv6-icmp } accept",
      ...rulesOf(filter, direction),
      "counter", // of what the policy is for
      "}",
    ];
  };
  return [...chain("input", incomingBlocked), ...chain("output", outgoingBlocked)];
}

function rulesOf(filter: HostFilter, direction: RuleSetRule["direction"]): readonly string[] {
  return effectiveRuleSets(filter).flatMap(({ key, allowed }) =>
    ruleSets[key].rules
      .filter((rule) => rule.direction === direction)
      .flatMap((rule) => {
        const ports = matchPorts(rule, filter);
        if (ports === undefined) return [];
        return matchHosts(allowed, direction).map((hosts) => [hosts, ports, "accept", `comment "${key}"`].filter(Boolean).join(" "));
      }),
  );
}

/** Undefined where it names no port. */
function matchPorts({ protocol, portType, ports }: RuleSetRule, filter: HostFilter): string | undefined {
  const ranges = portsOf(ports, filter);
  if (ranges.length === 0) return undefined;
  if (ranges.some(({ first, last }) => first === 0 && last === 65_535)) return `meta l4proto ${protocol}`;
  const texts = ranges.map(({ first, last }) => (first === last ? String(first) : `${first}-${last}`));
  return `${protocol} ${portType === "dst" ? "dport" : "sport"} { ${texts.join(", ")} }`;
}

/** A match for each version of IP of which there are addresses: none at all for an empty list. */
function matchHosts(allowed: AllowedHosts, direction: RuleSetRule["direction"]): readonly string[] {
  if (allowed === "all") return [""];
  const side = direction === "inbound" ? "saddr" : "daddr";
  const apart = withoutCovered(networksOf(allowed));
  return ([4, 6] as const).flatMap((version) => {
    const networks = apart.filter((network) => network.version === version);
    if (networks.length === 0) return [];
    if (networks.some(({ prefixLength }) => prefixLength === 0)) return [`meta nfproto ipv${version}`];
    return [`${version === 4 ? "ip" : "ip6"} ${side} { ${networks.map(formatIpNetwork).join(", ")} }`];
  });
}

/** Each network once, and none that is in another: nft refuses sets whose parts overlap. */
export function withoutCovered(networks: readonly IpNetwork[]): readonly IpNetwork[] {
  const widestFirst = networks.toSorted((a, b) => addressBits[b.version] - b.prefixLength - (addressBits[a.version] - a.prefixLength));
  const kept: IpNetwork[] = [];
  for (const network of widestFirst) if (!kept.some((wider) => contains(wider, network))) kept.push(network);
  return kept.sort((a, b) => (a.version !== b.version ? a.version - b.version : a.first < b.first ? -1 : 1));
}
