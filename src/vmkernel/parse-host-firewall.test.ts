import fc from "fast-check";
import { expect, test } from "vitest";
import { Fault } from "../base/index.ts";
import { arbitraryConfig, FIRST_CONFIG } from "./firewall/firewall.fixture.ts";
import { planRules } from "./firewall/index.ts";
import { parseHostFirewall } from "./parse-host-firewall.ts";
import { asShape } from "./shape.ts";

const parse = (value: unknown) => parseHostFirewall(asShape(JSON.parse(JSON.stringify(value)), "firewall"));
const api = { key: "vSphereClient", enabled: true, allowed: "all" };
const withSets = (...ruleSets: readonly unknown[]) => ({ ...FIRST_CONFIG, ruleSets });

test("whatever a host agent that means well sends is read as it was meant", () => {
  fc.assert(
    fc.property(arbitraryConfig, (config) => {
      const filter = { scope: "machine", apiPort: 443, serialPorts: [] } as const;
      expect(planRules("t", { ...filter, config: parse(config) })).toBe(planRules("t", { ...filter, config }));
    }),
  );
});

test.each<[string, unknown, string]>([
  ["no policy", { ...FIRST_CONFIG, incomingBlocked: undefined }, "firewall.incomingBlocked"],
  ["no rule sets", { ...FIRST_CONFIG, ruleSets: undefined }, "firewall.ruleSets"],
  ["none for the API", withSets(), "firewall.ruleSets"],
  ["one for the API that is disabled", withSets({ ...api, enabled: false }), "firewall.ruleSets"],
  ["a rule set that there is not", withSets(api, { ...api, key: "telnet" }), "firewall.ruleSets[1].key"],
  ["a rule set of JavaScript's", withSets(api, { ...api, key: "__proto__" }), "firewall.ruleSets[1].key"],
  ["one twice", withSets(api, api), "firewall.ruleSets"],
  ["an address that is none", withSets({ ...api, allowed: ["localhost"] }), "firewall.ruleSets[0].allowed[0]"],
  ["more than a network", withSets({ ...api, allowed: ["10.0.0.0/8/8"] }), "firewall.ruleSets[0].allowed[0]"],
  ["what nft would read", withSets({ ...api, allowed: ["10.0.0.1 } accept"] }), "firewall.ruleSets[0].allowed[0]"],
  ["an address over lines", withSets({ ...api, allowed: ["10.0.0.1\n}"] }), "firewall.ruleSets[0].allowed[0]"],
  ["a text that is long", withSets({ ...api, allowed: ["1".repeat(50)] }), "firewall.ruleSets[0].allowed[0]"],
  ["too many addresses", withSets({ ...api, allowed: new Array(1001).fill("10.0.0.1") }), "firewall.ruleSets[0].allowed"],
])("%s is refused by its place", (_, value, invalidProperty) => {
  try {
    parse(value);
    expect.unreachable();
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    expect(error).toMatchObject({ fault: "InvalidArgument", fields: { invalidProperty } });
  }
});
