import { expect, test } from "vitest";
import { ConnectionLost, type NetworkConfig, type VmkernelRequest } from "../../vmkernel/index.ts";
import { fault } from "../../wire/index.ts";
import { Accounts } from "../accounts.ts";
import type { HostAgent } from "../agent.ts";
import { Changes } from "../changes.ts";
import { openDatabase } from "../database.ts";
import type { Vmkernel } from "../vmkernel.ts";
import { portGroup } from "./network.fixture.ts";
import { Networks } from "./networks.ts";
import { addPortGroup } from "./plan-network.ts";

/** A host agent's network part, and a vmkernel that does with each configuration what `answers` says next, and takes it otherwise. */
function host(answers: ((config: NetworkConfig) => void)[] = []) {
  const database = openDatabase(":memory:");
  const accounts = new Accounts(database);
  accounts.ensureRoot("x");
  const told: (readonly string[])[] = [];
  const request = async (asked: VmkernelRequest) => {
    if (asked.kind !== "configureNetwork") return { switches: [] };
    told.push(asked.network.switches.flatMap(({ portGroups }) => portGroups.map(({ name }) => name)));
    answers.shift()?.(asked.network);
    return null;
  };
  const parts = { accounts, changes: new Changes(), vms: { list: () => [] }, identity: { address: "" }, machine: () => ({ nics: [] }) };
  const bugs: unknown[] = [];
  const open = () =>
    new Networks({
      database,
      vmkernel: { request } as unknown as Vmkernel,
      agent: () => parts as unknown as HostAgent,
      onBug: (bug) => void bugs.push(bug),
    });
  return { networks: open(), open, told, accounts, bugs };
}
const add = (networks: Networks, name: string) => networks.change((network, facts) => addPortGroup(network, portGroup(name), facts));
const lost = () => {
  throw new ConnectionLost("vmkernel died", true);
};
const FIRST = ["VM Network", "Management Network"];

test("what vmkernel took is what the next host agent has, and tells it again", async () => {
  const { networks, open, told } = host();
  await add(networks, "lab");
  const next = open();
  await next.restore();
  expect(told).toEqual([
    [...FIRST, "lab"],
    [...FIRST, "lab"],
  ]);
});

test("a vmkernel that dies over a change is told of it again", async () => {
  const { networks, told } = host([lost]);
  await add(networks, "lab");
  expect(told).toHaveLength(2);
  expect(networks.names()).toContain("lab");
});

test("a change of which nobody knows is not stored, and undone when vmkernel is back", async () => {
  const { networks, open, told } = host([lost, lost]);
  await expect(add(networks, "lab")).rejects.toThrow("vmkernel died");
  expect(open().names()).not.toContain("lab");
  await networks.restore();
  expect(told.at(-1)).toEqual(FIRST);
});

test("what vmkernel refuses is not stored, and the client is told why", async () => {
  const refuse = () => {
    throw fault("SystemError", "no room", { reason: "no room" });
  };
  const { networks, open } = host([refuse]);
  await expect(add(networks, "lab")).rejects.toMatchObject({ fault: "HostConfigFault", message: expect.stringContaining("no room") });
  expect(networks.names()).toEqual(["VM Network"]);
  expect(open().names()).toEqual(["VM Network"]);
});

test("what cannot be stored is taken back from vmkernel", async () => {
  const { networks, told, accounts } = host();
  accounts.change = () => {
    throw new Error("the disk is full");
  };
  await expect(add(networks, "lab")).rejects.toThrow("the disk is full");
  expect(told).toEqual([[...FIRST, "lab"], FIRST]);
  expect(networks.names()).toEqual(["VM Network"]);
});

test("changes that come at once are made one upon the other", async () => {
  const { networks } = host();
  await Promise.all(["one", "two", "three"].map((name) => add(networks, name)));
  expect(networks.names()).toEqual(["VM Network", "one", "two", "three"]);
});

test("a host whose network cannot be made starts all the same, and says so", async () => {
  const { networks, bugs } = host([lost, lost]);
  await networks.restore();
  expect(bugs).toHaveLength(1);
});

test("a plan that is refused asks vmkernel for nothing", async () => {
  const { networks, told } = host();
  await expect(add(networks, "VM Network")).rejects.toMatchObject({ fault: "AlreadyExists" });
  expect(told).toEqual([]);
});
