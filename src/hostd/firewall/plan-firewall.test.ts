import fc from "fast-check";
import { expect, test } from "vitest";
import { Fault, parseIpNetwork } from "../../base/index.ts";
import { admits, type FirewallScope, RULE_SET_KEYS } from "../../vmkernel/index.ts";
import type { HostFirewallRulesetIpList } from "../../wire/index.ts";
import { FIRST_FIREWALL, type FirewallSettings, readStored, showFirewall, toVmkernel } from "./firewall-settings.ts";
import { disableRuleSet, enableRuleSet, type FirewallFacts, updateDefaultPolicy, updateRuleSet } from "./plan-firewall.ts";

const facts = (scope: FirewallScope = "ownPorts", clientAddress = "192.0.2.7"): FirewallFacts => ({ scope, apiPort: 8443, clientAddress });
const only = (...ipAddress: readonly string[]): HostFirewallRulesetIpList => ({ allIp: false, ipAddress });
const limited = (allowedHosts: HostFirewallRulesetIpList, asked: FirewallFacts, from = FIRST_FIREWALL) =>
  updateRuleSet(from, { id: "vSphereClient", allowedHosts }, asked);

function faultOf(deed: () => unknown): string {
  try {
    deed();
    return "none";
  } catch (error) {
    if (error instanceof Fault) return error.fault;
    throw error;
  }
}

test.each<[string, HostFirewallRulesetIpList, string]>([
  ["192.0.2.7", only("192.0.2.7"), "none"],
  ["192.0.2.7", only("192.0.2.8"), "HostConfigFault"],
  ["192.0.2.7", only("::ffff:192.0.2.7"), "none"],
  ["192.0.2.7", only(), "HostConfigFault"],
  ["192.0.2.7", { allIp: false, ipNetwork: [{ network: "192.0.2.200", prefixLength: 24 }] }, "none"],
  ["192.0.2.7", { allIp: false, ipNetwork: [{ network: "::", prefixLength: 0 }] }, "HostConfigFault"],
  ["192.0.2.7", { allIp: true, ipAddress: ["192.0.2.8"] }, "none"],
  ["2001:db8::7", only("2001:db8:0::7"), "none"],
  ["2001:db8::7", only("192.0.2.7"), "HostConfigFault"],
  ["fe80::7%eth0", only("fe80::7"), "none"],
  ["127.0.0.1", only(), "none"],
  ["::1", only(), "none"],
  ["", only(), "none"],
])("a caller from %s who limits the API to %j: %s", (clientAddress, allowedHosts, fault) => {
  for (const scope of ["ownPorts", "machine"] as const)
    expect(
      faultOf(() => limited(allowedHosts, facts(scope, clientAddress))),
      scope,
    ).toBe(fault);
});

test("who is shut out already may change what shuts him out no further", () => {
  const shut = limited(only("192.0.2.8"), facts("ownPorts", "192.0.2.8"));
  expect(limited(only("192.0.2.9"), facts(), shut).ruleSets.vSphereClient.allowedHosts).toEqual(only("192.0.2.9"));
});

test("a default policy that would shut the caller out is refused, and one that lets everyone in is not", () => {
  const open = updateDefaultPolicy(FIRST_FIREWALL, { incomingBlocked: false }, facts());
  const unlimited = limited(only("192.0.2.8"), facts(), open);
  expect(toVmkernel(unlimited)).toMatchObject({ incomingBlocked: false, outgoingBlocked: true });
  expect(faultOf(() => updateDefaultPolicy(unlimited, { incomingBlocked: true }, facts()))).toBe("HostConfigFault");
  expect(updateDefaultPolicy(unlimited, { incomingBlocked: true }, facts("ownPorts", "192.0.2.8")).incomingBlocked).toBe(true);
});

test.each<[FirewallScope, string, string]>([
  ["ownPorts", "none", "HostConfigFault"],
  ["machine", "none", "none"],
])("sshServer in scope %s: enabled it is %s, disabled %s", (scope, enabled, disabled) => {
  expect(faultOf(() => enableRuleSet(FIRST_FIREWALL, "sshServer", facts(scope)))).toBe(enabled);
  expect(faultOf(() => disableRuleSet(FIRST_FIREWALL, "sshServer", facts(scope)))).toBe(disabled);
});

test("what the machine lets through is shown as it is: enabled, for everyone, and not for clients to change", () => {
  const settings = disableRuleSet(FIRST_FIREWALL, "sshServer", facts("machine"));
  const find = (scope: FirewallScope | undefined) => showFirewall(settings, scope, 8443).ruleset?.find(({ key }) => key === "sshServer");
  expect(find("machine")).toMatchObject({ enabled: false, userControllable: true });
  expect(find("ownPorts")).toMatchObject({
    enabled: true,
    userControllable: false,
    ipListUserConfigurable: false,
    allowedHosts: { allIp: true },
  });
  expect(showFirewall(settings, undefined, 8443)).toEqual({
    defaultPolicy: { incomingBlocked: false, outgoingBlocked: false },
    ruleset: [],
  });
});

test("a firewall that was stored before a rule set was known has it as at first", () => {
  const { vSPC: _, ...older } = FIRST_FIREWALL.ruleSets;
  expect(readStored(JSON.stringify({ ...FIRST_FIREWALL, ruleSets: { ...older, removed: older.dns } }))).toEqual(FIRST_FIREWALL);
});

/** A deed of a client that sends anything of the right shape. */
const address = fc.constantFrom("192.0.2.7", "192.0.2.8", "2001:db8::7", "10.0.0.1", "nonsense", "");
const network = fc.record({ network: address, prefixLength: fc.integer({ min: -1, max: 130 }) });
const allowedHosts = fc.record({
  allIp: fc.boolean(),
  ipAddress: fc.array(address, { maxLength: 3 }),
  ipNetwork: fc.array(network, { maxLength: 3 }),
});
const deed = fc.oneof(
  fc.record({ kind: fc.constantFrom("enable" as const, "disable" as const), id: fc.constantFrom(...RULE_SET_KEYS, "none") }),
  fc.record({ kind: fc.constant("update" as const), id: fc.constantFrom(...RULE_SET_KEYS, "none"), allowedHosts }),
  fc.record({ kind: fc.constant("policy" as const), incomingBlocked: fc.boolean(), outgoingBlocked: fc.boolean() }),
);

test("whatever a client does, one deed after the other, it is let in afterwards, and only declared faults come of it", () => {
  fc.assert(
    fc.property(fc.array(deed, { maxLength: 20 }), fc.constantFrom("ownPorts" as const, "machine" as const), (deeds, scope) => {
      const asked = facts(scope);
      let settings: FirewallSettings = FIRST_FIREWALL;
      for (const one of deeds) {
        try {
          if (one.kind === "enable") settings = enableRuleSet(settings, one.id, asked);
          else if (one.kind === "disable") settings = disableRuleSet(settings, one.id, asked);
          else if ("allowedHosts" in one) settings = updateRuleSet(settings, one, asked);
          else if ("incomingBlocked" in one) settings = updateDefaultPolicy(settings, one, asked);
        } catch (error) {
          if (!(error instanceof Fault)) throw error;
          expect(["NotFound", "HostConfigFault", "InvalidArgument"]).toContain(error.fault);
        }
      }
      const filter = { scope, apiPort: 8443, serialPorts: [], config: toVmkernel(settings) };
      const from = parseIpNetwork("192.0.2.7");
      if (from === undefined) throw new Error("an address is one");
      expect(admits(filter, { direction: "inbound", protocol: "tcp", address: from, destinationPort: 8443, sourcePort: 1 })).toBe(true);
    }),
  );
});
