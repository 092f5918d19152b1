import fc from "fast-check";
import { expect, test } from "vitest";
import { contains, formatIpNetwork, type IpNetwork, parseCidr, parseIpNetwork } from "../../base/index.ts";
import { admits, mayConnect, ownPorts } from "./admits.ts";
import { API_PORT, arbitraryFilter, FIRST_CONFIG, filterWith } from "./firewall.fixture.ts";
import { planRules, tableName, withoutCovered } from "./plan-rules.ts";

const address = (text: string): IpNetwork => {
  const found = parseIpNetwork(text);
  if (found === undefined) throw new Error(`${text} is no address`);
  return found;
};
const LIST = ["10.9.0.0/24", "10.9.0.7", "2001:db8::/32"];

test("on a machine that has other work only the host's own ports are named", () => {
  const script = planRules(
    "t",
    filterWith({ serialPorts: [2323] }, { key: "vSphereClient", allowed: LIST }, { key: "remoteSerialPort", enabled: true }),
  );
  expect(script).toMatchInlineSnapshot(`
    "table inet t
    delete table inet t
    table inet t {
    chain input {
    type filter hook input priority filter; policy accept;
    iifname "lo" accept
    tcp dport { 2323, 8443 } tcp flags & (syn | ack) == syn jump own-ports
    }
    chain own-ports {
    ip saddr { 10.9.0.0/24 } tcp dport { 8443 } accept comment "vSphereClient"
    ip6 saddr { 2001:db8:0:0:0:0:0:0/32 } tcp dport { 8443 } accept comment "vSphereClient"
    tcp dport { 2323 } accept comment "remoteSerialPort"
    counter drop
    }
    }
    "
  `);
});

test("on a machine of the host's own what nothing names is dropped in both directions", () => {
  expect(planRules("t", filterWith({ scope: "machine" }, { key: "sshServer", allowed: ["10.9.0.1", "::/0"] }))).toMatchInlineSnapshot(`
    "table inet t
    delete table inet t
    table inet t {
    chain input {
    type filter hook input priority filter; policy drop;
    iifname "lo" accept
    ct state established,related accept
    meta l4proto { icmp, ipv6-icmp } accept
    tcp dport { 8443 } accept comment "vSphereClient"
    ip saddr { 10.9.0.1 } tcp dport { 22 } accept comment "sshServer"
    meta nfproto ipv6 tcp dport { 22 } accept comment "sshServer"
    udp dport { 68 } accept comment "dhcp"
    udp dport { 546 } accept comment "DHCPv6"
    counter
    }
    chain output {
    type filter hook output priority filter; policy drop;
    oifname "lo" accept
    ct state established,related accept
    meta l4proto { icmp, ipv6-icmp } accept
    udp dport { 53 } accept comment "dns"
    tcp dport { 53 } accept comment "dns"
    udp sport { 68 } accept comment "dhcp"
    udp dport { 547 } accept comment "DHCPv6"
    counter
    }
    }
    "
  `);
});

test("whatever is said, a host on a machine with other work drops nothing but what is for its own ports", () => {
  fc.assert(
    fc.property(arbitraryFilter, (filter) => {
      const lines = planRules("t", { ...filter, scope: "ownPorts" }).split("\n");
      const base = lines.slice(lines.indexOf("chain input {") + 1, lines.indexOf("}"));
      expect(base).toEqual([
        "type filter hook input priority filter; policy accept;",
        'iifname "lo" accept',
        `tcp dport { ${ownPorts(filter).join(", ")} } tcp flags & (syn | ack) == syn jump own-ports`,
      ]);
      expect(lines.filter((line) => line.includes(" hook "))).toHaveLength(1);
      expect(lines.filter((line) => line.includes("drop")).length).toBe(filter.config.incomingBlocked ? 1 : 0);
    }),
  );
});

test("no rule set that is disabled is in the filter, and no other table is touched", () => {
  fc.assert(
    fc.property(arbitraryFilter, (filter) => {
      const script = planRules(tableName("0a1b2c3d"), filter);
      for (const { key, enabled } of filter.config.ruleSets) if (!enabled) expect(script).not.toContain(`comment "${key}"`);
      const tables = [...script.matchAll(/\btable \S+ (\S+)/g)].map(([, name]) => name);
      expect(new Set(tables)).toEqual(new Set(["bulkhead-0a1b2c3d"]));
    }),
  );
});

test("networks without those that another covers are the same addresses, and none overlaps another", () => {
  const network = fc.tuple(fc.bigInt({ min: 0n, max: 255n }), fc.integer({ min: 24, max: 32 })).map(([low, prefixLength]) => {
    return parseIpNetwork(formatIpNetwork({ version: 4, first: (10n << 24n) | low, prefixLength: 32 }), prefixLength) as IpNetwork;
  });
  fc.assert(
    fc.property(fc.array(network, { maxLength: 12 }), (networks) => {
      const apart = withoutCovered(networks);
      for (const one of networks) expect(apart.some((kept) => contains(kept, one))).toBe(true);
      for (const one of apart) expect(networks).toContainEqual(one);
      for (const one of apart) expect(apart.filter((other) => contains(other, one))).toEqual([one]);
    }),
  );
});

const toApi = (from: string) =>
  ({ direction: "inbound", protocol: "tcp", address: address(from), destinationPort: API_PORT, sourcePort: 40_000 }) as const;

test.each([
  ["all", "203.0.113.9", true],
  [LIST, "10.9.0.200", true],
  [LIST, "10.9.1.1", false],
  [LIST, "2001:db8:1::5", true],
  [LIST, "2001:db9::5", false],
  [[], "10.9.0.200", false],
] as const)("the API, allowed to %j, lets %s in: %s", (allowed, from, expected) => {
  for (const scope of ["ownPorts", "machine"] as const)
    expect(admits(filterWith({ scope }, { key: "vSphereClient", allowed }), toApi(from)), scope).toBe(expected);
});

test("a port that no rule set names is the machine's where it has other work, and nobody's where it is the host's own", () => {
  const passage = { ...toApi("203.0.113.9"), destinationPort: 111 };
  expect(admits(filterWith({ scope: "ownPorts" }), passage)).toBe(true);
  expect(admits(filterWith({ scope: "machine" }), passage)).toBe(false);
  expect(admits(filterWith({ scope: "machine", config: { ...FIRST_CONFIG, incomingBlocked: false } }), passage)).toBe(true);
});

test("this host itself connects where a rule set of its own lets it; what the machine's programs may does not matter", () => {
  const to = address("203.0.113.9");
  expect(mayConnect(filterWith({}, { key: "sshClient", enabled: true }), to, 22)).toBe(false);
  expect(mayConnect(filterWith({}, { key: "vSPC", enabled: true }), to, 22)).toBe(true);
  expect(mayConnect(filterWith({}, { key: "vSPC", enabled: true, allowed: ["10.0.0.0/8"] }), to, 22)).toBe(false);
  expect(mayConnect(filterWith({ config: { ...FIRST_CONFIG, outgoingBlocked: false } }), to, 22)).toBe(true);
});

test("what the catalogue allows is written so that it is read again", () => {
  expect(LIST.map((text) => parseCidr(text)).every((network) => network !== undefined)).toBe(true);
});
