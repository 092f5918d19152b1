import { existsSync, mkdirSync, readFileSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { deleteLink, inNamespace, listAddresses, listLinks } from "../../system/index.ts";
import { hasBpf } from "./compile/compile.fixture.ts";
import { addressBytes } from "./compile/firewall/address.ts";
import type { HostNicConfig, PortGroupConfig } from "./config.ts";
import { ARP_TYPE, BROADCAST, frame, IPV4_TYPE, ipv4, PROTOCOLS, udp } from "./frames.fixture.ts";
import { listHostNeighbours } from "./host-neighbours.ts";
import { netstackNamespace, netstacksIn } from "./host-nics.ts";
import { HostSocket, UDP_PORT } from "./host-socket.fixture.ts";
import { macBytes } from "./mac.ts";
import { TestMachine } from "./machine.fixture.ts";
import { macOf, makeGroup, makeHostNic, makeNic, makeSwitch } from "./network.fixture.ts";

let machine: TestMachine;
let folder: string;
beforeEach(() => {
  if (!hasBpf) return;
  machine = new TestMachine();
  folder = join(machine.folder, "network");
});
afterEach(async () => {
  if (hasBpf) await machine[Symbol.asyncDispose]();
});

/** Two of each VLAN: one is for interfaces of the host, the other for guests. */
const groups = [makeGroup("lan", 0), makeGroup("ten", 10), makeGroup("guests", 0), makeGroup("guests of ten", 10)];
const configure = (hostNics: readonly HostNicConfig[], of: readonly PortGroupConfig[] = groups) =>
  machine.network.configure({
    switches: [makeSwitch({ groups: of }), makeSwitch({ name: "other", groups: [makeGroup("elsewhere", 0), makeGroup("far guests", 0)] })],
    hostNics,
  });
const stack = (number: number) => netstackNamespace(folder, `stack${number}`);
const linksOf = (number: number) => inNamespace(stack(number), () => listLinks().map(({ name }) => name));
const addressesOf = (number: number) => inNamespace(stack(number), () => listAddresses(`vmk${number}`));

/** Asks for the host's address as a guest at 10.0.0.n does. */
const question = (vm: number, target: string) =>
  frame({
    from: macOf(vm),
    to: BROADCAST,
    type: ARP_TYPE,
    payload: Buffer.concat([
      Buffer.from("0001080006040001", "hex"),
      macBytes(macOf(vm)),
      Buffer.from([10, 0, 0, vm]),
      Buffer.alloc(6),
      Buffer.from(target.split(".").map(Number)),
    ]),
  });
/** Who answers, a tenth of a second later: "a 00:50:56:60:00:00". */
async function answerTo(port: string, asked: Buffer): Promise<string> {
  machine.receive();
  machine.send(port, asked);
  await new Promise((resolve) => setTimeout(resolve, 100));
  const answers = machine.receive().filter((one) => one.port === port && one.frame.readUInt16BE(12) === ARP_TYPE);
  return answers.map((one) => (one.frame.subarray(6, 12).toString("hex").match(/../g) ?? []).join(":")).join(" ");
}

describe.skipIf(!hasBpf)("in the kernel", () => {
  test("two interfaces on one port group reach each other by their addresses, and none on another VLAN or switch", async () => {
    await configure([makeHostNic(0, "lan"), makeHostNic(1, "lan"), makeHostNic(2, "ten"), makeHostNic(3, "elsewhere")]);
    using zero = new HostSocket(stack(0));
    using one = new HostSocket(stack(1));
    using two = new HostSocket(stack(2));
    using three = new HostSocket(stack(3));
    for (const to of ["10.0.0.11", "10.0.0.12", "10.0.0.13"]) expect(zero.send(to, `for ${to}`)).toBe(true);
    await expect.poll(() => one.receive(), { timeout: 5000 }).toBe("for 10.0.0.11"); // the first question may be lost while the links come up
    expect(one.send("10.0.0.10", "back")).toBe(true);
    await expect.poll(() => zero.receive()).toBe("back");
    expect([two.receive(), three.receive()]).toEqual([undefined, undefined]);
  });

  test("a guest on its VLAN and switch reaches an interface, and no other guest does", async () => {
    await configure([makeHostNic(0, "lan")]);
    for (const [name, vm, group] of [["a", 1, "guests"], ["b", 2, "guests of ten"], ["c", 3, "far guests"]] as const) // biome-ignore format: a row
      await machine.plug(name, makeNic(vm, group));
    expect(await answerTo("a", question(1, "10.0.0.10"))).toBe("00:50:56:60:00:00");
    expect(await answerTo("b", question(2, "10.0.0.10"))).toBe("");
    expect(await answerTo("c", question(3, "10.0.0.10"))).toBe("");
    using zero = new HostSocket(stack(0));
    const payload = ipv4({ from: "10.0.0.1", to: "10.0.0.10", protocol: PROTOCOLS.udp, payload: udp(1, UDP_PORT, Buffer.from("guest")) });
    payload.writeUInt16BE(checksum(payload.subarray(0, 20)), 10);
    const datagram = (vm: number) => frame({ from: macOf(vm), to: "00:50:56:60:00:00", type: IPV4_TYPE, payload });
    machine.send("b", datagram(2));
    machine.send("c", datagram(3));
    machine.send("a", datagram(1));
    await expect.poll(() => zero.receive()).toBe("guest");
    expect(zero.receive()).toBeUndefined();
  });

  test("a guest is on no port group where an interface of the host is, whoever says that it is", async () => {
    await configure([]);
    await machine.plug("a", makeNic(1, "lan"));
    await machine.plug("b", makeNic(2, "lan"));
    const between = frame({ from: macOf(1), to: macOf(2) });
    expect(machine.reach("a", between)).toBe("b");
    await configure([makeHostNic(0, "lan")]);
    expect([machine.reach("a", between), await answerTo("a", question(1, "10.0.0.10"))]).toEqual(["", ""]);
    await machine.plug("c", makeNic(3, "lan"));
    expect(await answerTo("c", question(3, "10.0.0.10"))).toBe("");
    const ports = machine.network.describe().switches[0]?.ports.filter(({ connectee }) => connectee.kind === "virtualMachine");
    expect(ports?.map(({ blockedBecause }) => blockedBecause)).toEqual(Array(3).fill("The port group lan is the host's own."));
    await configure([]);
    expect(machine.reach("a", between)).toBe("b");
  });

  test("an interface answers for its own address alone, and forwards nothing to its netstack's other", async () => {
    await configure([makeHostNic(0, "lan", { netstack: "stack0" }), makeHostNic(1, "ten", { netstack: "stack0" })]);
    await machine.plug("a", makeNic(1, "guests"));
    await machine.plug("b", makeNic(2, "guests of ten"));
    expect(await answerTo("a", question(1, "10.0.0.11"))).toBe("");
    const routed = { from: "10.0.0.1", to: "10.0.0.2", protocol: PROTOCOLS.udp, payload: udp(1, 2) };
    const payload = ipv4(routed);
    payload.writeUInt16BE(checksum(payload.subarray(0, 20)), 10);
    machine.send("a", frame({ from: macOf(1), to: "00:50:56:60:00:00", type: IPV4_TYPE, payload }));
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(machine.receive().filter(({ port }) => port === "b")).toEqual([]);
  });

  test("what is for another interface of the netstack is not taken, also by a guest who knows where to send it", async () => {
    const address = (ip: string) => ({ ip: [{ kind: "static", address: ip, prefixLength: 24 }] as const, netstack: "stack0" });
    await configure([makeHostNic(0, "lan", address("10.0.0.10")), makeHostNic(1, "ten", address("10.0.1.11"))]);
    await machine.plug("a", makeNic(1, "guests of ten"));
    using socket = new HostSocket(stack(0));
    const datagram = (to: string, text: string) => {
      const payload = ipv4({ from: "10.0.1.1", to, protocol: PROTOCOLS.udp, payload: udp(1, UDP_PORT, Buffer.from(text)) });
      payload.writeUInt16BE(checksum(payload.subarray(0, 20)), 10);
      return frame({ from: macOf(1), to: "00:50:56:60:00:01", type: IPV4_TYPE, payload });
    };
    machine.send("a", datagram("10.0.0.10", "for the other"));
    machine.send("a", datagram("10.0.1.255", "for all"));
    machine.send("a", datagram("10.0.1.11", "for it"));
    await expect.poll(() => socket.receive()).toBe("for all");
    await expect.poll(() => socket.receive()).toBe("for it");
    const port = machine.network.describe().switches[0]?.ports.find(({ device }) => device === "vmk1-port");
    expect(port?.counters.dropped).toEqual({ unknownDestination: 1 });
    expect(port?.programs.map(({ direction, units }) => [direction, units.includes("own addresses")])).toEqual([
      ["ingress", false],
      ["egress", true],
    ]);
  });

  test("an interface reaches another by IPv6 too, and takes nothing of IPv6 that is for no address of its own", async () => {
    const address = (ip: string) => ({ ip: [{ kind: "static", address: ip, prefixLength: 64 }] as const });
    await configure([makeHostNic(0, "lan", address("2001:db8::10")), makeHostNic(1, "lan", address("2001:db8::11"))]);
    const isUsed = () =>
      inNamespace(stack(0), () => readFileSync("/proc/thread-self/net/if_inet6", "utf8"))
        .split("\n")
        .some((line) => /^20010db8.* 80 +vmk0$/.test(line));
    await expect.poll(isUsed, { timeout: 5000 }).toBe(true); // no other host has answered to it
    await machine.plug("a", makeNic(1, "guests"));
    const packet = (to: string) =>
      Buffer.concat([Buffer.from("6000000000083b40", "hex"), addressBytes("2001:db8::1"), addressBytes(to), Buffer.alloc(8)]);
    const dropped = () =>
      machine.network.describe().switches[0]?.ports.find(({ device }) => device === "vmk0-port")?.counters.dropped.unknownDestination ?? 0;
    const before = dropped();
    for (const to of ["2001:db8::10", "fe80::1", "ff02::1", "2001:db8::11", "::1"])
      machine.send("a", frame({ from: macOf(1), to: "00:50:56:60:00:00", type: 0x86dd, payload: packet(to) }));
    expect(dropped() - before).toBe(2);
  });

  test("who asked for an interface's address is a neighbour of that interface, and whoever cannot reach it is none", async () => {
    await configure([makeHostNic(0, "lan"), makeHostNic(1, "ten")]);
    await machine.plug("a", makeNic(1, "guests"));
    await machine.plug("b", makeNic(2, "far guests"));
    expect(await answerTo("a", question(1, "10.0.0.10"))).toBe("00:50:56:60:00:00");
    expect(await answerTo("b", question(2, "10.0.0.10"))).toBe("");
    const found = listHostNeighbours(folder).map(({ device, address, mac }) => ({ device, address, mac }));
    expect(found).toContainEqual({ device: "vmk0", address: "10.0.0.1", mac: macOf(1) });
    expect(found.filter(({ address, device }) => address === "10.0.0.2" || device !== "vmk0")).toEqual([]);
  });

  test("an address of IPv6 that another host on the network has is told, of the interface that came later", async () => {
    const same = [{ kind: "static", address: "2001:db8::10", prefixLength: 64 }] as const;
    await configure([makeHostNic(0, "lan", { ip: same })]);
    const isUsed = () => inNamespace(stack(0), () => readFileSync("/proc/thread-self/net/if_inet6", "utf8")).split("\n");
    await expect.poll(() => isUsed().some((line) => /^20010db8.* 80 +vmk0$/.test(line)), { timeout: 10_000 }).toBe(true);
    expect(machine.network.describe().duplicates).toBeUndefined();
    await configure([makeHostNic(0, "lan", { ip: same }), makeHostNic(1, "lan", { ip: same })]);
    await expect.poll(() => machine.network.describe().duplicates, { timeout: 10_000 }).toEqual({ vmk1: ["2001:db8::10"] });
  });

  test("an interface is alone with the loopback in its netstack, with the addresses that it was given and no other", async () => {
    const ip = [
      { kind: "static", address: "10.0.0.10", prefixLength: 24 },
      { kind: "static", address: "2001:db8:0::10", prefixLength: 64 },
    ] as const;
    await configure([makeHostNic(0, "lan", { ip, mtu: 1400 }), makeHostNic(1, "lan")]);
    expect([linksOf(0), linksOf(1)]).toEqual([["lo", "vmk0"], ["lo", "vmk1"]]); // biome-ignore format: a row
    expect(addressesOf(0)).toEqual(["10.0.0.10/24", "2001:db8::10/64", expect.stringMatching(/^fe80:/)]);
    expect(addressesOf(1)).toEqual(["10.0.0.11/24"]);
    const [own] = inNamespace(stack(0), () => listLinks().filter(({ name }) => name === "vmk0"));
    expect(own).toMatchObject({ mac: "00:50:56:60:00:00", mtu: 1400, isUp: true, hasCarrier: true });
    const ports = inNamespace(join(folder, "namespace"), () => listLinks().map(({ name }) => [name, listAddresses(name)]));
    expect(ports).toEqual([["lo", []], ["vmk0-port", []], ["vmk1-port", []]]); // biome-ignore format: a row
    expect(machine.network.describe().switches[0]?.ports).toMatchObject([
      { connectee: { kind: "host", device: "vmk0" }, portGroup: "lan", effectiveMac: "00:50:56:60:00:00" },
      { connectee: { kind: "host", device: "vmk1" } },
    ]);
  });

  test("an interface is changed where it is: address, MAC, MTU, port group and netstack; and goes with its netstack", async () => {
    await configure([makeHostNic(0, "lan")]);
    const ip = [{ kind: "static", address: "10.0.0.99", prefixLength: 25 }] as const;
    await configure([makeHostNic(0, "ten", { ip, mac: "00:50:56:60:00:99", mtu: 1300, netstack: "stack9" })]);
    expect(netstacksIn(folder)).toEqual(["stack9"]);
    const seen = inNamespace(stack(9), () => [listLinks().find(({ name }) => name === "vmk0"), listAddresses("vmk0")]);
    expect(seen).toMatchObject([{ mac: "00:50:56:60:00:99", mtu: 1300, isUp: true }, ["10.0.0.99/25"]]);
    await machine.plug("a", makeNic(1, "guests of ten"));
    expect(await answerTo("a", question(1, "10.0.0.99"))).toBe("00:50:56:60:00:99");
    await configure([]);
    expect(netstacksIn(folder)).toEqual([]);
    expect(inNamespace(join(folder, "namespace"), () => listLinks().map(({ name }) => name))).toEqual(["lo", "v1n4000"]);
  });

  test("a change that fails half-way leaves every interface as it was, and none that is new", async () => {
    await configure([makeHostNic(0, "lan")]);
    mkdirSync(join(folder, "network.json.new"));
    const wanted = [makeHostNic(0, "ten", { ip: [], mtu: 1300, netstack: "stack9" }), makeHostNic(1, "lan")];
    await expect(configure(wanted)).rejects.toThrow("EISDIR");
    rmdirSync(join(folder, "network.json.new"));
    expect(netstacksIn(folder)).toEqual(["stack0"]);
    expect(addressesOf(0)).toEqual(["10.0.0.10/24"]);
    expect(inNamespace(join(folder, "namespace"), () => listLinks().map(({ name }) => name))).toEqual(["lo", "vmk0-port"]);
    await machine.plug("a", makeNic(1, "guests"));
    expect(await answerTo("a", question(1, "10.0.0.10"))).toBe("00:50:56:60:00:00");
  });

  test("the next vmkernel takes an interface over as it is, with its sockets, and makes again what somebody took away", async () => {
    await configure([makeHostNic(0, "lan"), makeHostNic(1, "lan")]);
    const indexes = () => [0, 1].map((number) => inNamespace(stack(number), () => listLinks().map(({ index }) => index)));
    const before = indexes();
    using zero = new HostSocket(stack(0));
    using one = new HostSocket(stack(1));
    const killed = machine.network;
    machine.network = machine.anotherVmkernel();
    await machine.network.adopt();
    killed.close();
    expect(indexes()).toEqual(before);
    zero.send("10.0.0.11", "still there");
    await expect.poll(() => one.receive()).toBe("still there");
    inNamespace(join(folder, "namespace"), () => deleteLink("vmk1-port"));
    const second = machine.network;
    machine.network = machine.anotherVmkernel();
    await machine.network.adopt();
    second.close();
    expect(addressesOf(1)).toEqual(["10.0.0.11/24"]);
    expect(machine.network.config.hostNics).toEqual([makeHostNic(0, "lan"), makeHostNic(1, "lan")]);
    await configure([makeHostNic(0, "lan")]);
    expect(netstacksIn(folder)).toEqual(["stack0"]);
  });

  test("what is removed leaves no namespace, no mount and no link", async () => {
    await configure([makeHostNic(0, "lan"), makeHostNic(1, "ten")]);
    await machine.network.remove();
    expect(existsSync(folder)).toBe(false);
    expect(readFileSync("/proc/self/mounts", "utf8")).not.toContain(folder);
    expect(listLinks().map(({ name }) => name)).toEqual(["lo"]);
  });
});

/** RFC 1071. */
function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += bytes.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return ~sum & 0xffff;
}
