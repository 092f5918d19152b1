/**
 * The rules of a port's firewall: those that can match a kind of packet at all, and the code that finds the first that does. Pure.
 * Every field is loaded anew for every rule: so the verifier has nothing to remember from one rule to the next, and goes through a
 * thousand of them once instead of once for each way through those before.
 */
import { assert, assertNever } from "../../../../base/index.ts";
import type { Firewall, FirewallRule } from "../../config.ts";
import { macBytes, macWord } from "../../mac.ts";
import { MAPS, type PortBuilder } from "../port-builder.ts";
import { addressBytes, networkWords } from "./address.ts";
import { type Direction, FLOW, ICMP, PLACES, PROTOCOL } from "./places.ts";
import { type Boxed, type Field, planTrees, type Range, type RuleTree } from "./rule-tree.ts";

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

export interface RuleList extends RuleExits {
  readonly firewall: Firewall;
  readonly direction: Direction;
  readonly kind: PacketKind;
}

const KINDS: readonly PacketKind[] = ["ipv4", "ipv6", "arp", "other"];
/** For all kinds of packets together: a jump reaches 32,767 instructions, and some of them go past all rules. */
const RULES_SIZE_MAX = 27_000;
/** How much longer rules become by being found quickly. */
const GROWTH_MAX = 2;
/** So far behind a rule there is a way out at the latest, which leads on to the next one: it is never out of a jump's reach. */
const EXIT_DISTANCE_MAX = 4_000;

//= paper «Virtual Machine Networks»
//# These rules are applied to the vNIC of the virtual machine—not at the switch—enabling them to travel with the virtual machine.
export function judgeByRules(builder: PortBuilder, { firewall, direction, kind, allow, deny }: RuleList): void {
  assert(firewall.rules.length <= RULES_MAX, `a firewall has at most ${RULES_MAX} rules, not ${firewall.rules.length}`);
  const sizes = KINDS.map((one) => relevantRules(firewall, direction, one).reduce((sum, { rule }) => sum + sizeOf(rule, one), 0));
  const [size, all] = [sizes[KINDS.indexOf(kind)] ?? 0, sizes.reduce((sum, one) => sum + one, 0)];
  const spare = Math.max(0, Math.min(GROWTH_MAX * size, ((RULES_SIZE_MAX - all) * size) / all));
  const rules = relevantRules(firewall, direction, kind).map((one) => ({
    ...one,
    box: boxOf(one.rule, kind),
    size: sizeOf(one.rule, kind),
  }));
  const judge = new RuleJudge(builder, kind, { allow, deny });
  for (const tree of planTrees(rules, spare)) {
    const none = builder.freshLabel("none");
    judge.judge(tree, none);
    builder.label(none);
  }
  builder.jump(firewall.otherwise === "allow" ? allow : deny);
  judge.writeExits();
}

interface PlacedRule extends NumberedRule, Boxed {}

/** Writes rules, and behind every so many of them ways out. */
class RuleJudge {
  readonly #builder: PortBuilder;
  readonly #kind: PacketKind;
  readonly #last: RuleExits;
  #exits: RuleExits;
  #sinceExits = 0;

  constructor(builder: PortBuilder, kind: PacketKind, exits: RuleExits) {
    this.#builder = builder;
    this.#kind = kind;
    this.#last = exits;
    this.#exits = this.#freshExits();
  }

