import { describe, expect, test } from "vitest";
import type { FirewallRule } from "../../vmkernel/index.ts";
import { readVmx } from "../../wire/index.ts";
import { machineSpecOf } from "./machine-spec.ts";
import { parseRule, readFirewall } from "./nic-firewall.ts";
import { add, create, nic, place, reconfigure, refusal, remove, vm, vmxOf } from "./vm-config.fixture.ts";

const KEY = "ethernet0.firewall.rule0";

test.each<[string, FirewallRule]>([
  ["in allow", { direction: "in", action: "allow" }],
  ["  BOTH   Deny  log ", { direction: "both", action: "deny", log: true }],
  ["out deny arp", { direction: "out", action: "deny", protocol: "arp" }],
  ["out deny 47", { direction: "out", action: "deny", protocol: 47 }],
  [
    "in allow tcp remote 192.0.2.0/24 remote-port 1024-65535 local-port 22 log",
    {
      direction: "in",
      action: "allow",
      protocol: "tcp",
      remote: { address: "192.0.2.0", prefixLength: 24 },
      remotePorts: { first: 1024, last: 65_535 },
      localPorts: { first: 22, last: 22 },
      log: true,
    },
  ],
  [
    "out allow remote 2001:db8::1 udp",
    { direction: "out", action: "allow", protocol: "udp", remote: { address: "2001:db8::1", prefixLength: 128 } },
  ],
  ["in deny remote 0.0.0.0/0", { direction: "in", action: "deny", remote: { address: "0.0.0.0", prefixLength: 0 } }],
  ["in allow icmpv6 icmp-type 135", { direction: "in", action: "allow", protocol: "icmpv6", icmpType: 135 }],
  ["in deny remote-mac 00-50-56-AA-BB-CC", { direction: "in", action: "deny", remoteMac: "00:50:56:aa:bb:cc" }],
])("%s", (text, rule) => expect(parseRule(text, KEY)).toEqual(rule));

test.each([
  ["nothing", "", "missing"],
  ["no direction", "allow tcp", '"allow"'],
  ["no action", "in tcp", '"tcp"'],
  ["an unknown word", "in allow tpc", '"tpc"'],
  ["two protocols", "in allow tcp udp", '"udp"'],
  ["a word twice", "in allow tcp local-port 1 local-port 2", '"local-port"'],
  ["a protocol number too large", "in allow 256", '"256"'],
  ["a host's name", "in allow remote localhost", '"localhost"'],
  ["an address cut short", "in allow remote 192.0.2", '"192.0.2"'],
  ["an address with octal parts", "in allow remote 192.0.2.010", '"192.0.2.010"'],
  ["an address with a zone", "in allow remote fe80::1%eth0", '"fe80::1%eth0"'],
  ["a prefix too long", "in allow remote 192.0.2.0/33", '"33"'],
  ["an IPv6 prefix too long", "in allow remote ::/129", '"129"'],
  ["two prefixes", "in allow remote 192.0.2.0/24/8", '"192.0.2.0/24/8"'],
  ["an empty prefix", "in allow remote 192.0.2.0/", "missing"],
  ["a port too large", "in allow tcp local-port 65536", '"65536"'],
  ["ports from back to front", "in allow tcp local-port 9-8", '"9-8"'],
  ["three ports", "in allow tcp local-port 1-2-3", '"1-2-3"'],
  ["a negative port", "in allow tcp local-port -1", "missing"],
  ["a port by name", "in allow tcp local-port ssh", '"ssh"'],
  ["a port with a leading zero", "in allow tcp local-port 022", '"022"'],
  ["no port", "in allow tcp local-port", "missing"],
  ["ports of no protocol that has any", "in allow local-port 22", '"local-port"'],
  ["ports of ICMP", "in allow icmp remote-port 22", '"remote-port"'],
  ["an ICMP type of TCP", "in allow tcp icmp-type 8", '"icmp-type"'],
  ["an ICMP type too large", "in allow icmp icmp-type 256", '"256"'],
  ["IPv6 that ARP never carries", "in allow arp remote ::1", '"remote"'],
  ["IPv4 that ICMPv6 never carries", "in allow icmpv6 remote 192.0.2.1", '"remote"'],
  ["half a MAC address", "in allow remote-mac 00:50:56", '"00:50:56"'],
  ["a very long word", `in allow ${"x".repeat(5000)}`, `"${"x".repeat(40)}"`],
])("a rule with %s is refused, with its key and the word", (_, text, word) => {
  const { fault, fields, message } = refusal(() => parseRule(text, KEY));
  expect([fault, fields.property]).toEqual(["InvalidVmConfig", KEY]);
  expect(message).toContain(KEY);
  expect(message).toContain(word);
  expect(message.length).toBeLessThan(250);
});

