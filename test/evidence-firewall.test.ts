import { join } from "node:path";
import { expect, test } from "vitest";
import type { Finding } from "../src/evidence/claim.ts";
import { firewallClaims } from "../src/evidence/claims/firewall.ts";
import type { Observation } from "../src/evidence/observe.ts";
import { observeFirewall } from "../src/evidence/observe-firewall.ts";
import { loadRules } from "../src/system/index.ts";
import { FIRST_CONFIG, filterWith } from "../src/vmkernel/firewall/firewall.fixture.ts";
import { TwoMachines } from "../src/vmkernel/firewall/two-machines.fixture.ts";
import { type FirewallScope, type HostFirewallConfig, KernelFirewall, NoFirewall } from "../src/vmkernel/index.ts";

/** Each claim on a real filter in a kernel, and broken there on purpose, behind the host's back. */
const asRoot = test.skipIf(process.getuid?.() !== 0);
const TABLE = "bulkhead-evidence";
const OTHER_PORT = 7000;

async function openIn(machines: TwoMachines, scope: FirewallScope, config: HostFirewallConfig = FIRST_CONFIG) {
  const record = join(machines.folder, "firewall.json");
  const firewall = await KernelFirewall.open({ table: TABLE, scope, apiPort: 8443, record, namespace: machines.server });
  await firewall.configure(config);
  return firewall;
}

/** What the claims say: of what is held, and of what is dropped. */
async function findings(firewall: KernelFirewall | NoFirewall, { server: namespace }: TwoMachines): Promise<readonly [Finding, Finding]> {
  const tcpSockets = [{ inode: 1, localPort: OTHER_PORT, isListening: true }];
  const observed = await observeFirewall(firewall.state(), { namespace, tcpSockets });
  const observation = { firewall: observed, withheld: [], weaknesses: [] } as unknown as Observation;
  const [held, dropped] = firewallClaims.map((claim) => claim.judge(observation));
  if (held === undefined || dropped === undefined) throw new Error("there are not two claims");
  return [held, dropped];
}

const change = (machines: TwoMachines, script: string) => loadRules(script, { namespace: machines.server });

asRoot("a filter that is as it is configured passes, with lists, ports and rule sets of every kind", async () => {
  await using machines = new TwoMachines();
  const firewall = await openIn(machines, "ownPorts");
  expect((await findings(firewall, machines))[0]).toMatchObject({ verdict: "pass" });
  const sets = [
    { key: "vSphereClient", allowed: ["10.9.0.7", "10.0.0.0/8", "2001:db8::/32", "192.0.2.0/24"] },
    { key: "remoteSerialPort", enabled: true, allowed: ["::/0"] },
  ] as const;
  await firewall.configure(filterWith({}, ...sets).config);
  await firewall.filterSerialPorts("1" as never, [2323, 2424]);
  const [held, dropped] = await findings(firewall, machines);
  expect(held, held.facts.join("\n")).toMatchObject({ verdict: "pass" });
  expect(dropped.verdict).toBe("not shown");
  expect(dropped.facts[0]).toContain("--dedicated");
});

asRoot.each<[string, string, RegExp]>([
  ["a rule that lets everyone in", `insert rule inet ${TABLE} input accept\n`, /has .*"accept"/],
  ["a rule that is not there any more", `flush chain inet ${TABLE} own-ports\n`, /lacks .*vSphereClient/],
  ["a chain of a stranger", `table inet ${TABLE} {\nchain strange { }\n}\n`, /has .*strange/],
  ["no table", `delete table inet ${TABLE}\n`, /the kernel has no table/],
  ["no chain in its way", `delete table inet ${TABLE}\ntable inet ${TABLE} {\nchain input { }\n}\n`, /lacks .*"hook":"input"/],
])("%s in the kernel turns the claim red", async (_, script, fact) => {
  await using machines = new TwoMachines();
  const firewall = await openIn(machines, "ownPorts");
  await change(machines, script);
  const [held] = await findings(firewall, machines);
  expect(held.verdict).toBe("fail");
  expect(held.facts.join("\n")).toMatch(fact);
});

asRoot("on a machine of the host's own ports that nothing names are tried, and one that answers turns the claim red", async () => {
  await using machines = new TwoMachines();
  await machines.listen(OTHER_PORT);
  const firewall = await openIn(machines, "machine");
  const [held, dropped] = await findings(firewall, machines);
  expect([held.verdict, dropped.verdict], dropped.facts.join("\n")).toEqual(["pass", "pass"]);
  expect(dropped.facts[0]).toMatch(/^TCP port 7000 from outside: no answer; packets dropped meanwhile: [1-9]/);

  await change(machines, `insert rule inet ${TABLE} input tcp dport ${OTHER_PORT} accept\n`);
  const [changed, open] = await findings(firewall, machines);
  expect([changed.verdict, open.verdict]).toEqual(["fail", "fail"]);
  expect(open.facts[0]).toMatch(/^NOT SO: TCP port 7000 from outside: it was connected/);

  await change(machines, `flush chain inet ${TABLE} input\n`); // dropped by the policy, where nothing counts it
  expect((await findings(firewall, machines))[1].verdict).toBe("fail");
  await change(machines, `chain inet ${TABLE} input { policy accept; }\n`);
  expect((await findings(firewall, machines))[1].facts.join("\n")).toContain("nobody listens");

  await firewall.configure({ ...FIRST_CONFIG, incomingBlocked: false });
  expect((await findings(firewall, machines)).map(({ verdict }) => verdict)).toEqual(["pass", "not shown"]);
});

asRoot("a machine without a packet filter shows nothing, and says so", async () => {
  await using machines = new TwoMachines();
  const [held, dropped] = await findings(new NoFirewall(TABLE), machines);
  expect([held.verdict, dropped.verdict]).toEqual(["not shown", "not shown"]);
  expect(held.facts.join()).toContain("withholds nftables");
});