  /** @param none where to go when no rule of the tree matches; it may stand right behind */
  judge(tree: RuleTree<PlacedRule>, none: string): void {
    if (tree.kind === "list") {
      for (const rule of tree.rules) this.#try(rule);
      this.#builder.jump(none);
      return;
    }
    const rest = this.#builder.freshLabel("rest");
    loadField(this.#builder, tree.field);
    this.#builder.jumpIf("ge", "r2", tree.from, rest, 32);
    this.judge(tree.below, none);
    this.#builder.label(rest);
    this.judge(tree.rest, none);
  }

  /** Where nothing goes on. */
  writeExits(to: RuleExits = this.#last): void {
    this.#builder.label(this.#exits.allow).jump(to.allow).label(this.#exits.deny).jump(to.deny);
    this.#exits = to;
    this.#sinceExits = 0;
  }

  #try(one: PlacedRule): void {
    tryRule(this.#builder, one, this.#kind, this.#exits);
    this.#sinceExits += one.size;
    if (this.#sinceExits < EXIT_DISTANCE_MAX) return;
    const next = this.#builder.freshLabel("next");
    this.#builder.jump(next);
    this.writeExits(this.#freshExits());
    this.#builder.label(next);
  }

  #freshExits(): RuleExits {
    return { allow: this.#builder.freshLabel("allow"), deny: this.#builder.freshLabel("deny") };
  }
}

/** r2 becomes what the packet has in the field, as a number of 32 bits. */
function loadField(builder: PortBuilder, field: Field): void {
  switch (field) {
    case "protocol":
      builder.load(1, "r2", "r10", PLACES.flow + FLOW.protocol);
      return;
    case "remotePort":
    case "localPort":
      builder.load(2, "r2", "r10", PLACES.flow + FLOW[field]).be16("r2");
      return;
    case "icmpType":
      builder.load(1, "r2", "r10", PLACES.segment + ICMP.typeAt);
      return;
    case "remote0":
    case "remote1":
    case "remote2":
    case "remote3":
      builder.load(4, "r2", "r10", PLACES.flow + FLOW.remote + 4 * REMOTE_WORDS.indexOf(field)).be32("r2");
      return;
    case "remoteMac":
      builder.load(4, "r2", "r10", PLACES.remoteMac + 4);
      return;
    default:
      assertNever(field);
  }
}

const REMOTE_WORDS: readonly Field[] = ["remote0", "remote1", "remote2", "remote3"];
/** The MAC address is in the upper 6 bytes of its place; the upper 4 of those are its last ones. */
const MAC_FIELD_AT = 2;

/** What a rule asks for, as {@link loadField} tells it of a packet. Only IP has more than the other end's MAC address. */
function boxOf({ protocol, remote, remotePorts, localPorts, icmpType, remoteMac }: FirewallRule, kind: PacketKind): Boxed["box"] {
  const ofMac = remoteMac === undefined ? {} : { remoteMac: point(macBytes(remoteMac).readUInt32LE(MAC_FIELD_AT)) };
  if (kind !== "ipv4" && kind !== "ipv6") return ofMac;
  return {
    ...ofMac,
    ...(protocol !== undefined && { protocol: point(protocolNumber(protocol)) }),
    ...(remotePorts !== undefined && { remotePort: remotePorts }),
    ...(localPorts !== undefined && { localPort: localPorts }),
    ...(icmpType !== undefined && { icmpType: point(icmpType) }),
    ...(remote !== undefined && Object.fromEntries(rangesOfNetwork(remote))),
  };
}

function point(value: number): Range {
  return { first: value, last: value };
}

function rangesOfNetwork({ address, prefixLength }: NonNullable<FirewallRule["remote"]>): readonly (readonly [Field, Range])[] {
  const bytes = addressBytes(address);
  return REMOTE_WORDS.slice(0, bytes.length / 4).flatMap((field, word) => {
    const bits = Math.min(32, prefixLength - 32 * word);
    if (bits <= 0) return [];
    const hosts = bits === 32 ? 0 : 0xffff_ffff >>> bits;
    const first = (bytes.readUInt32BE(4 * word) & ~hosts) >>> 0;
    return [[field, { first, last: (first | hosts) >>> 0 }]];
  });
}

/** Of {@link tryRule}, in slots at most. */
function sizeOf({ protocol, remote, remotePorts, localPorts, icmpType, remoteMac, log }: FirewallRule, kind: PacketKind): number {
  const always = 1 + (remoteMac === undefined ? 0 : 4) + (log ? 4 : 0);
  if (kind !== "ipv4" && kind !== "ipv6") return always;
  const ofNetwork = remote === undefined ? 0 : 3 * Math.ceil(remote.prefixLength / 32);
  const ofPorts = [remotePorts, localPorts].filter((ports) => ports !== undefined).length;
  return always + (protocol === undefined ? 0 : 2) + ofNetwork + (ofPorts > 0 ? 3 + 4 * ofPorts : 0) + (icmpType === undefined ? 0 : 4);
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
