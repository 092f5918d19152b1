import { afterAll, beforeAll, expect, test } from "vitest";
import type { Evidence } from "../src/evidence/index.ts";
import type { VimClient } from "../src/interfaces/index.ts";
import type { PortDescription, VmkernelClient } from "../src/vmkernel/index.ts";
import type { GuestNicInfo } from "../src/wire/index.ts";
import { esxcli } from "./esxcli.ts";
import { installFromGo } from "./go.ts";
import { runGovc } from "./govc.ts";
import { mountsBeneath, notPassed, startHost, type TestHost, waitFor } from "./harness.ts";
import { addHostNic, type Guest, inGuest, makeSwitches, reachedBy, replug, setUp, startGuest } from "./topology.ts";
import { read } from "./vm.ts";

/**
 * Real guests on virtual switches: who reaches whom is what the configuration says and nothing else, before, during and after changes.
 * Paper «Virtual Switch Isolation», «Virtual Switch Correctness», «Virtual Switch VLANs», «Virtual Ports», Figure 6.
 */
const isRoot = process.getuid?.() === 0;
let host: TestHost;
let client: VimClient;
let vmkernel: VmkernelClient;
let govc: string | undefined;
let guests: readonly Guest[] = [];
const numbers = [1, 2, 3, 4, 5];
/** The host's own interface, in the VLAN of the red ones. */
const HOST_NUMBER = 9;
/** Five guests boot at once, each translated: half a minute on an idle machine. */
const SET_UP_MS = 300_000;

beforeAll(async () => {
  if (!isRoot) return;
  const installed = await installFromGo("govc");
  govc = "path" in installed ? installed.path : undefined;
  host = await startHost();
  client = await host.login();
  vmkernel = await host.vmkernel();
  await makeSwitches(client);
  await addHostNic(client, "host-red", HOST_NUMBER);
  const wanted = ["red", "red", "blue", "far-red", "far-green"];
  guests = await Promise.all(wanted.map((portGroup, index) => startGuest(host, client, index + 1, portGroup)));
  await Promise.all(guests.map((guest) => setUp(vmkernel, guest)));
}, SET_UP_MS);
afterAll(async () => {
  if (!isRoot) return;
  vmkernel?.close();
  client?.close();
  await host?.stop();
});

const guest = (number: number): Guest => {
  const found = guests[number - 1];
  if (found === undefined) throw new Error(`there is no guest ${number}`);
  return found;
};

/** By the number of each guest, whom it reaches. */
async function matrix(): Promise<Readonly<Record<number, readonly number[]>>> {
  const rows = await Promise.all(guests.map(async (one) => [one.number, await reachedBy(vmkernel, one, numbers)] as const));
  return Object.fromEntries(rows);
}

async function portOf(number: number): Promise<PortDescription> {
  const { switches } = await vmkernel.request({ kind: "describeNetwork" });
  const ports = switches.flatMap(({ ports: all }) => all);
  const port = ports.find(({ connectee }) => connectee.kind === "virtualMachine" && connectee.vm === guest(number).vm.value);
  if (port === undefined) throw new Error(`guest ${number} has no port`);
  return port;
}

async function evidenceOf(): Promise<readonly Evidence[]> {
  const { stdout, stderr } = await host.command("evidence", "--json");
  if (stdout === "") throw new Error(stderr);
  return JSON.parse(stdout);
}

/** Sessions end with the hostd that had them. */
async function logInAgain(): Promise<void> {
  client.close();
  const isIn = async () => {
    client = await host.login();
    return true;
  };
  await waitFor(() => isIn().catch(() => false), 30_000);
}

test.skipIf(!isRoot)("guests reach those of their own VLAN on their own switch, and nobody else", async () => {
  expect(await matrix()).toEqual({ 1: [2], 2: [1], 3: [], 4: [], 5: [] });
});

test.skipIf(!isRoot)(
  "a guest that sends much of what is small has it handed over at XDP, and what it says by TCP arrives there",
  async () => {
    const isExpress = async (number: number) => (await portOf(number)).programs.some(({ direction }) => direction === "xdp");
    // Who answers sends as much.
    await inGuest(vmkernel, guest(1), "for n in 1 2 3 4; do ping -i 0.003 -c 20000 10.0.0.2 > /dev/null 2>&1 & done");
    await waitFor(async () => (await isExpress(1)) && (await isExpress(2)), 120_000, 300);
    await inGuest(vmkernel, guest(1), "killall ping"); // a guest has one processor, for its agent too
    await inGuest(vmkernel, guest(2), "nc -l -p 7000 > /tmp/heard 2>&1 &");
    await inGuest(vmkernel, guest(1), "for n in 1 2 3 4 5; do echo small talk | nc -w 5 10.0.0.2 7000 && break; sleep 1; done");
    await waitFor(async () => (await inGuest(vmkernel, guest(2), "cat /tmp/heard")) === "small talk\n", 20_000, 300);
    const reach = (await evidenceOf()).find(({ claim }) => claim.startsWith("A frame that is put in at a port comes out"));
    expect(reach?.verdict).toBe("pass");
    expect(JSON.stringify(reach)).toContain("at XDP already");
  },
);

