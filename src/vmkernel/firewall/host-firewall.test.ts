import { existsSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { parseIpNetwork, type VmId } from "../../base/index.ts";
import { deleteTable, listTable, loadRules } from "../../system/index.ts";
import { admits } from "./admits.ts";
import type { FirewallScope, RuleSetConfig } from "./config.ts";
import { API_PORT, arbitraryConfig, FIRST_CONFIG, filterWith } from "./firewall.fixture.ts";
import { KernelFirewall } from "./host-firewall.ts";
import { CLIENTS, type Outcome, TwoMachines } from "./two-machines.fixture.ts";

/** The firewall in a real kernel, and real connections through it. Paper «Management Interface Firewall». */
const asRoot = test.skipIf(process.getuid?.() !== 0);
const TABLE = "bulkhead-test";
const VM = "1" as VmId;
const SERIAL_PORT = 2323;
const OTHER_PORT = 7000;
const PORTS = [API_PORT, SERIAL_PORT, OTHER_PORT];

const open = ({ server, folder }: TwoMachines, scope: FirewallScope) =>
  KernelFirewall.open({ table: TABLE, scope, apiPort: API_PORT, record: join(folder, "firewall.json"), namespace: server });
const configWith = (...sets: readonly Partial<RuleSetConfig>[]) => filterWith({}, ...sets).config;

/** From each address, to each port that listens, what comes of it. */
async function outcomes(machines: TwoMachines, expected: (from: string, port: number) => Outcome) {
  const probes = CLIENTS.flatMap((from) => PORTS.map((port) => ({ from, port, expected: expected(from, port) })));
  const found = await machines.probe(probes);
  return probes.map(({ from, port, expected }, index) => ({ from, port, expected, found: found[index] }));
}

const surprises = async (machines: TwoMachines, expected: (from: string, port: number) => Outcome) =>
  (await outcomes(machines, expected)).filter(({ expected, found }) => expected !== found);

asRoot("who is on the list connects to the host, who is not does not, and the machine's other ports are everyone's", async () => {
  await using machines = new TwoMachines();
  for (const port of PORTS) await machines.listen(port);
  const firewall = await open(machines, "ownPorts");
  expect(await surprises(machines, () => "open"), "before anything is said").toEqual([]);
  await firewall.configure(configWith({ key: "vSphereClient", allowed: ["10.9.0.1", "fd00:9::1"] }));
  const isListed = (from: string) => from.endsWith("1");
  expect(await surprises(machines, (from, port) => (port !== API_PORT || isListed(from) ? "open" : "silent"))).toEqual([]);

  await firewall.configure(configWith({ key: "vSphereClient", allowed: ["10.9.0.0/30", "fd00:9::/126"] }));
  expect(await surprises(machines, () => "open"), "by networks").toEqual([]);
  await firewall.configure(configWith({ key: "vSphereClient", allowed: [] }));
  expect(await surprises(machines, (_, port) => (port === API_PORT ? "silent" : "open")), "an empty list is nobody").toEqual([]);
});

asRoot("a serial port that listens is closed until its rule set is enabled, and it alone", async () => {
  await using machines = new TwoMachines();
  for (const port of PORTS) await machines.listen(port);
  const firewall = await open(machines, "ownPorts");
  await firewall.configure(FIRST_CONFIG);
  await firewall.filterSerialPorts(VM, [SERIAL_PORT]);
  expect(await surprises(machines, (_, port) => (port === SERIAL_PORT ? "silent" : "open"))).toEqual([]);
  await firewall.configure(configWith({ key: "remoteSerialPort", enabled: true, allowed: ["10.9.0.2"] }));
  expect(await surprises(machines, (from, port) => (port === SERIAL_PORT && from !== "10.9.0.2" ? "silent" : "open"))).toEqual([]);
  await firewall.filterSerialPorts(VM, []);
  expect(await surprises(machines, () => "open"), "the VM is off: the port is the machine's again").toEqual([]);
});

asRoot("on a machine of the host's own what no rule set names is dropped, both ways, and what stands goes on", async () => {
  await using machines = new TwoMachines();
  for (const port of PORTS) await machines.listen(port);
  const firewall = await open(machines, "machine");
  await firewall.configure(FIRST_CONFIG);
  expect(await surprises(machines, (_, port) => (port === API_PORT ? "open" : "silent"))).toEqual([]);
  expect(await machines.probe([{ from: CLIENTS[0], port: 22, expected: "refused" }]), "SSH is let through to nobody").toEqual(["refused"]);
  expect(await machines.probeOut(CLIENTS[2], 22, "silent")).toBe("silent");
  const held = await machines.client().hold(CLIENTS[0], API_PORT);
  await firewall.configure(configWith({ key: "sshClient", enabled: true, allowed: [CLIENTS[2]] }, { key: "vSphereClient", allowed: [] }));
  expect(await machines.probeOut(CLIENTS[2], 22, "refused")).toBe("refused");
  expect(await machines.probeOut(CLIENTS[0], 22, "silent")).toBe("silent");
  expect(await surprises(machines, () => "silent")).toEqual([]);
  expect(await held(), "the connection that stood").toBe("open");
});

asRoot("a connection that stands goes on when its address is taken off the list, and no second one is made", async () => {
  await using machines = new TwoMachines();
  await machines.listen(API_PORT);
  const firewall = await open(machines, "ownPorts");
  await firewall.configure(FIRST_CONFIG);
  const held = await machines.client().hold("fd00:9::2", API_PORT);
  await firewall.configure(configWith({ key: "vSphereClient", allowed: ["fd00:9::1"] }));
  expect(await held()).toBe("open");
  expect(await machines.probe([{ from: "fd00:9::2", port: API_PORT, expected: "silent" }])).toEqual(["silent"]);
});

asRoot("whatever is configured, the kernel lets in just what is said without it", { timeout: 120_000 }, async () => {
  await using machines = new TwoMachines();
  for (const port of PORTS) await machines.listen(port);
  const scopes = { ownPorts: await open(machines, "ownPorts"), machine: await open(machines, "machine") };
  for (const firewall of Object.values(scopes)) await firewall.filterSerialPorts(VM, [SERIAL_PORT]);
  await fc.assert(
    fc.asyncProperty(arbitraryConfig, fc.constantFrom("ownPorts" as const, "machine" as const), async (config, scope) => {
      await scopes[scope].configure(config);
      const filter = { scope, apiPort: API_PORT, serialPorts: [SERIAL_PORT], config };
      const expected = (from: string, port: number): Outcome => {
        const address = parseIpNetwork(from);
        if (address === undefined) throw new Error(`${from} is no address`);
        return admits(filter, { direction: "inbound", protocol: "tcp", address, destinationPort: port, sourcePort: 0 }) ? "open" : "silent";
      };
      expect(await surprises(machines, expected)).toEqual([]);
    }),
    { numRuns: 5 },
  );
});

asRoot("the next vmkernel takes it up and makes it whole, whatever became of it in the kernel; in the end nothing is left", async () => {
  await using machines = new TwoMachines();
  const place = { namespace: machines.server };
  const first = await open(machines, "ownPorts");
  await first.configure(configWith({ key: "vSphereClient", allowed: ["10.9.0.1"] }));
  await first.filterSerialPorts(VM, [SERIAL_PORT]);
  await first.filterSerialPorts("2" as VmId, [2424]);
  const whole = await listTable(TABLE, place);
  expect(JSON.stringify(whole)).toContain("10.9.0.1");

  await deleteTable(TABLE, place);
  const second = await open(machines, "ownPorts");
  expect(second.state()).toEqual(first.state());
  expect(await listTable(TABLE, place)).toEqual(whole);
  await second.keepSerialPortsOf(new Set([VM]));
  expect(second.state().filter?.serialPorts).toEqual([SERIAL_PORT]);

  await loadRules("table inet stranger {\nchain input { type filter hook input priority 5; }\n}\n", place);
  await second.remove();
  expect(await listTable(TABLE, place)).toBeUndefined();
  expect(await listTable("stranger", place), "what is another's stays").toBeDefined();
  expect((await open(machines, "ownPorts")).state().filter).toBeUndefined();
});

asRoot("a change that the kernel does not take is refused, and nothing is configured", async () => {
  await using machines = new TwoMachines();
  const record = join(machines.folder, "firewall.json");
  const parts = { scope: "ownPorts", apiPort: API_PORT, record, namespace: machines.server } as const;
  const firewall = await KernelFirewall.open({ table: "no name of a table", ...parts });
  await expect(firewall.configure(FIRST_CONFIG)).rejects.toMatchObject({
    fault: "HostConfigFault",
    message: expect.stringContaining("syntax error"),
  });
  expect(firewall.state().filter).toBeUndefined();
  expect(existsSync(record)).toBe(false);
});
