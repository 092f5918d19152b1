import { expect, test } from "vitest";
import { openDatabase } from "../database.ts";
import { Adapters, asUplinks } from "./adapters.ts";

const nic = (name: string, controller: string, addresses: readonly string[] = []) => ({
  name,
  controller,
  addresses,
  mac: "52:54:00:00:00:01",
  driver: "virtio_net",
  linkMbps: 1000,
  isUp: true,
  isFullDuplex: true,
});
const none = new Set<string>();
const eth0 = nic("eth0", "0000:00:04.0", ["192.0.2.7"]);
const eth1 = nic("eth1", "0000:00:03.0");

test("adapters are numbered by their places, and one keeps its number when another comes or goes", () => {
  const database = openDatabase(":memory:");
  const first = new Adapters(database);
  first.remember([eth0, eth1]);
  expect(first.list([eth0, eth1], none).map(({ name, device }) => [name, device])).toEqual([
    ["eth1", "vmnic0"],
    ["eth0", "vmnic1"],
  ]);
  const second = new Adapters(database);
  const eth2 = nic("eth2", "0000:00:01.0");
  second.remember([eth0, eth2]);
  expect(second.list([eth0, eth2], none).map(({ name, device }) => [name, device])).toEqual([
    ["eth0", "vmnic1"],
    ["eth2", "vmnic2"],
  ]);
});

test("an adapter that a switch has taken is there although the machine does not see it", () => {
  const adapters = new Adapters(openDatabase(":memory:"));
  adapters.remember([eth0, eth1]);
  expect(adapters.list([eth0], new Set(["eth1"])).map(({ device, driver }) => [device, driver])).toEqual([
    ["vmnic0", "virtio_net"],
    ["vmnic1", "virtio_net"],
  ]);
});

test.each([
  ["with an address of the machine", ["192.0.2.7"], undefined, true],
  ["through which the default route leads", [], { address: "192.0.2.1", device: "eth0" }, true],
  ["of which neither is true", [], { address: "192.0.2.1", device: "eth1" }, false],
])("the machine is on a network by an adapter %s: %j", (_, addresses, defaultGateway, isHeld) => {
  const [adapter] = asUplinks([{ ...eth0, device: "vmnic0", addresses }], { defaultGateway });
  expect(adapter?.heldBecause !== undefined).toBe(isHeld);
});
