import fc from "fast-check";
import { expect, test } from "vitest";
import { macOf } from "./network.fixture.ts";
import { addedTo, GROUP_BIT, listKey, planTable, type Station, type TableEntry, teamKey, unicastKey } from "./plan-table.ts";
import { carries, classifyVlans, isTaggedAt, VLAN_MAX, vlanModeOf } from "./vlan.ts";

function station(number: number, vlanId: number, parts: Partial<Station> = {}): Station {
  const own = { number, ifindex: 100 + number, mode: vlanModeOf({ vlanId }), mac: macOf(number), isOwnMac: true };
  return { ...own, isPromiscuous: false, isBare: false, team: [], listensTo: [], accepts: [], ...parts };
}

function tableOf(stations: readonly Station[], uplinks: { ifindex: number; number: number }[] = []): ReadonlyMap<bigint, TableEntry> {
  const classes = classifyVlans(stations.map(({ mode }) => mode));
  return new Map(planTable(stations, uplinks, classes).map((entry) => [entry.key, entry]));
}

test("an access port is found by its address in its VLAN, and by no other way", () => {
  const entries = [...tableOf([station(1, 10)])];
  expect(entries.map(([key, { ifindex, isTagged }]) => [key, ifindex, isTagged])).toEqual([
    [unicastKey(macOf(1), 10), 101, false],
    [listKey({ kind: "untaggedMembers", vlan: 10, sender: 0 }, 0), 101, false],
  ]);
});

test("an address in two VLANs leads to two ports", () => {
  const mac = macOf(9);
  const table = tableOf([station(1, 10, { mac }), station(2, 20, { mac })]);
  expect([table.get(unicastKey(mac, 10))?.ifindex, table.get(unicastKey(mac, 20))?.ifindex]).toEqual([101, 102]);
});

test("of two ports with one address in one VLAN, the one that was made with it is found, else the one that was there first", () => {
  const mac = macOf(9);
  const [taken, own] = [station(1, 10, { mac, isOwnMac: false }), station(2, 10, { mac })];
  expect(tableOf([taken, own]).get(unicastKey(mac, 10))?.ifindex).toBe(102);
  expect(tableOf([own, station(3, 10, { mac })]).get(unicastKey(mac, 10))?.ifindex).toBe(102);
});

test("a promiscuous port is a mirror of its VLAN alone", () => {
  const table = tableOf([station(1, 10, { isPromiscuous: true }), station(2, 20)]);
  expect(table.get(listKey({ kind: "untaggedMirrors", vlan: 10, sender: 0 }, 0))?.ifindex).toBe(101);
  expect(table.get(listKey({ kind: "untaggedMirrors", vlan: 20, sender: 0 }, 0))).toBeUndefined();
});

test("group frames of an uplink reach those ports that listen to it", () => {
  const table = tableOf([station(1, 0, { listensTo: [0] }), station(2, 0, { listensTo: [1] })]);
  expect(table.get(listKey({ kind: "untaggedMembers", vlan: 0, sender: 1 }, 0))?.ifindex).toBe(101);
  expect(table.get(listKey({ kind: "untaggedMembers", vlan: 0, sender: 2 }, 0))?.ifindex).toBe(102);
  expect(table.get(listKey({ kind: "untaggedMembers", vlan: 0, sender: 1 }, 1))).toBeUndefined();
});

test("a port's slots lead to its uplinks; one that is not there leads nowhere", () => {
  const table = tableOf([station(7, 0, { team: [0, 1] })], [{ number: 0, ifindex: 5 }]);
  expect([table.get(teamKey(7, 0))?.ifindex, table.get(teamKey(7, 1))]).toEqual([5, undefined]);
});

test("the uplinks in a port's team are bits of its entry, the last of them too", () => {
  expect(tableOf([station(1, 0, { accepts: [0, 31] })]).get(unicastKey(macOf(1), 0))?.uplinks).toBe(0x8000_0001);
});

const stations = fc
  .array(fc.tuple(fc.oneof(fc.integer({ min: 0, max: 20 }), fc.constant(4095)), fc.integer({ min: 1, max: 6 }), fc.boolean()), {
    maxLength: 8,
  })
  .map((all) => all.map(([vlanId, address, isPromiscuous], index) => station(index, vlanId, { mac: macOf(address), isPromiscuous })));

//= paper «Virtual Switch Correctness»
//# It is essential to make certain that frames are contained within the appropriate VLAN on a virtual switch.
test("whatever the ports: no entry of a VLAN leads to a port that does not carry it, or is tagged where its tag does not belong", () => {
  fc.assert(
    fc.property(stations, fc.integer({ min: 0, max: VLAN_MAX }), (all, vlan) => {
      const classes = classifyVlans(all.map(({ mode }) => mode));
      const standIn = BigInt(classes.standInOf(vlan));
      for (const { key, ifindex, isTagged } of planTable(all, [], classes)) {
        if ((key & 0xffffn) !== standIn) continue;
        const target = all.find((one) => one.ifindex === ifindex);
        expect(target !== undefined && carries(target.mode, vlan)).toBe(true);
        expect(isTagged).toBe(target !== undefined && isTaggedAt(target.mode, vlan));
      }
    }),
  );
});

test("whatever the ports: each is in the list of its VLAN once, and no list has a gap", () => {
  fc.assert(
    fc.property(stations, (all) => {
      const listed = [...tableOf(all).values()].filter(({ key }) => (key & BigInt(GROUP_BIT)) !== 0n);
      for (const list of new Set(listed.map(({ key }) => key & 0xffff_ffffn))) {
        const entries = listed.filter(({ key }) => (key & 0xffff_ffffn) === list);
        expect(new Set(entries.map(({ ifindex }) => ifindex)).size).toBe(entries.length);
        expect(entries.map(({ key }) => Number(key >> 32n)).sort((a, b) => a - b)).toEqual(entries.map((_, index) => index));
      }
    }),
  );
});

test("what is plugged in last only comes to the table, in the order of its lists; what goes or changes makes another one", () => {
  const classes = classifyVlans([vlanModeOf({ vlanId: 10 })]);
  const table = (all: readonly Station[]) => planTable(all, [], classes);
  const [a, b, c] = [station(1, 10), station(2, 10), station(3, 10)] as const;
  const list = (index: number) => listKey({ kind: "untaggedMembers", vlan: 10, sender: 0 }, index);
  expect(addedTo(table([a]), table([a, b, c]))?.map(({ key }) => key)).toEqual([
    ...[b, c].map(({ mac = "" }) => unicastKey(mac, 10)),
    ...[list(1), list(2)],
  ]);
  expect(addedTo(table([a, b]), table([a, b]))).toEqual([]);
  for (const other of [[a], [b, a], [a, c], [a, { ...b, ifindex: 9 }], [a, { ...b, accepts: [1] }, c]]) {
    expect(addedTo(table([a, b]), table(other))).toBeUndefined();
  }
});

test("whatever the ports before and after: where one table comes of the other by adding, the two together are the later one", () => {
  fc.assert(
    fc.property(stations, stations, (some, more) => {
      const all = [...some, ...more];
      const classes = classifyVlans(all.map(({ mode }) => mode));
      const [before, after] = [planTable(some, [], classes), planTable(all, [], classes)];
      const added = addedTo(before, after);
      if (added === undefined) return;
      const byKey = (entries: readonly TableEntry[]) => new Map(entries.map((entry) => [entry.key, entry]));
      expect(byKey([...before, ...added])).toEqual(byKey(after));
      expect(before.length + added.length).toBe(after.length);
    }),
  );
});
