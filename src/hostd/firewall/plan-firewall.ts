/**
 * What becomes of the firewall by a change that a client asks for. Pure. Source: vim25 HostFirewallSystem.
 *
 * A change that would shut out who asks for it is refused, which ESXi does not do: whoever means it does it from an address that stays
 * allowed. It is asked about the address that the request came from; the loopback of the machine is never filtered.
 */
import { parseIpNetwork } from "../../base/index.ts";
import { ALLOWED_NETWORKS_MAX, admits, type FirewallScope, parseRuleSetKey, type RuleSetKey, ruleSets } from "../../vmkernel/index.ts";
import { fault, type HostFirewallDefaultPolicy, type HostFirewallRulesetIpList } from "../../wire/index.ts";
import { type FirewallSettings, isGoverned, type RuleSetSettings, toVmkernel } from "./firewall-settings.ts";

export interface FirewallFacts {
  readonly scope: FirewallScope;
  readonly apiPort: number;
  /** Where the request came from; "" for a deed of the host itself. */
  readonly clientAddress: string;
}

/** @throws {Fault} NotFound, HostConfigFault */
export function enableRuleSet(settings: FirewallSettings, id: string, facts: FirewallFacts): FirewallSettings {
  const key = requireKey(id);
  if (!isGoverned(key, facts.scope)) return settings; // it passes, and that is how it is shown
  return withRuleSet(settings, key, { enabled: true });
}

/** @throws {Fault} NotFound, HostConfigFault */
export function disableRuleSet(settings: FirewallSettings, id: string, facts: FirewallFacts): FirewallSettings {
  const key = requireKey(id);
  requireGoverned(key, facts);
  if (ruleSets[key].required) throw refused(`The rule set ${key} is required: without it nobody could reach this host to enable it again.`);
  return withRuleSet(settings, key, { enabled: false });
}

/** @throws {Fault} NotFound, HostConfigFault, InvalidArgument */
export function updateRuleSet(
  settings: FirewallSettings,
  { id, allowedHosts }: { readonly id: string; readonly allowedHosts: HostFirewallRulesetIpList },
  facts: FirewallFacts,
): FirewallSettings {
  const key = requireKey(id);
  checkList(allowedHosts);
  if (!isGoverned(key, facts.scope) && allowedHosts.allIp) return settings; // so it is
  requireGoverned(key, facts);
  return admittingCaller(settings, withRuleSet(settings, key, { allowedHosts }), facts);
}

/** What is not said stays. @throws {Fault} HostConfigFault */
export function updateDefaultPolicy(
  settings: FirewallSettings,
  { incomingBlocked = settings.incomingBlocked, outgoingBlocked = settings.outgoingBlocked }: HostFirewallDefaultPolicy,
  facts: FirewallFacts,
): FirewallSettings {
  return admittingCaller(settings, { ...settings, incomingBlocked, outgoingBlocked }, facts);
}

function withRuleSet(settings: FirewallSettings, key: RuleSetKey, changed: Partial<RuleSetSettings>): FirewallSettings {
  return { ...settings, ruleSets: { ...settings.ruleSets, [key]: { ...settings.ruleSets[key], ...changed } } };
}

function requireKey(id: string): RuleSetKey {
  const key = parseRuleSetKey(id);
  if (key === undefined) throw fault("NotFound", `The firewall has no rule set ${id.slice(0, 64)}.`, {});
  return key;
}

function requireGoverned(key: RuleSetKey, { scope }: FirewallFacts): void {
  if (isGoverned(key, scope)) return;
  const why = "this machine has other work than this host, whose firewall is for the host's own ports (host run --dedicated)";
  throw refused(`The rule set ${key} cannot be limited here: ${why}.`);
}

/** @throws {Fault} InvalidArgument, which names the entry */
function checkList({ ipAddress = [], ipNetwork = [] }: HostFirewallRulesetIpList): void {
  if (ipAddress.length + ipNetwork.length > ALLOWED_NETWORKS_MAX)
    throw invalid("spec.allowedHosts", `has more than ${ALLOWED_NETWORKS_MAX} entries`);
  for (const [index, address] of ipAddress.entries())
    if (parseIpNetwork(address) === undefined) throw invalid(`spec.allowedHosts.ipAddress[${index}]`, "is no IPv4 or IPv6 address");
  for (const [index, { network, prefixLength }] of ipNetwork.entries())
    if (parseIpNetwork(network, prefixLength) === undefined)
      throw invalid(`spec.allowedHosts.ipNetwork[${index}]`, "is no IPv4 or IPv6 network with a length of its prefix");
}

/** Whoever was shut out before the change is not shut out by it. */
function admittingCaller(before: FirewallSettings, after: FirewallSettings, facts: FirewallFacts): FirewallSettings {
  if (!admitsCaller(before, facts) || admitsCaller(after, facts)) return after;
  const way = "Make this change from an address that it allows, or add yours to it";
  throw refused(`This would shut ${facts.clientAddress}, from which it is asked for, out of this host. ${way}.`);
}

const LOOPBACK = /^(127\.|::1$)/;

function admitsCaller(settings: FirewallSettings, { scope, apiPort, clientAddress }: FirewallFacts): boolean {
  const address = parseIpNetwork(clientAddress.replace(/%.*$/, ""));
  if (address === undefined || LOOPBACK.test(clientAddress)) return true;
  const filter = { scope, apiPort, serialPorts: [], config: toVmkernel(settings) };
  return admits(filter, { direction: "inbound", protocol: "tcp", address, destinationPort: apiPort, sourcePort: 0 });
}

const refused = (message: string) => fault("HostConfigFault", message, {});
const invalid = (at: string, problem: string) => fault("InvalidArgument", `${at} ${problem}.`, { invalidProperty: at });
