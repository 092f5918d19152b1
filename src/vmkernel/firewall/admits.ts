/** What a filter lets through, said without a kernel: the same that `plan-rules.ts` compiles. Pure. */
import { assertNever, contains, type IpNetwork } from "../../base/index.ts";
import { type PortRange, type RuleSetRule, ruleSets } from "./catalogue.ts";
import { type HostFilter, networksOf, type RuleSetConfig } from "./config.ts";

/** What begins: answers to it are of the same connection. */
export interface Passage {
  readonly direction: "inbound" | "outbound";
  readonly protocol: "tcp" | "udp";
  /** The other side's, one address. */
  readonly address: IpNetwork;
  readonly destinationPort: number;
  readonly sourcePort: number;
}

/** Rule sets that let something through. Of a machine that is not the host's own, what other programs do is not in question. */
export function effectiveRuleSets({ scope, config }: HostFilter): readonly RuleSetConfig[] {
  return config.ruleSets.filter(({ key, enabled }) => enabled && (scope === "machine" || ruleSets[key].whose === "host"));
}

/** TCP ports that are this host's own. */
export function ownPorts({ apiPort, serialPorts }: HostFilter): readonly number[] {
  return [...new Set([apiPort, ...serialPorts])].sort((a, b) => a - b);
}

/** Whether the kernel's filter lets it begin. What begins and ends on this machine (its loopback) is never asked about. */
export function admits(filter: HostFilter, passage: Passage): boolean {
  const { scope } = filter;
  if (scope === "machine") return isLetThrough(filter, passage);
  const isOurs = passage.direction === "inbound" && passage.protocol === "tcp" && ownPorts(filter).includes(passage.destinationPort);
  return !isOurs || isLetThrough(filter, passage);
}

/** Whether this host itself may connect there; on a machine that has other work the kernel's filter does not know whose a connection is. */
export function mayConnect(filter: HostFilter, address: IpNetwork, destinationPort: number): boolean {
  return isLetThrough(filter, { direction: "outbound", protocol: "tcp", address, destinationPort, sourcePort: 0 });
}

function isLetThrough(filter: HostFilter, passage: Passage): boolean {
  const { config } = filter;
  const isBlocked = passage.direction === "inbound" ? config.incomingBlocked : config.outgoingBlocked;
  if (!isBlocked) return true;
  return effectiveRuleSets(filter).some(({ key, allowed }) => {
    const isAllowed = allowed === "all" || networksOf(allowed).some((network) => contains(network, passage.address));
    return isAllowed && ruleSets[key].rules.some((rule) => matches(rule, passage, filter));
  });
}

function matches({ direction, protocol, portType, ports }: RuleSetRule, passage: Passage, filter: HostFilter): boolean {
  if (direction !== passage.direction || protocol !== passage.protocol) return false;
  const port = portType === "dst" ? passage.destinationPort : passage.sourcePort;
  return portsOf(ports, filter).some(({ first, last }) => first <= port && port <= last);
}

/** As ranges, both ends included. */
export function portsOf(ports: PortRange, filter: HostFilter): readonly { readonly first: number; readonly last: number }[] {
  const single = (port: number) => ({ first: port, last: port });
  switch (ports.kind) {
    case "api":
      return [single(filter.apiPort)];
    case "serial":
      return [...new Set(filter.serialPorts)].sort((a, b) => a - b).map(single);
    case "range":
      return [ports];
    default:
      return assertNever(ports);
  }
}
