/**
 * The claims about the virtual network on a live one, and each of them broken on purpose in the kernel, behind vmkernel's back.
 * No guest need run for that: the monitors have their NICs, and the ports their programs. Paper «Network Isolation».
 */
import { closeSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { assembleProgram, ProgramBuilder, SKB } from "../src/ebpf/index.ts";
import { judge } from "../src/evidence/index.ts";
import { type Observation, observe } from "../src/evidence/observe.ts";
import type { ObservedNetwork } from "../src/evidence/observe-network.ts";
import { probeRefusals } from "../src/evidence/probe-refusals.ts";
import { tryGroups } from "../src/evidence/try-groups.ts";
import {
  addAddress,
  attachTcx,
  createVeth,
  inNamespace,
  loadProgram,
  mapFdById,
  mapInfo,
  mapKeys,
  mapLookup,
  mapUpdate,
  programInfo,
  removeAddress,
} from "../src/system/index.ts";
import { systemCall } from "../src/system/libc.ts";
import { compilePort, type DeviceSpec, type NetworkConfig, type NetworkPolicy, networkNamespace } from "../src/vmkernel/index.ts";
import { machineOf, TestKernel } from "./monitor.fixture.ts";
import { OwnNamespace } from "./switch-model/own-namespace.ts";

const pidfdOpen = systemCall<[pid: number, flags: number]>(434, "int pid, unsigned int flags");
const pidfdGetfd = systemCall<[pidfd: number, fd: number, flags: number]>(438, "int pidfd, int fd, unsigned int flags");
const isRoot = process.getuid?.() === 0;
let kernel: TestKernel;
let namespace: string;
/** The machine's network, where adapters can be made. */
let machine: OwnNamespace;

const policy: NetworkPolicy = {
  security: { allowPromiscuous: false, macChanges: false, forgedTransmits: false, blockSwitchProtocols: true },
  shaping: { enabled: false, averageBandwidth: 0, peakBandwidth: 0, burstSize: 0 },
  teaming: { policy: "loadbalance_srcid", notifySwitches: true, rollingOrder: false, checkBeacon: false, active: [], standby: [] },
};
const vSwitch = (name: string, groups: Readonly<Record<string, number>>, ...uplinks: readonly string[]) => ({
  ...{ name, numPorts: 128, mtu: 1500, uplinks, policy: { ...policy, teaming: { ...policy.teaming, active: uplinks } } },
  portGroups: Object.entries(groups).map(([group, vlanId]) => ({ name: group, vlanId, overrides: {} })),
});
/** vmk0 is by itself but for the trunk, vmk1 beside the third VM's adapter. */
const hostNic = (device: string, portGroup: string, last: number) => ({
  ...{ device, portGroup, mac: `00:50:56:60:00:0${last}`, mtu: 1500, netstack: "defaultTcpipStack" },
  ip: [{ kind: "static", address: `192.0.2.${last}`, prefixLength: 25 } as const],
});
const network: NetworkConfig = {
  switches: [vSwitch("vSwitch0", { red: 10, blue: 20, all: 4095, own: 30, beside: 20 }, "up0", "up1"), vSwitch("vSwitch1", { far: 10 })],
  hostNics: [hostNic("vmk0", "own", 1), hostNic("vmk1", "beside", 2)],
};
const firewall = {
  rules: [{ direction: "in", action: "allow", protocol: "tcp", localPorts: { first: 22, last: 22 } }],
  otherwise: "deny",
} as const;

const nic = (key: number, vm: string, plug: object): DeviceSpec => ({
  ...{ kind: "nic", key, model: "vmxnet3", mac: `00:0c:29:00:0${vm}:0${key - 4000}`, connected: true },
  ...plug,
});

beforeAll(async () => {
  if (!isRoot) return;
  kernel = new TestKernel();
  machine = new OwnNamespace(join(kernel.paths.root, "machine"));
  for (const name of ["up0", "up1"]) createVeth(name, `${name}-far`);
  namespace = networkNamespace(kernel.paths.network);
  await kernel.start();
  await kernel.client.request({ kind: "configureNetwork", network });
  const nics = {
    1: [{ network: "red" }, { network: "all" }],
    2: [{ network: "red", firewall }, { network: "gone" }],
    3: [{ network: "blue" }, { network: "far" }],
  };
  for (const [vm, plugs] of Object.entries(nics)) {
    const devices = plugs.map((plug, index) => nic(4000 + index, vm, plug));
    await kernel.client.request({ kind: "powerOn", machine: machineOf(vm, { devices }) });
  }
});
afterAll(async () => {
  machine?.[Symbol.dispose]();
  await kernel?.[Symbol.asyncDispose]();
});

const look = (): Promise<Observation> => observe(kernel.client, { hostd: undefined, vmkernel: undefined }, { network: namespace });
const failedOf = (observation: Observation): readonly string[] =>
  judge(observation).flatMap(({ claim, verdict }) => (verdict === "fail" ? [claim] : []));
const failed = async (): Promise<readonly string[]> => failedOf(await look());

async function networkOf(): Promise<ObservedNetwork> {
  const { network: found } = await look();
  if (found === undefined) throw new Error("there is no network");
  return found;
}

test.skipIf(!isRoot)(
  "every claim about the network is shown and passes: trunk, firewall and a port group that is gone among the ports",
  async () => {
    const evidence = judge(await look()).filter(({ heading }) => /^Virtual/.test(heading));
    expect(evidence.map(({ claim, verdict, facts }) => [claim, verdict, facts.filter((fact) => /^NOT SO/.test(fact))])).toEqual(
      evidence.map(({ claim }) => [claim, "pass", []]),
    );
    expect(evidence).toHaveLength(14);
  },
);

test.skipIf(!isRoot)("who reaches the host's own interfaces is told, by the port group that lets him", async () => {
  const { facts = [] } = judge(await look()).find(({ claim }) => claim.includes("the host's own interfaces")) ?? {};
  expect(facts).toEqual([
    expect.stringMatching(
      /^the API is served in the machine's network, net:\[(\d+)\]; the ports of virtual switches are in net:\[(?!\1)\d+\]$/,
    ),
    expect.stringMatching(/^netstack defaultTcpipStack, net:\[\d+\]: vmk0 192\.0\.2\.1\/25, vmk1 192\.0\.2\.2\/25; monitors in it: none$/),
    "vmk0-port on own of vSwitch0, VLAN 30: virtual machines reach it by all (VLAN 4095)",
    "vmk1-port on beside of vSwitch0, VLAN 20: virtual machines reach it by all (VLAN 4095), blue (VLAN 20)",
  ]);
});

test.skipIf(!isRoot)("an address on a port turns red", async () => {
  inNamespace(namespace, () => addAddress("v1n4000", "192.0.2.1/24"));
  expect(await failed()).toEqual([expect.stringContaining("has an address of the host")]);
  inNamespace(namespace, () => removeAddress("v1n4000", "192.0.2.1/24"));
  expect(await failed()).toEqual([]);
});

test.skipIf(!isRoot)("a second program at a port turns red, and says which", async () => {
  const { ports } = await networkOf();
  const [from, to] = ["v1n4000", "v3n4000"].map((name) => ports.find(({ link }) => link === name)?.ifindex ?? 0) as [number, number];
  const code = assembleProgram(new ProgramBuilder().mov("r1", to).mov("r2", 0).call("redirect").exit().build(), new Map());
  const program = loadProgram({ kind: "schedCls", code, name: "bridge" });
  const link = inNamespace(namespace, () => attachTcx({ program, ifindex: from, direction: "ingress" }));
  const claims = await failed();
  for (const fd of [link, program]) closeSync(fd);
  for (const text of ["it names no port itself", "instruction by instruction", "No program writes", "one program for each direction"])
    expect(claims).toContainEqual(expect.stringContaining(text));
  expect(await failed()).toEqual([]);
});

test.skipIf(!isRoot)(
  "a table that leads to another switch, or to the wrong port, turns red, and frames are seen to come out there",
  async () => {
    const { ports, tables } = await networkOf();
    const port = (name: string) => ports.find(({ link }) => link === name) ?? ports[0];
    const outer = port("v1n4000")?.programs[0]?.maps.find((id) => tables.has(id)) ?? 0;
    const far = port("v3n4001")?.ifindex ?? 0;
    const restore = redirectEntry(outer, { from: port("v2n4000")?.ifindex ?? 0, to: far });
    const claims = await failed();
    expect(claims).toContainEqual(expect.stringContaining("leads to a port that is not its own"));
    expect(claims).toContainEqual(expect.stringContaining("A frame that is put in at a port"));
    expect(claims).toContainEqual(expect.stringContaining("A frame from the wire reaches"));
    restore();
    expect(await failed()).toEqual([]);
  },
);

test.skipIf(!isRoot)("a table that has frames handed over past a port's firewall turns red", async () => {
  const { ports, tables } = await networkOf();
  const guarded = ports.find(({ link }) => link === "v2n4000");
  const outer = guarded?.programs.flatMap(({ maps }) => maps).find((id) => tables.has(id)) ?? 0;
  const restore = changeEntries(outer, guarded?.ifindex ?? 0, (value) => value.writeUInt32LE(value.readUInt32LE(4) | BARE, 4));
  const claims = await failed();
  restore();
  expect(claims).toEqual([expect.stringContaining("What is handed over before the kernel makes a packet of it")]);
  expect(await failed()).toEqual([]);
});

/** Of the flags in a table's value: no program of the receiver's has to see the frame. */
const BARE = 2;

/** Makes what leads to one interface lead to another. @returns how to take that back */
function redirectEntry(outer: number, { from, to }: { readonly from: number; readonly to: number }): () => void {
  return changeEntries(outer, from, (value) => value.writeUInt32LE(to));
}

/** In the key of a list, which has several interfaces and no flags. */
const GROUP_BIT = 0x1_0000;

/** Of all entries for an address that lead to the interface. @returns how to take that back */
function changeEntries(outer: number, ifindex: number, change: (value: Buffer) => void): () => void {
  const table = withMap(outer, (fd) => mapLookup(fd, Buffer.alloc(4), 4)?.readUInt32LE() ?? 0);
  const changed = withMap(table, (fd) => {
    const { keyBytes, valueBytes } = mapInfo(fd);
    const entries = mapKeys(fd, keyBytes).map((key) => ({ key, value: mapLookup(fd, key, valueBytes) ?? Buffer.alloc(valueBytes) }));
    return entries.filter(({ key, value }) => (key.readUInt32LE() & GROUP_BIT) === 0 && value.readUInt32LE() === ifindex);
  });
  expect(changed.length).toBeGreaterThan(0);
  const write = (edit: (value: Buffer) => void) =>
    withMap(table, (fd) => {
      for (const { key, value } of changed) {
        const other = Buffer.from(value);
        edit(other);
        mapUpdate(fd, key, other);
      }
    });
  write(change);
  return () => write(() => {});
}

function withMap<T>(id: number, deed: (fd: number) => T): T {
  const fd = mapFdById(id);
  if (fd === undefined) throw new Error(`there is no map ${id}`);
  try {
    return deed(fd);
  } finally {
    closeSync(fd);
  }
}

test.skipIf(!isRoot)("what was tried of each port is told: frames that it refuses, those from the wire, and floods", async () => {
  const factsOf = (text: string) => judgedNow.find(({ claim }) => claim.includes(text))?.facts ?? [];
  const judgedNow = judge(await look());
  expect(factsOf("comes out nowhere")).toContainEqual(
    expect.stringMatching(/^v1n4000: (2\d|[3-9]\d) frames refused, with another's address, /),
  );
  expect(factsOf("from the wire")).toEqual([
    expect.stringMatching(/^up0: of \d\d frames, for each port in each VLAN, [1-9]\d* arrive$/),
    expect.stringMatching(/^up1: of \d\d frames, for each port in each VLAN, \d+ arrive$/),
  ]);
  expect(factsOf("cut at 10,000")).toContainEqual(
    "v1n4000: each broadcast takes 100000 ns of its time, one that comes a second too early is dropped; dropped of its guest's so far: 0",
  );
  expect(factsOf("cut at 10,000")).toContainEqual(expect.stringMatching(/^v2n4000: it sends no broadcast at all/)); // its firewall
  expect(factsOf("as they do among themselves")).toHaveLength(7);
});

test.skipIf(!isRoot)("a port whose program refuses nothing is seen through: each frame that it is to refuse comes out", async () => {
  const { ports, configured } = await networkOf();
  const [from, to] = ["v1n4000", "v2n4000"].map((name) => ports.find(({ link }) => link === name)?.ifindex ?? 0) as [number, number];
  const open = new ProgramBuilder().mov("r2", to).store(4, "r1", SKB.cb0, "r2"); // as ours tell where they send
  const code = assembleProgram(open.mov("r1", to).mov("r2", 0).call("redirect").exit().build(), new Map());
  const program = loadProgram({ kind: "schedCls", code, name: "open" });
  const { id } = programInfo(program);
  const port = { link: "v1n4000", ifindex: from, programs: [{ direction: "ingress", id } as const] };
  const probes = inNamespace(namespace, () => probeRefusals(port, configured));
  closeSync(program);
  expect(new Set(probes.map(({ kind }) => kind)).size).toBe(6);
  expect(probes.every(({ cameOutAt }) => cameOutAt === to)).toBe(true);
});

test.skipIf(!isRoot)("a program that floods without a limit, and lets frames of switches pass, is seen through: an uplink's", async () => {
  const uplink = (await networkOf()).ports.find(({ link }) => link === "up0");
  const neighbours = { untagged: true, tagged: true, untaggedMirrors: false, taggedMirrors: false };
  const { ingress } = compilePort({ kind: "uplink", number: 0, mtu: 1500, hasSiblings: true, neighbours });
  const ids = uplink?.programs.find(({ direction }) => direction === "ingress")?.maps ?? [];
  const trial = inNamespace(namespace, () => tryGroups(ingress.program, ids, "02:00:00:00:00:66"));
  expect(trial).toMatchObject({ passesAhead: true, switchFrames: expect.arrayContaining(["01:80:c2:00:00:00", "01:00:0c:cc:cc:cc"]) });
  expect(trial?.broadcastNs).toBe(0);
});

test.skipIf(!isRoot)("a tap in other hands turns red", async () => {
  const [first] = (await look()).monitors;
  const { pid = 0 } = first?.process ?? {};
  const monitor = pidfdOpen(pid, 0);
  const stolen = pidfdGetfd(monitor, first?.taps[0]?.fd ?? 0, 0);
  const claims = await failed();
  for (const fd of [stolen, monitor]) closeSync(fd);
  expect(claims).toEqual([expect.stringContaining("no other process holds the port's tap")]);
  expect(await failed()).toEqual([]);
});

test.skipIf(!isRoot)("what was changed is what is compared: another port group, and the cable out", async () => {
  const to = (plug: object) => machineOf("1", { devices: [nic(4000, "1", plug), nic(4001, "1", { network: "all" })] });
  await kernel.client.request({ kind: "changeMonitor", machine: to({ network: "far" }) });
  expect(await failed()).toEqual([]);
  await kernel.client.request({ kind: "changeMonitor", machine: to({ network: "far", connected: false }) });
  expect(await failed()).toEqual([]);
});

test.skipIf(!isRoot)("kill -9 of vmkernel leaves every port as it was, and what is of no VM any more is taken away", async () => {
  const before = (await networkOf()).ports.map(({ link, ifindex }) => [link, ifindex]);
  const { pid } = (await kernel.client.request({ kind: "listMonitors" })).find(({ vm }) => vm === "3") ?? { pid: 0 };
  await kernel.kill("SIGKILL");
  process.kill(pid, "SIGKILL");
  await kernel.start();
  expect((await networkOf()).ports.map(({ link, ifindex }) => [link, ifindex])).toEqual(
    before.filter(([link]) => !/^v3/.test(String(link))),
  );
  expect(await failed()).toEqual([]);
});
