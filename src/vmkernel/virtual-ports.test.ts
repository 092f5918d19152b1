import { expect, test } from "vitest";
import type { VmId } from "../base/index.ts";
import { NoNetwork } from "./host-network.ts";
import type { MachineSpec } from "./machine.ts";
import type { GroupFilter, NicPort } from "./network/index.ts";
import { VirtualPorts } from "./virtual-ports.ts";
import type { Monitor, Nic } from "./vmm/index.ts";
import { machineWith } from "./vmm/machine.fixture.ts";

/** A network that only writes down what is asked of it. */
class PaperNetwork extends NoNetwork {
  readonly ports = new Map<number, NicPort>();
  readonly deeds: string[] = [];
  refuses: number | undefined;

  override async plugIn(port?: NicPort, connected?: boolean): Promise<never> {
    if (port === undefined || port.key === this.refuses) throw new Error("no");
    this.ports.set(port.key, port);
    this.deeds.push(`plug ${port.key} ${connected === true ? "into" : "beside"} ${port.portGroup}`);
    return { fd: port.key, [Symbol.dispose]: () => this.deeds.push(`close ${port.key}`) } as never;
  }
  changed: NicPort | undefined;
  override async change(port?: NicPort, connected?: boolean): Promise<void> {
    this.changed = port;
    this.deeds.push(`change ${port?.key} ${port?.portGroup} ${port?.effectiveMac.slice(-2)} ${connected === true}`);
  }
  override async unplug(_vm?: VmId, key = 0): Promise<void> {
    this.ports.delete(key);
    this.deeds.push(`unplug ${key}`);
  }
  override plugged(): never {
    return [...this.ports.values()] as never;
  }
}

const nic = (key: number, changes: Partial<Nic> = {}): Nic => ({
  ...{ kind: "nic", key, model: "vmxnet3", mac: `00:0c:29:00:00:0${key - 4000}`, connected: true, network: "red" },
  ...changes,
});
const machine = machineWith([nic(4000), nic(4001, { network: undefined } as never), nic(4002, { connected: undefined } as never)]);
const monitorOf = (changed: MachineSpec, macs: Readonly<Record<number, string>> = {}, groups?: GroupFilter) =>
  ({
    vm: changed.vm,
    record: { machine: changed },
    adapters: new Map(Object.entries(macs).map(([key, mac]) => [Number(key), { mac, ...(groups && { groups }) }])),
  }) as unknown as Monitor;

async function plugged() {
  const network = new PaperNetwork();
  const ports = new VirtualPorts({ network, log: (line) => network.deeds.push(line) });
  const taps = await ports.plugInAll(machine);
  return { network, ports, taps, since: () => network.deeds.splice(0) };
}

test("each NIC is plugged in, also one that names no network, its cable in or out, and its tap is closed when the monitor has it", async () => {
  const { taps, since } = await plugged();
  expect([...taps.taps].map(([key, { fd }]) => [key, fd])).toEqual([
    [4000, 4000],
    [4001, 4001],
    [4002, 4002],
  ]);
  taps[Symbol.dispose]();
  expect(since()).toEqual(["plug 4000 into red", "plug 4001 into ", "plug 4002 beside red", "close 4000", "close 4001", "close 4002"]);
});

test("where one cannot be plugged in, none is", async () => {
  const network = new PaperNetwork();
  network.refuses = 4002;
  await expect(new VirtualPorts({ network, log: () => {} }).plugInAll(machine)).rejects.toThrow("no");
  expect(network.deeds).toEqual(["plug 4000 into red", "plug 4001 into ", "unplug 4001", "close 4001", "unplug 4000", "close 4000"]);
});

test("ports are made those of the machine that there is: what it lost is unplugged, and addresses that were set hold", async () => {
  const { ports, since } = await plugged();
  since();
  await ports.settle(monitorOf(machineWith([nic(4000, { network: "blue" })]), { 4000: "02:00:00:00:00:99" }));
  expect(since()).toEqual(["change 4000 blue 99 true", "unplug 4001", "unplug 4002"]);
});

test("a port learns its adapter's address when it is another one, and once", async () => {
  const { ports, since } = await plugged();
  since();
  expect(await ports.learn(monitorOf(machine, { 4000: "00:0c:29:00:00:00" }))).toBe(false);
  expect(await ports.learn(monitorOf(machine, { 4000: "02:00:00:00:00:99", 4001: "02:00:00:00:00:98" }))).toBe(true);
  expect(await ports.learn(monitorOf(machine, { 4000: "02:00:00:00:00:99" }))).toBe(false);
  expect(since()).toEqual(["change 4000 red 99 true"]);
  await ports.of(machine.vm).change(nic(4000, { network: "blue" }));
  expect(since()).toEqual(["change 4000 blue 99 true"]);
});

test("a port learns which groups its adapter asks for, when they are others", async () => {
  const { network, ports, since } = await plugged();
  since();
  const asked = { broadcast: true, multicast: ["01:00:5e:00:00:01"] };
  const learn = (groups: GroupFilter) => ports.learn(monitorOf(machine, { 4000: "00:0c:29:00:00:00" }, groups));
  expect([await learn(asked), await learn(asked), await learn({ ...asked, multicast: "all" })]).toEqual([true, false, true]);
  expect(since()).toEqual(["change 4000 red 00 true", "change 4000 red 00 true"]);
  expect(network.changed?.groups).toEqual({ broadcast: true, multicast: "all" });
});

test("a NIC that led nowhere goes to a network by a change of its port", async () => {
  const { ports, since } = await plugged();
  since();
  await ports.of(machine.vm).change(nic(4001, { network: "blue" }));
  expect(since()).toEqual(["change 4001 blue 01 true"]);
});

test("a NIC that was never plugged in is not changed, and what is of no running VM is unplugged", async () => {
  const { ports, since } = await plugged();
  since();
  await ports.of(machine.vm).change(nic(4009, { network: "blue" }));
  await ports.releaseOthers(new Set([machine.vm]));
  expect(since()).toEqual([]);
  await ports.releaseOthers(new Set());
  expect(since()).toEqual(["unplug 4000", "unplug 4001", "unplug 4002"]);
});
