export { admits, mayConnect, ownPorts, type Passage } from "./admits.ts";
export { parseRuleSetKey, RULE_SET_KEYS, type RuleSet, type RuleSetKey, type RuleSetRule, ruleSets } from "./catalogue.ts";
export {
  ALLOWED_NETWORKS_MAX,
  type AllowedHosts,
  type FirewallScope,
  type HostFilter,
  type HostFirewallConfig,
  type RuleSetConfig,
} from "./config.ts";
export { type HostFirewall, type HostFirewallParts, type HostFirewallState, KernelFirewall, NoFirewall } from "./host-firewall.ts";
export { planRules, tableName } from "./plan-rules.ts";
