/** Firewalls for tests: what nobody has said anything of, and random ones. */
import fc from "fast-check";
import { RULE_SET_KEYS, ruleSets } from "./catalogue.ts";
import type { HostFilter, HostFirewallConfig, RuleSetConfig } from "./config.ts";

export const API_PORT = 8443;

export const FIRST_CONFIG: HostFirewallConfig = {
  incomingBlocked: true,
  outgoingBlocked: true,
  ruleSets: RULE_SET_KEYS.map((key) => ({ key, enabled: ruleSets[key].enabledAtFirst, allowed: "all" })),
};

export function filterWith(changed: Partial<HostFilter> = {}, ...sets: readonly Partial<RuleSetConfig>[]): HostFilter {
  const config = changed.config ?? FIRST_CONFIG;
  const merged = config.ruleSets.map((set) => ({ ...set, ...sets.find(({ key }) => key === set.key) }));
  return { scope: "ownPorts", apiPort: API_PORT, serialPorts: [], ...changed, config: { ...config, ruleSets: merged } };
}

const ipv4 = fc.tuple(fc.constantFrom("10.9.0.1", "10.9.0.2", "10.9.0.77", "192.0.2.1", "0.0.0.0"), fc.integer({ min: 0, max: 32 }));
const ipv6 = fc.tuple(fc.constantFrom("fd00:9::1", "fd00:9::2", "fd00:9::77", "2001:db8::1", "::"), fc.integer({ min: 0, max: 128 }));
const network = fc.oneof(ipv4, ipv6).map(([address, prefixLength]) => `${address}/${prefixLength}`);

export const arbitraryConfig: fc.Arbitrary<HostFirewallConfig> = fc
  .record({
    incomingBlocked: fc.oneof({ weight: 4, arbitrary: fc.constant(true) }, fc.boolean()),
    outgoingBlocked: fc.boolean(),
    sets: fc.array(
      fc.record({ enabled: fc.boolean(), allowed: fc.oneof(fc.constant("all" as const), fc.array(network, { maxLength: 6 })) }),
      {
        minLength: RULE_SET_KEYS.length,
        maxLength: RULE_SET_KEYS.length,
      },
    ),
  })
  .map(({ sets, ...policy }) => ({
    ...policy,
    ruleSets: RULE_SET_KEYS.map((key, index) => ({
      key,
      enabled: ruleSets[key].required || sets[index]?.enabled === true,
      allowed: sets[index]?.allowed ?? "all",
    })),
  }));

export const arbitraryFilter: fc.Arbitrary<HostFilter> = fc.record({
  scope: fc.constantFrom("ownPorts" as const, "machine" as const),
  apiPort: fc.constantFrom(443, API_PORT),
  serialPorts: fc.uniqueArray(fc.constantFrom(23, 1024, 2323, 65_535)),
  config: arbitraryConfig,
});