describe("the firewall of an adapter", () => {
  test("is its rules in the order of their numbers, and denies what they do not match", () => {
    const vmx = vmxOf(
      'ethernet0.firewall.rule10 = "in deny"\nethernet0.firewall.rule9 = "in allow tcp"\nethernet1.firewall.otherwise = "allow"\n',
    );
    expect(readFirewall(vmx, 0)?.rules.map(({ action }) => action)).toEqual(["allow", "deny"]);
    expect(readFirewall(vmx, 0)?.otherwise).toBe("deny");
    expect(readFirewall(vmx, 1)).toEqual({ rules: [], otherwise: "allow" });
    expect(readFirewall(vmx, 2)).toBeUndefined();
  });

  test.each([
    ["otherwise", "perhaps"],
    ["rule", "in allow"],
    ["rule01", "in allow"],
    ["rule-1", "in allow"],
    ["rules0", "in allow"],
    ["", "in allow"],
  ])("is refused for the key %j", (name, text) => {
    const key = `ethernet0.firewall.${name}`;
    expect(refusal(() => readFirewall(vmxOf(`${key} = "${text}"\n`), 0)).fields).toEqual({ property: key });
  });

  test("is refused with more rules than a program walks quickly", () => {
    const text = Array.from({ length: 1001 }, (_, n) => `ethernet0.firewall.rule${n} = "in allow"`).join("\n");
    expect(refusal(() => readFirewall(vmxOf(`${text}\n`), 0)).fault).toBe("InvalidVmConfig");
  });
});

const option = (key: string, value: string) => ({ key, value: { anyType: "string", value } as const });
const rules = [option("ethernet0.firewall.otherwise", "deny"), option(KEY, "both allow arp")];
const guarded = () => create({ deviceChange: [add(nic(-1))], extraConfig: rules }).vmx;
const firewallOf = (vmx: ReturnType<typeof guarded>) =>
  machineSpecOf(vmx, { ...place, vm }).devices.flatMap((device) => (device.kind === "nic" ? [device.firewall] : []));

test("a VM is made with an adapter and its firewall in one, and its monitor is told of it", () => {
  expect(firewallOf(guarded())).toEqual([{ rules: [{ direction: "both", action: "allow", protocol: "arp" }], otherwise: "deny" }]);
});

test("an adapter that goes takes its firewall along: the next one in its place has none", () => {
  const without = reconfigure(guarded(), { deviceChange: [remove(nic(4000))] }).vmx;
  expect(readVmx(without, KEY)).toBeUndefined();
  expect(firewallOf(reconfigure(without, { deviceChange: [add(nic(-1))] }).vmx)).toEqual([undefined]);
});

test("a firewall that is taken out rule by rule is none", () => {
  const emptied = reconfigure(guarded(), { extraConfig: rules.map(({ key }) => option(key, "")) }).vmx;
  expect(firewallOf(emptied)).toEqual([undefined]);
});

test.each([
  ["a rule that cannot be read", option(KEY, "in alow"), KEY],
  ["a firewall of an adapter that is not there", option("ethernet7.firewall.otherwise", "deny"), "ethernet7.firewall.otherwise"],
])("a client is refused %s, and a VM that has it otherwise is not started unguarded", (_, entry, property) => {
  expect(refusal(() => reconfigure(guarded(), { extraConfig: [entry] })).fields).toEqual({ property });
});

test("a VM whose firewall cannot be read is not started", () => {
  const broken = vmxOf(`memsize = "64"\nethernet0.present = "TRUE"\nethernet0.virtualDev = "vmxnet3"\n${KEY} = "in alow"\n`);
  expect(refusal(() => machineSpecOf(broken, { ...place, vm })).fields).toEqual({ property: KEY });
});
