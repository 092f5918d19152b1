import { describe, expect, test } from "vitest";
import { ConnectionLost, type NetworkConfig, type VmkernelRequest } from "../../vmkernel/index.ts";
import { fault } from "../../wire/index.ts";
import { Accounts } from "../accounts.ts";
import type { HostAgent } from "../agent.ts";
import { Changes } from "../changes.ts";
import { openDatabase } from "../database.ts";
import type { Vmkernel } from "../vmkernel.ts";
import { bond, portGroup, switchSpec } from "./network.fixture.ts";
import { Networks } from "./networks.ts";
import { addPortGroup, removePortGroup, updateSwitch } from "./plan-network.ts";

interface HostParts {
  /** Of the machine, each with its addresses. */
  readonly adapters?: readonly { readonly name: string; readonly addresses: readonly string[] }[];
  readonly rollbackSeconds?: number;
}

/** A host agent's network part, and a vmkernel that does with each configuration what `answers` says next, and takes it otherwise. */
function host(answers: ((config: NetworkConfig) => void)[] = [], { adapters = [], rollbackSeconds = 0.2 }: HostParts = {}) {
  const database = openDatabase(":memory:");
  const accounts = new Accounts(database);
  accounts.ensureRoot("x");
  const told: (readonly string[])[] = [];
  const uplinks: (readonly [string, boolean])[] = [];
  const request = async (asked: VmkernelRequest) => {
    if (asked.kind !== "configureNetwork") return { switches: [] };
    told.push(asked.network.switches.flatMap(({ portGroups }) => portGroups.map(({ name }) => name)));
    uplinks.push([asked.network.switches.flatMap((one) => one.uplinks).join(" "), asked.mayCutOff === true]);
    answers.shift()?.(asked.network);
    return null;
  };
  const events: string[] = [];
  let nowMs = 1_000_000;
  const parts = {
    accounts,
    changes: new Changes(),
    vms: { list: () => [] },
    machine: () => ({ nics: adapters }),
    refreshMachine: async () => {},
    options: { get: () => rollbackSeconds },
    clock: { now: () => nowMs },
    events: {
      post: (name: string, _: string, __: unknown, { methodName }: { methodName: string }) => void events.push(`${name} ${methodName}`),
    },
  };
  const bugs: unknown[] = [];
  const open = () =>
    new Networks({
      database,
      vmkernel: { request } as unknown as Vmkernel,
      agent: () => parts as unknown as HostAgent,
      onBug: (bug) => void bugs.push(bug),
    });
  const pass = (ms: number) => {
    nowMs += ms;
  };
  return { networks: open(), open, told, uplinks, accounts, bugs, events, pass };
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

describe("a change that takes the adapter by which the machine is reached", () => {
  const admin = { address: "192.0.2.1", session: "admin" };
  const reached = { adapters: [{ name: "eth0", addresses: ["192.0.2.2"] }] };
  const take = (networks: Networks) => {
    networks.rememberAdapters();
    return networks.change(
      (network, facts) => updateSwitch(network, { name: "vSwitch0", spec: switchSpec({ bridge: bond("vmnic0") }) }, facts),
      { by: { ...admin, methodName: "UpdateVirtualSwitch" } },
    );
  };
  const uplinksOf = ({ network }: Networks) => network.switches.flatMap(({ uplinks }) => uplinks);

  test("is taken back whole when nobody is heard of within the time that is set, and an event says so", async () => {
    const { networks, uplinks, events, accounts } = host([], reached);
    const permission = { entity: "HaNetwork-lab", principal: "root", roleId: -1, propagate: true };
    await add(networks, "lab");
    accounts.grant(permission);
    networks.rememberAdapters();
    await networks.change(
      (network, facts) => ({
        ...updateSwitch(removePortGroup(network, "lab", facts), { name: "vSwitch0", spec: switchSpec({ bridge: bond("vmnic0") }) }, facts),
      }),
      { by: { ...admin, methodName: "UpdateNetworkConfig" } },
    );
    expect([uplinksOf(networks), accounts.permissions().includes(permission)]).toEqual([["eth0"], false]);
    await expect.poll(() => events).toEqual(["NetworkRollbackEvent UpdateNetworkConfig"]);
    expect([uplinksOf(networks), networks.names()]).toEqual([[], ["VM Network", "lab"]]);
    expect(accounts.permissions()).toContainEqual(permission);
    expect(uplinks).toEqual([["", false], ["eth0", true], ["", true]]); // biome-ignore format: a row
  });

  test.each([
    ["of its own session", admin, 0, true],
    ["of another session at once, which may have been on its way before", { ...admin, session: "other" }, 0, false],
    ["of another session a second later", { address: "198.51.100.9", session: "other" }, 1000, true],
    ["from the machine itself, which reaches it anyhow", { address: "127.0.0.1", session: "other" }, 5000, false],
  ])("stays after a request %s: %j after %d ms: %s", async (_, request, afterMs, stays) => {
    const { networks, open, events, pass } = host([], { ...reached, rollbackSeconds: 0.05 });
    await take(networks);
    pass(afterMs);
    networks.onRequest(request);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect([uplinksOf(networks).length, uplinksOf(open()).length, events.length]).toEqual(stays ? [1, 1, 0] : [0, 0, 1]);
  });

  test("is taken back by the next host agent when the first is killed meanwhile", async () => {
    const { networks, open, events, pass } = host([], { ...reached, rollbackSeconds: 60 });
    await take(networks);
    const next = open();
    await next.restore();
    expect([uplinksOf(next), events]).toEqual([["eth0"], []]);
    pass(60_000);
    const afterAnHour = open();
    await afterAnHour.restore();
    await expect.poll(() => events).toEqual(["NetworkRollbackEvent UpdateVirtualSwitch"]);
    expect([uplinksOf(afterAnHour), uplinksOf(open())]).toEqual([[], []]);
  });

  test("leaves nothing to take back when vmkernel refuses it, or nobody knows what came of it", async () => {
    const refuse = () => {
      throw fault("ResourceInUse", "no", { type: "PhysicalNic", name: "eth0" });
    };
    for (const answers of [[refuse], [lost, lost]]) {
      const { networks, open, events } = host(answers, { ...reached, rollbackSeconds: 0.01 });
      await expect(take(networks)).rejects.toThrow();
      const next = open();
      await next.restore();
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect([uplinksOf(next), events]).toEqual([[], []]);
    }
  });

  test("is refused where nothing is ever taken back", async () => {
    const { networks } = host([], { ...reached, rollbackSeconds: 0 });
    await expect(take(networks)).rejects.toMatchObject({ fault: "ResourceInUse" });
  });
});
