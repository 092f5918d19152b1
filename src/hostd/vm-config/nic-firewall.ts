/**
 * The firewall of a virtual NIC, as the VM's own .vmx has it: it goes wherever the VM goes. Our own keys. Pure.
 *
 *   ethernet0.firewall.otherwise = "deny"                                     what becomes of what no rule matches; deny where it is left out
 *   ethernet0.firewall.rule0     = "in allow tcp remote 192.0.2.0/24 local-port 22 log"
 *
 * A rule is a direction as the guest sees it (in, out, both), an action (allow, deny), and what a packet must be besides, in any order:
 * tcp, udp, icmp, icmpv6, arp or the number of an IP protocol; remote ADDRESS[/BITS]; remote-port A[-B]; local-port A[-B];
 * icmp-type N; remote-mac MAC. `log` counts its matches. Rules are tried in the order of their numbers, and the first that matches
 * decides. Replies to what was let through pass. A firewall that cannot be read lets no VM start: nothing runs less guarded than it
 * was meant to.
 */
import { isIP } from "node:net";
import type { Firewall, FirewallRule } from "../../vmkernel/index.ts";
import { fault, readVmx, type Vmx, vmxKeys } from "../../wire/index.ts";
import { PORTS } from "./limits.ts";

const RULES_MAX = 1000; // vmkernel's bound: as many as a compiled program still walks quickly
const KEY = /^ethernet(\d+)\.firewall\.(.*)$/i;
const RULE_NAME = /^rule(0|[1-9]\d{0,4})$/i;
const DIRECTIONS = ["in", "out", "both"] as const;
const ACTIONS = ["allow", "deny"] as const;
const PROTOCOLS = ["tcp", "udp", "icmp", "icmpv6", "arp"] as const;
const WORD_SHOWN_MAX = 40; // of a word in a fault
const [TCP, UDP, ICMP, ICMPV6] = [6, 17, 1, 58]; // IANA's protocol numbers

/** Whether a key of the .vmx is about a NIC's firewall. */
export function isFirewallKey(key: string): boolean {
  return KEY.test(key);
}

/**
 * @returns undefined for a NIC without any such key: nothing is held back
 * @throws {Fault} InvalidVmConfig, which names the key, and the word in it that is wrong
 */
export function readFirewall(vmx: Vmx, number: number): Firewall | undefined {
  const keys = vmxKeys(vmx).filter((key) => Number(KEY.exec(key)?.[1] ?? -1) === number);
  if (keys.length === 0) return undefined;
  const rules: { readonly order: number; readonly rule: FirewallRule }[] = [];
  let otherwise: Firewall["otherwise"] = "deny";
  for (const key of keys) {
    const name = KEY.exec(key)?.[2] ?? "";
    const text = readVmx(vmx, key) ?? "";
    const order = RULE_NAME.exec(name)?.[1];
    if (order !== undefined) rules.push({ order: Number(order), rule: parseRule(text, key) });
    else if (name.toLowerCase() === "otherwise") otherwise = oneOf(ACTIONS, text.trim().toLowerCase(), key);
    else throw invalid(key, name, "is neither otherwise nor rule and a number");
  }
  if (rules.length > RULES_MAX) throw invalid(keys[0] ?? "", String(rules.length), `rules are more than ${RULES_MAX}`);
  return { rules: rules.toSorted((one, other) => one.order - other.order).map(({ rule }) => rule), otherwise };
}

/**
 * Looks at every firewall of a configuration, before it is written.
 * @throws {Fault} as {@link readFirewall}, and for the firewall of a NIC that is not there: it would guard nothing
 */
export function checkFirewalls(vmx: Vmx, deviceKeys: readonly number[]): void {
  for (const key of vmxKeys(vmx).filter(isFirewallKey)) {
    const number = Number(KEY.exec(key)?.[1] ?? -1);
    if (!deviceKeys.includes(PORTS.ethernet.key + number)) throw invalid(key, `ethernet${number}`, "is no network adapter of the VM");
  }
  for (let number = 0; number < PORTS.ethernet.count; number++) readFirewall(vmx, number);
}

