/** Reads what the host's firewall shall be out of JSON (untrusted: hostd may have been taken over). Pure. */
import { formatIpNetwork, parseCidr } from "../base/index.ts";
import {
  ALLOWED_NETWORKS_MAX,
  type AllowedHosts,
  type HostFirewallConfig,
  RULE_SET_KEYS,
  type RuleSetConfig,
  ruleSets,
} from "./firewall/index.ts";
import { invalid, readFlag, readOneOf, readShapes, readTexts, type Shape } from "./shape.ts";

const CIDR_LENGTH_MAX = 49; // of an IPv6 address that ends with an IPv4 one, and its prefix

/** @throws {Fault} InvalidArgument, which names the field */
export function parseHostFirewall(shape: Shape): HostFirewallConfig {
  const sets = readShapes(shape, "ruleSets", RULE_SET_KEYS.length).map(parseRuleSet);
  if (new Set(sets.map(({ key }) => key)).size < sets.length) throw invalid(`${shape.at}.ruleSets`, "names one twice");
  for (const key of RULE_SET_KEYS)
    if (ruleSets[key].required && !sets.some((one) => one.key === key && one.enabled))
      throw invalid(`${shape.at}.ruleSets`, `does not enable ${key}, which is required`);
  return {
    incomingBlocked: readFlag(shape, "incomingBlocked"),
    outgoingBlocked: readFlag(shape, "outgoingBlocked"),
    ruleSets: sets,
  };
}

function parseRuleSet(shape: Shape): RuleSetConfig {
  return { key: readOneOf(shape, "key", RULE_SET_KEYS), enabled: readFlag(shape, "enabled"), allowed: parseAllowed(shape) };
}

function parseAllowed(shape: Shape): AllowedHosts {
  if (shape.fields.allowed === "all") return "all";
  return readTexts(shape, "allowed", { countMax: ALLOWED_NETWORKS_MAX, max: CIDR_LENGTH_MAX }).map((text, index) => {
    const network = parseCidr(text);
    if (network === undefined) throw invalid(`${shape.at}.allowed[${index}]`, "is no address and no network");
    return formatIpNetwork(network); // what the packet filter is told is written by us
  });
}
