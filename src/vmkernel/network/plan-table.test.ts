import fc from "fast-check";
import { expect, test } from "vitest";
import { macOf } from "./network.fixture.ts";
import {
  addedTo,
  entriesMax,
  GROUP_BIT,
  LIST,
  LIST_KIND_SHIFT,
  type ListName,
  listKey,
  MEMBERS_PER_ENTRY,
  planTable,
  type Station,
  type TableEntry,
  type TargetEntry,
  teamKey,
  unicastKey,
} from "./plan-table.ts";
import { carries, classifyVlans, isTaggedAt, VLAN_MAX, vlanModeOf } from "./vlan.ts";

function station(number: number, vlanId: number, parts: Partial<Station> = {}): Station {
  const own = { number, ifindex: 100 + number, mode: vlanModeOf({ vlanId }), mac: macOf(number), isOwnMac: true };
  return { ...own, isPromiscuous: false, isBare: false, team: [], listensTo: [], accepts: [], ...parts };
}

class Table {
  readonly entries: readonly TableEntry[];

  constructor(entries: readonly TableEntry[]) {
    this.entries = entries;
  }

  target(key: bigint): TargetEntry | undefined {
    const found = this.entries.find((entry) => entry.key === key);
    return found === undefined || "members" in found ? undefined : found;
  }

  /** As a program goes through it: from its first entry until there is no other. */
  list(name: ListName): readonly number[] {
    const found: number[] = [];
    for (let index = 0; ; index += 1) {
      const entry = this.entries.find(({ key }) => key === listKey(name, index));
      if (entry === undefined || !("members" in entry)) return found;
      found.push(...entry.members);
    }
  }
}

function tableOf(stations: readonly Station[], uplinks: { ifindex: number; number: number }[] = []): Table {
  const classes = classifyVlans(stations.map(({ mode }) => mode));
  return new Table(planTable(stations, uplinks, classes));
}

const members = (vlan: number, sender = 0): ListName => ({ kind: "untaggedMembers", vlan, sender });

test("an access port is found by its address in its VLAN, and by no other way", () => {
  expect(tableOf([station(1, 10)]).entries).toEqual([
    { key: unicastKey(macOf(1), 10), ifindex: 101, isTagged: false, uplinks: 0 },
    { key: listKey(members(10), 0), members: [101] },
  ]);
});

test("an address in two VLANs leads to two ports", () => {
  const mac = macOf(9);
  const table = tableOf([station(1, 10, { mac }), station(2, 20, { mac })]);
  expect([table.target(unicastKey(mac, 10))?.ifindex, table.target(unicastKey(mac, 20))?.ifindex]).toEqual([101, 102]);
});

test("of two ports with one address in one VLAN, the one that was made with it is found, else the one that was there first", () => {
  const mac = macOf(9);
  const [taken, own] = [station(1, 10, { mac, isOwnMac: false }), station(2, 10, { mac })];
  expect(tableOf([taken, own]).target(unicastKey(mac, 10))?.ifindex).toBe(102);
  expect(tableOf([own, station(3, 10, { mac })]).target(unicastKey(mac, 10))?.ifindex).toBe(102);
});

test("a promiscuous port is a mirror of its VLAN alone", () => {
  const table = tableOf([station(1, 10, { isPromiscuous: true }), station(2, 20)]);
  expect(table.list({ ...members(10), kind: "untaggedMirrors" })).toEqual([101]);
  expect(table.list({ ...members(20), kind: "untaggedMirrors" })).toEqual([]);
});

test("group frames of an uplink reach those ports that listen to it", () => {
  const table = tableOf([station(1, 0, { listensTo: [0] }), station(2, 0, { listensTo: [1] })]);
  expect([table.list(members(0, 1)), table.list(members(0, 2))]).toEqual([[101], [102]]);
});

test("a port's slots lead to its uplinks; one that is not there leads nowhere", () => {
  const table = tableOf([station(7, 0, { team: [0, 1] })], [{ number: 0, ifindex: 5 }]);
  expect([table.target(teamKey(7, 0))?.ifindex, table.target(teamKey(7, 1))]).toEqual([5, undefined]);
});

test("the uplinks in a port's team are bits of its entry, the last of them too", () => {
  expect(tableOf([station(1, 0, { accepts: [0, 31] })]).target(unicastKey(macOf(1), 0))?.uplinks).toBe(0x8000_0001);
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
      for (const { ifindex, isTagged } of planTable(all, [], classes)
        .filter(({ key }) => (key & 0xffffn) === standIn)
        .flatMap(leads)) {
        const target = all.find((one) => one.ifindex === ifindex);
        expect(target !== undefined && carries(target.mode, vlan)).toBe(true);
        expect(isTagged).toBe(target !== undefined && isTaggedAt(target.mode, vlan));
      }
    }),
  );
});