/** @param key where it stands, for faults */
export function parseRule(text: string, key: string): FirewallRule {
  const [direction = "", action = "", ...words] = text.trim().toLowerCase().split(/\s+/);
  let rule: FirewallRule = { direction: oneOf(DIRECTIONS, direction, key), action: oneOf(ACTIONS, action, key) };
  const seen = new Set<string>();
  while (words.length > 0) {
    const word = words.shift() ?? "";
    const part = parsePart(word, () => words.shift() ?? "", key);
    for (const field of Object.keys(part)) {
      if (seen.has(field)) throw invalid(key, word, "comes twice, or after another that says the same");
      seen.add(field);
    }
    rule = { ...rule, ...part };
  }
  refuseNeverMatching(rule, key);
  return rule;
}

/** @param next takes the word that follows */
function parsePart(word: string, next: () => string, key: string): Partial<FirewallRule> {
  switch (word) {
    case "remote":
      return { remote: parseNetwork(next(), key) };
    case "remote-port":
      return { remotePorts: parsePorts(next(), key) };
    case "local-port":
      return { localPorts: parsePorts(next(), key) };
    case "icmp-type":
      return { icmpType: parseNumber(next(), 255, key) };
    case "remote-mac":
      return { remoteMac: parseRemoteMac(next(), key) };
    case "log":
      return { log: true };
    default:
      return { protocol: parseProtocol(word, key) };
  }
}

function parseProtocol(word: string, key: string): NonNullable<FirewallRule["protocol"]> {
  const named = PROTOCOLS.find((candidate) => candidate === word);
  if (named !== undefined) return named;
  if (/^\d+$/.test(word)) return parseNumber(word, 255, key);
  throw invalid(key, word, "is no word of a rule");
}

function parseNetwork(word: string, key: string): NonNullable<FirewallRule["remote"]> {
  const [address = "", bits, ...rest] = word.split("/");
  const version = isIP(address);
  if (version === 0 || rest.length > 0 || address.includes("%")) throw invalid(key, word, "is no address");
  const longest = version === 4 ? 32 : 128;
  return { address, prefixLength: bits === undefined ? longest : parseNumber(bits, longest, key) };
}

function parsePorts(word: string, key: string): { readonly first: number; readonly last: number } {
  const [from = "", to, ...rest] = word.split("-");
  const first = parseNumber(from, 65_535, key);
  const last = to === undefined ? first : parseNumber(to, 65_535, key);
  if (rest.length > 0 || last < first) throw invalid(key, word, "is no range of ports");
  return { first, last };
}

function parseRemoteMac(word: string, key: string): string {
  const mac = word.replaceAll("-", ":");
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/.test(mac)) throw invalid(key, word, "is no MAC address");
  return mac;
}

function parseNumber(word: string, max: number, key: string): number {
  if (!/^(0|[1-9]\d{0,4})$/.test(word) || Number(word) > max) throw invalid(key, word, `is no whole number up to ${max}`);
  return Number(word);
}

/** Who writes such a rule means something else by it. */
function refuseNeverMatching({ protocol, remote, remotePorts, localPorts, icmpType }: FirewallRule, key: string): void {
  const isOneOf = (...protocols: readonly (string | number)[]) => protocol !== undefined && protocols.includes(protocol);
  if (remotePorts !== undefined && !isOneOf("tcp", "udp", TCP, UDP)) throw invalid(key, "remote-port", "needs tcp or udp");
  if (localPorts !== undefined && !isOneOf("tcp", "udp", TCP, UDP)) throw invalid(key, "local-port", "needs tcp or udp");
  if (icmpType !== undefined && !isOneOf("icmp", "icmpv6", ICMP, ICMPV6)) throw invalid(key, "icmp-type", "needs icmp or icmpv6");
  const version = remote === undefined ? undefined : isIP(remote.address);
  if (version === 6 && isOneOf("icmp", ICMP, "arp"))
    throw invalid(key, "remote", "is an IPv6 address, which never goes with this protocol");
  if (version === 4 && isOneOf("icmpv6", ICMPV6)) throw invalid(key, "remote", "is an IPv4 address, which never goes with icmpv6");
}

function oneOf<const T extends string>(words: readonly T[], word: string, key: string): T {
  const found = words.find((candidate) => candidate === word);
  if (found === undefined) throw invalid(key, word, `is not ${words.slice(0, -1).join(", ")} or ${words.at(-1)}`);
  return found;
}

function invalid(key: string, word: string, because: string) {
  const shown = word === "" ? "what is missing at its end" : JSON.stringify(word.slice(0, WORD_SHOWN_MAX));
  const message = `Invalid virtual machine configuration. ${key}: ${shown} ${because}.`;
  return fault("InvalidVmConfig", message, { property: key });
}
