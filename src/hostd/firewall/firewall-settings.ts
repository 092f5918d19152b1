/** The host's firewall as it is set: what clients see of it, and what vmkernel is told. Pure. Source: vim25 HostFirewallInfo. */
import { formatIpNetwork, parseIpNetwork } from "../../base/index.ts";
import {
  type FirewallScope,
  type HostFirewallConfig,
  RULE_SET_KEYS,
  type RuleSet,
  type RuleSetKey,
  type RuleSetRule,
  ruleSets,
} from "../../vmkernel/index.ts";
import type { HostFirewallInfo, HostFirewallRule, HostFirewallRuleset, HostFirewallRulesetIpList } from "../../wire/index.ts";

/** The lists are kept while all addresses are allowed, and mean nothing then. */
export interface RuleSetSettings {
  readonly enabled: boolean;
  readonly allowedHosts: HostFirewallRulesetIpList;
}

export interface FirewallSettings {
  readonly incomingBlocked: boolean;
  readonly outgoingBlocked: boolean;
  readonly ruleSets: Readonly<Record<RuleSetKey, RuleSetSettings>>;
}

const EVERYONE: HostFirewallRulesetIpList = { allIp: true };

const firstOf = (key: RuleSetKey): RuleSetSettings => ({ enabled: ruleSets[key].enabledAtFirst, allowedHosts: EVERYONE });
const each = <V>(value: (key: RuleSetKey) => V) =>
  Object.fromEntries(RULE_SET_KEYS.map((key) => [key, value(key)])) as Record<RuleSetKey, V>;

export const FIRST_FIREWALL: FirewallSettings = { incomingBlocked: true, outgoingBlocked: true, ruleSets: each(firstOf) };

/** One that was stored by a host with other rule sets: those that it did not know are as at first. */
export function readStored(text: string): FirewallSettings {
  const stored = JSON.parse(text) as FirewallSettings;
  return { ...stored, ruleSets: each((key) => stored.ruleSets[key] ?? firstOf(key)) };
}

/** On a machine that has other work, what its other programs do passes whatever is said here. */
export function isGoverned(key: RuleSetKey, scope: FirewallScope): boolean {
  return scope === "machine" || ruleSets[key].whose === "host";
}

export function toVmkernel({ incomingBlocked, outgoingBlocked, ruleSets: settings }: FirewallSettings): HostFirewallConfig {
  return {
    incomingBlocked,
    outgoingBlocked,
    ruleSets: RULE_SET_KEYS.map((key) => {
      const { enabled, allowedHosts } = settings[key];
      return { key, enabled, allowed: allowedHosts.allIp ? "all" : networkTexts(allowedHosts) };
    }),
  };
}

function networkTexts({ ipAddress = [], ipNetwork = [] }: HostFirewallRulesetIpList): readonly string[] {
  const parsed = [
    ...ipAddress.map((address) => parseIpNetwork(address)),
    ...ipNetwork.map(({ network, prefixLength }) => parseIpNetwork(network, prefixLength)),
  ];
  return parsed.flatMap((network) => (network === undefined ? [] : [formatIpNetwork(network)])); // they were read before: none is lost
}

/** What a client sees. @param scope undefined where the machine withholds a firewall: nothing is blocked, and there is no rule */
export function showFirewall(settings: FirewallSettings, scope: FirewallScope | undefined, apiPort: number): HostFirewallInfo {
  if (scope === undefined) return { defaultPolicy: { incomingBlocked: false, outgoingBlocked: false }, ruleset: [] };
  const { incomingBlocked, outgoingBlocked } = settings;
  const ruleset = RULE_SET_KEYS.map((key) => showRuleSet(key, settings.ruleSets[key], { scope, apiPort }));
  return { defaultPolicy: { incomingBlocked, outgoingBlocked }, ruleset };
}

interface Shown {
  readonly scope: FirewallScope;
  readonly apiPort: number;
}

function showRuleSet(key: RuleSetKey, settings: RuleSetSettings, { scope, apiPort }: Shown): HostFirewallRuleset {
  const { label, required, rules, service }: RuleSet = ruleSets[key];
  const isOurs = isGoverned(key, scope);
  const { enabled, allowedHosts } = isOurs ? settings : { enabled: true, allowedHosts: EVERYONE };
  return {
    key,
    label,
    required,
    rule: rules.flatMap((rule) => showRule(rule, apiPort)),
    ...(service === undefined ? {} : { service }),
    enabled,
    allowedHosts,
    userControllable: isOurs && !required,
    ipListUserConfigurable: isOurs,
  };
}

/** Serial ports listen on these, and of these only where one listens is open. */
const SERIAL_PORTS = [{ port: 23 }, { port: 1024, endPort: 65_535 }];

function showRule({ direction, protocol, portType, ports }: RuleSetRule, apiPort: number): readonly HostFirewallRule[] {
  const range = (first: number, last: number) => (first === last ? { port: first } : { port: first, endPort: last });
  const shown = ports.kind === "api" ? [{ port: apiPort }] : ports.kind === "serial" ? SERIAL_PORTS : [range(ports.first, ports.last)];
  return shown.map((each) => ({ ...each, direction, portType, protocol }));
}