test.skipIf(!isRoot)("what a guest sends and what it receives are counted apart, for each of its adapters", async () => {
  const nicOf = async (number: number) => {
    const { monitors } = await vmkernel.request({ kind: "sampleLoad" });
    const [nic] = monitors.find(({ vm }) => vm === guest(number).vm.value)?.nics ?? [];
    return { sent: nic?.transmittedPackets ?? 0, received: nic?.receivedPackets ?? 0 };
  };
  const before = [await nicOf(1), await nicOf(2)];
  await inGuest(vmkernel, guest(1), "ping -c 3 -W 1 10.0.0.99 > /dev/null 2>&1; true"); // who has that address, nobody answers
  const after = [await nicOf(1), await nicOf(2)];
  const grown = (at: number, way: "sent" | "received") => (after[at]?.[way] ?? 0) - (before[at]?.[way] ?? 0);
  expect(grown(0, "sent")).toBeGreaterThanOrEqual(2);
  expect(grown(1, "received")).toBeGreaterThanOrEqual(2);
  expect(grown(0, "received")).toBeLessThan(grown(0, "sent"));
});

test.skipIf(!isRoot)("esxcli tells which port a guest that runs is plugged into, and the address that the guest has", async () => {
  const { id, effectiveMac } = await portOf(1);
  const monitors = await vmkernel.request({ kind: "listMonitors" });
  const worlds = (await esxcli(client, "network vm list")).rows ?? [];
  expect(worlds.map(({ WorldID }) => Number(WorldID?.[0])).toSorted()).toEqual(monitors.map(({ pid }) => pid).toSorted());
  const worldid = worlds.find(({ Name }) => Name?.[0] === "guest1")?.WorldID ?? [];
  const ports = async () => (await esxcli(client, "network vm port list", { worldid })).rows;
  await waitFor(async () => JSON.stringify(await ports()).includes("10.0.0.1"), 60_000, 500); // the agent is asked now and then
  expect(await ports()).toMatchObject([
    { PortID: [String(id)], vSwitch: ["vSwitch0"], Portgroup: ["red"], MACAddress: [effectiveMac], IPAddress: ["10.0.0.1"] },
  ]);
  if (govc !== undefined) expect(await runGovc(govc, host.port, ["vm.ip", "-esxcli", "-wait=60s", "guest1"], 90_000)).toBe("10.0.0.1\n");
});

test.skipIf(!isRoot)(
  "a guest's address is told with the adapter that has it: clients that wait for all of a VM's adapters find it",
  async () => {
    const [nic] = (await read(client, guest(1).vm, "guest.net")) as readonly GuestNicInfo[];
    expect(nic).toMatchObject({ network: "red", connected: true, deviceConfigId: 4000, ipAddress: expect.arrayContaining(["10.0.0.1"]) });
    expect(nic?.ipConfig?.ipAddress).toContainEqual(expect.objectContaining({ ipAddress: "10.0.0.1", prefixLength: 24 }));
    if (govc !== undefined)
      expect(await runGovc(govc, host.port, ["vm.ip", "-a", "-v4", "-wait=60s", "guest1"], 90_000)).toBe("10.0.0.1\n");
  },
);

test.skipIf(!isRoot)("guests of its VLAN and switch reach the host's own interface, and nobody else does", async () => {
  const rows = guests.map(async (one) => [one.number, await reachedBy(vmkernel, one, [HOST_NUMBER])] as const);
  expect(Object.fromEntries(await Promise.all(rows))).toEqual({ 1: [HOST_NUMBER], 2: [HOST_NUMBER], 3: [], 4: [], 5: [] });
  const met = (await esxcli(client, "network ip neighbor list", { version: "4" })).rows ?? [];
  const macs = await Promise.all([1, 2].map(async (number) => [`10.0.0.${number}`, (await portOf(number)).effectiveMac, "vmk0"]));
  expect(met.map(({ Neighbor, MacAddress, Vmknic }) => [Neighbor?.[0], MacAddress?.[0], Vmknic?.[0]]).toSorted()).toEqual(macs);
});

