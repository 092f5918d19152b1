/**
 * The rules of a port's firewall: those that can match a kind of packet at all, and the code that tries them. Pure.
 * Every field is loaded anew for every rule: so the verifier has nothing to remember from one rule to the next, and goes through a
 * thousand of them once instead of once for each way through those before.
 */
import { assert, assertNever } from "../../../../base/index.ts";
import type { Firewall, FirewallRule } from "../../config.ts";
import { macWord } from "../../mac.ts";
import { MAPS, type PortBuilder } from "../port-builder.ts";
import { addressBytes, networkWords } from "./address.ts";
import { type Direction, FLOW, ICMP, PLACES, PROTOCOL } from "./places.ts";

/** What is told apart before any rule is tried. */
export type PacketKind = "ipv4" | "ipv6" | "arp" | "other";

interface NumberedRule {
  readonly rule: FirewallRule;
  /** In the firewall's list. */
  readonly index: number;
}

/** More are refused where they are read. */
export const RULES_MAX = 1000;
/** Of the counters of rules that are logged: 64 bits for each rule. */
export const LOGGED_BYTES = RULES_MAX * 8;

/** In their order, those of the firewall that can match a packet of that kind and direction. */
export function relevantRules({ rules }: Firewall, direction: Direction, kind: PacketKind): readonly NumberedRule[] {
  return rules
    .map((rule, index) => ({ rule, index }))
    .filter(({ rule }) => (rule.direction === "both" || rule.direction === direction) && isRelevant(rule, kind));
}

function isRelevant(rule: FirewallRule, kind: PacketKind): boolean {
  const { protocol, remote } = rule;
  switch (kind) {
    case "arp":
      return (protocol === undefined || protocol === "arp") && !asksForIp(rule);
    case "other":
      return protocol === undefined && !asksForIp(rule);
    case "ipv4":
      return protocol !== "arp" && (remote === undefined || addressBytes(remote.address).length === 4);
    case "ipv6":
      return protocol !== "arp" && (remote === undefined || addressBytes(remote.address).length === 16);
    default:
      return assertNever(kind);
  }
}

/** Addresses, ports and types of ICMP are IP's. */
function asksForIp({ remote, remotePorts, localPorts, icmpType }: FirewallRule): boolean {
  return remote !== undefined || remotePorts !== undefined || localPorts !== undefined || icmpType !== undefined;
}

export interface RuleExits {
  readonly allow: string;
  readonly deny: string;
}

/** A jump reaches 32,767 instructions; so many rules are never longer, and behind them the way out goes on. */
const RULES_PER_STAGE = 200;

export interface RuleList extends RuleExits {
  readonly firewall: Firewall;
  readonly direction: Direction;
  readonly kind: PacketKind;
}

//= paper «Virtual Machine Networks»
//# These rules are applied to the vNIC of the virtual machine—not at the switch—enabling them to travel with the virtual machine.
export function judgeByRules(builder: PortBuilder, { firewall, direction, kind, allow, deny }: RuleList): void {
  assert(firewall.rules.length <= RULES_MAX, `a firewall has at most ${RULES_MAX} rules, not ${firewall.rules.length}`);
  const rules = relevantRules(firewall, direction, kind);
  const end = { allow, deny };
  for (let first = 0; first < rules.length; first += RULES_PER_STAGE) {
    const stage = rules.slice(first, first + RULES_PER_STAGE);
    const isLast = first + RULES_PER_STAGE >= rules.length;
    const exits = isLast ? end : { allow: builder.freshLabel("allow"), deny: builder.freshLabel("deny") };
    for (const one of stage) tryRule(builder, one, kind, exits);
    if (isLast) continue;
    const next = builder.freshLabel("stage");
    builder.jump(next).label(exits.allow).jump(allow).label(exits.deny).jump(deny).label(next);
  }
  builder.jump(firewall.otherwise === "allow" ? allow : deny);
}

function tryRule(builder: PortBuilder, { rule, index }: NumberedRule, kind: PacketKind, exits: RuleExits): void {
  const next = builder.freshLabel("rule");
  if (rule.remoteMac !== undefined) {
    builder
      .load(8, "r2", "r10", PLACES.remoteMac)
      .load64("r3", macWord(rule.remoteMac) << 16n)
      .jumpIf("ne", "r2", "r3", next);
  }
  if (kind === "ipv4" || kind === "ipv6") askForIp(builder, rule, kind, next);
  if (rule.log)
    builder
      .loadMapValue("r1", MAPS.logged, index * 8)
      .mov("r2", 1)
      .atomicAdd(8, "r1", 0, "r2");
  builder.jump(rule.action === "allow" ? exits.allow : exits.deny).label(next);
}

function askForIp(builder: PortBuilder, rule: FirewallRule, kind: "ipv4" | "ipv6", next: string): void {
  askForProtocol(builder, rule, kind, next);
  if (rule.remote !== undefined) {
    for (const { at, mask, value } of networkWords(rule.remote.address, rule.remote.prefixLength)) {
      builder.load(4, "r2", "r10", PLACES.flow + FLOW.remote + at);
      if (mask !== 0xffff_ffff) builder.and("r2", mask, 32);
      builder.jumpIf("ne", "r2", value, next, 32);
    }
  }
  askForPort(builder, rule.remotePorts, FLOW.remotePort, next);
  askForPort(builder, rule.localPorts, FLOW.localPort, next);
  if (rule.icmpType !== undefined) {
    builder.load(1, "r2", "r10", PLACES.segment + ICMP.typeAt).jumpIf("ne", "r2", rule.icmpType, next);
  }
}

/** What it asks for beside its protocol is asked only of protocols that have it. */
function askForProtocol(builder: PortBuilder, rule: FirewallRule, kind: "ipv4" | "ipv6", next: string): void {
  const { protocol, remotePorts, localPorts, icmpType } = rule;
  const load = (): PortBuilder => builder.load(1, "r2", "r10", PLACES.flow + FLOW.protocol);
  if (protocol !== undefined) load().jumpIf("ne", "r2", protocolNumber(protocol), next);
  if (remotePorts !== undefined || localPorts !== undefined) {
    const hasPorts = builder.freshLabel("ports");
    load().jumpIf("eq", "r2", PROTOCOL.tcp, hasPorts).jumpIf("ne", "r2", PROTOCOL.udp, next).label(hasPorts);
  }
  if (icmpType !== undefined) load().jumpIf("ne", "r2", kind === "ipv4" ? PROTOCOL.icmp : PROTOCOL.icmpv6, next);
}

function protocolNumber(protocol: NonNullable<FirewallRule["protocol"]>): number {
  switch (protocol) {
    case "tcp":
      return PROTOCOL.tcp;
    case "udp":
      return PROTOCOL.udp;
    case "icmp":
      return PROTOCOL.icmp;
    case "icmpv6":
      return PROTOCOL.icmpv6;
    case "arp":
      throw new Error("ARP is no protocol of IP"); // its rules are not relevant to IP
    default:
      return protocol;
  }
}

function askForPort(builder: PortBuilder, range: FirewallRule["remotePorts"], at: number, next: string): void {
  if (range === undefined) return;
  builder.load(2, "r2", "r10", PLACES.flow + at).be16("r2");
  if (range.first === range.last) builder.jumpIf("ne", "r2", range.first, next);
  else builder.jumpIf("lt", "r2", range.first, next).jumpIf("gt", "r2", range.last, next);
}