function leads(entry: TableEntry): readonly Pick<TargetEntry, "ifindex" | "isTagged">[] {
  if (!("members" in entry)) return [entry];
  const kind = Number((entry.key >> BigInt(LIST_KIND_SHIFT)) & 0x7fn);
  const isTagged = kind === LIST.taggedMembers || kind === LIST.taggedMirrors;
  return entry.members.map((ifindex) => ({ ifindex, isTagged }));
}

test("whatever the ports: each is in the list of its VLAN once, and no list has a gap", () => {
  fc.assert(
    fc.property(stations, (all) => {
      const listed = tableOf(all).entries.flatMap((entry) => ("members" in entry ? [entry] : []));
      expect(listed.every(({ key }) => (key & BigInt(GROUP_BIT)) !== 0n)).toBe(true);
      for (const list of new Set(listed.map(({ key }) => key & 0xffff_ffffn))) {
        const entries = listed.filter(({ key }) => (key & 0xffff_ffffn) === list);
        const found = entries.flatMap((entry) => entry.members);
        expect(new Set(found).size).toBe(found.length);
        expect(entries.map(({ key }) => Number(key >> 32n))).toEqual(entries.map((_, index) => index));
        expect(entries).toHaveLength(Math.ceil(found.length / MEMBERS_PER_ENTRY));
      }
    }),
  );
});

const planOf = (all: readonly Station[]) => planTable(all, [], classifyVlans([vlanModeOf({ vlanId: 10 })]));

test("what is plugged in last only comes to the table, in entries of its own; what goes or changes makes another one", () => {
  const [a, b, c] = [station(1, 10), station(2, 10), station(3, 10)] as const;
  expect(addedTo(planOf([a]), planOf([a, b, c]))).toEqual([
    ...[b, c].map(({ mac = "", ifindex }) => ({ key: unicastKey(mac, 10), ifindex, isTagged: false, uplinks: 0 })),
    { key: listKey(members(10), 1), members: [102, 103] },
  ]);
  expect(addedTo(planOf([a, b]), planOf([a, b]))).toEqual([]);
  for (const other of [[a], [a, c], [a, { ...b, ifindex: 9 }], [a, { ...b, accepts: [1] }, c]]) {
    expect(addedTo(planOf([a, b]), planOf(other))).toBeUndefined();
  }
});

test("members whose interfaces the kernel finds by one chain follow each other", () => {
  const all = [1, 2, 257, 3, 258].map((ifindex, number) => station(number, 10, { ifindex }));
  expect(tableOf(all).list(members(10))).toEqual([1, 257, 2, 258, 3]);
});

test("a list that grew one by one has no more entries than programs go through", () => {
  const all = Array.from({ length: 100 }, (_, number) => station(number, 10));
  const grown = [...planOf(all.slice(0, 50))];
  for (let count = 51; count <= all.length; count += 1) grown.push(...(addedTo(grown, planOf(all.slice(0, count))) ?? []));
  expect(new Table(grown).list(members(10))).toEqual(all.map(({ ifindex }) => ifindex));
  expect(grown.filter((entry) => "members" in entry).length).toBeLessThanOrEqual(entriesMax(100));
});

test("whatever the ports before and after: where one table comes of the other by adding, whoever reads the two finds the later one", () => {
  fc.assert(
    fc.property(stations, fc.nat(), (all, seed) => {
      const some = all.slice(0, seed % (all.length + 1));
      const classes = classifyVlans(all.map(({ mode }) => mode));
      const [before, after] = [planTable(some, [], classes), planTable(all, [], classes)];
      const added = addedTo(before, after);
      if (added === undefined) return;
      const [found, wanted] = [new Table([...before, ...added]), new Table(after)];
      expect(new Set(found.entries.map(({ key }) => key)).size).toBe(found.entries.length);
      expect(found.entries.filter(isTarget)).toEqual(expect.arrayContaining(wanted.entries.filter(isTarget)));
      expect(found.entries.filter(isTarget)).toHaveLength(wanted.entries.filter(isTarget).length);
      for (const kind of ["untaggedMembers", "taggedMembers", "untaggedMirrors", "taggedMirrors"] as const) {
        for (let vlan = 0; vlan <= 21; vlan += 1) {
          expect(found.list({ kind, vlan, sender: 0 }).toSorted()).toEqual(wanted.list({ kind, vlan, sender: 0 }).toSorted());
        }
      }
      expect(addedTo(found.entries, after)).toEqual([]);
    }),
  );
});

function isTarget(entry: TableEntry): entry is TargetEntry {
  return !("members" in entry);
}