test.skipIf(!isRoot)("a guest that sends from an address that its adapter does not have is stopped, and its own frames go on", async () => {
  const forge = `for m in $(cat /modules/spare); do insmod /modules/$m; done
ip link add link eth0 name forged type macvlan
ip link set forged address 02:00:00:00:00:77 up
ip addr add 10.0.0.77/24 dev forged
ping -I forged -c 2 -W 1 10.0.0.2 > /dev/null && echo reached
ip link del forged`;
  expect(await inGuest(vmkernel, guest(1), forge)).toBe("");
  expect(Object.values((await portOf(1)).counters.dropped).reduce((sum, frames) => sum + frames, 0)).toBeGreaterThan(0);
  expect(await reachedBy(vmkernel, guest(1), numbers)).toEqual([2]);
});

test.skipIf(!isRoot)("a guest that gives its adapter another address is cut off until it takes its own again", async () => {
  const { initialMac } = await portOf(1);
  const give = (mac: string) => inGuest(vmkernel, guest(1), `ip link set eth0 address ${mac}; ping -c 1 -W 1 10.0.0.2 || true`);
  await give("02:00:00:00:00:99");
  await waitFor(async () => (await portOf(1)).effectiveMac === "02:00:00:00:00:99", 5000);
  expect((await portOf(1)).initialMac).toBe(initialMac);
  const reached = await reachedBy(vmkernel, guest(1), numbers);
  await give(initialMac);
  expect(reached).toEqual([]);
  await waitFor(async () => (await portOf(1)).effectiveMac === initialMac, 5000);
  expect(await reachedBy(vmkernel, guest(1), numbers)).toEqual([2]);
});

/** The next vmkernel has to see anew what a guest sends, before it has a program at XDP. */
const tagsAtTc = async () => (await portOf(1)).programs.filter(({ direction }) => direction !== "xdp").map(({ tag }) => tag);

test.skipIf(!isRoot)("kill -9 of vmkernel and hostd loses no reply of a guest that pings another", async () => {
  await inGuest(vmkernel, guest(1), "ping -i 0.1 -c 80 10.0.0.2 > /tmp/ping 2>&1 &");
  const before = await host.pids();
  const tags = await tagsAtTc();
  for (const which of ["vmkernel", "hostd"] as const) {
    process.kill(before[which], "SIGKILL");
    await waitFor(async () => ![0, undefined, before[which]].includes((await host.pids().catch(() => before))[which]), 30_000);
  }
  await waitFor(async () => (await inGuest(vmkernel, guest(1), "cat /tmp/ping").catch(() => "")).includes("packet loss"), 40_000, 300);
  expect(await reachedBy(vmkernel, guest(1), [HOST_NUMBER])).toEqual([HOST_NUMBER]);
  expect(await inGuest(vmkernel, guest(1), "cat /tmp/ping")).toContain("80 packets transmitted, 80 packets received, 0% packet loss");
  expect(await tagsAtTc()).toEqual(tags);
});

test.skipIf(!isRoot)("an adapter of a running VM goes to another port group, and its cable out and in again", async () => {
  await logInAgain();
  await replug(client, guest(3), "red");
  await replug(client, guest(5), "far-red");
  expect(await matrix()).toEqual({ 1: [2, 3], 2: [1, 3], 3: [1, 2], 4: [5], 5: [4] });
  await replug(client, guest(3), "red", false);
  expect(await reachedBy(vmkernel, guest(1), numbers)).toEqual([2]);
  await replug(client, guest(3), "red");
  await waitFor(async () => (await reachedBy(vmkernel, guest(3), numbers)).length === 2, 20_000);
});

test.skipIf(!isRoot)("every claim passes with five guests on two switches, and the command shows a port's program", async () => {
  expect(notPassed(await evidenceOf())).toEqual([]);
  const { id, programs } = await portOf(1);
  const { stdout } = await host.command("vswitch", "show", "--program", String(id));
  expect(stdout).toContain(programs[0]?.tag);
  expect((await host.command("vswitch", "list")).stdout).toMatch(/vSwitch1 .*\n.*\n.* far-red +10 /);
});

test.skipIf(!isRoot)("nothing of the network is left when the host has stopped", async () => {
  client.close();
  await host.stop(true);
  expect(mountsBeneath(host.root)).toEqual([]);
});
