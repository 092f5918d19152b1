import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { VmId } from "../../base/index.ts";
import type { CoreSharing } from "./config.ts";
import { type HostCores, type PlacedVm, type Placement, planPlacement } from "./plan-placement.ts";

const id = (text: string) => text as VmId;
/** Two threads on each of four cores, numbered as Linux does on most machines. */
const CORES = [0, 1, 2, 3].map((core) => [core, core + 4]);
const host = (sharing: CoreSharing, changes: Partial<HostCores> = {}): HostCores => ({
  ...{ cores: CORES, hasCoreScheduling: false, sharing },
  ...changes,
});
const vm = (name: string, vcpus = 1, changes: Partial<PlacedVm> = {}): PlacedVm => ({ vm: id(name), vcpus, ...changes });
const placed = (of: HostCores, ...vms: readonly PlacedVm[]) => {
  const { placements, unplaced } = planPlacement(of, vms);
  return { ...Object.fromEntries([...placements].map(([name, { processors }]) => [name, processors.join()])), unplaced: unplaced.length };
};

describe("on four cores of two threads", () => {
  test.each<[string, HostCores, readonly PlacedVm[], object]>([
    ["all run everywhere where nothing else is asked", host("any"), [vm("a"), vm("b")], { a: "0,1,2,3,4,5,6,7", b: "0,1,2,3,4,5,6,7" }],
    ["one thread of each core serves all", host("oneThread"), [vm("a"), vm("b", 8)], { a: "0,1,2,3", b: "0,1,2,3" }],
    ["each VM has whole cores of its own", host("oneVm"), [vm("a", 2), vm("b", 3)], { a: "0,4", b: "1,2,5,6" }],
    [
      "groups share all cores where the kernel keeps them apart",
      host("oneVm", { hasCoreScheduling: true }),
      [vm("a", 2), vm("b", 64)],
      { a: "0,1,2,3,4,5,6,7", b: "0,1,2,3,4,5,6,7" },
    ],
    [
      "none has a core for each virtual CPU, and others keep off",
      host("any"),
      [vm("a", 2, { htSharing: "none" }), vm("b")],
      { a: "0,1", b: "2,3,6,7" },
    ],
    [
      "internal shares a core with itself alone",
      host("any"),
      [vm("a", 2, { htSharing: "internal" }), vm("b")],
      { a: "0,4", b: "1,2,3,5,6,7" },
    ],
    [
      "cores of affinity are taken, and others' affinity is left them",
      host("any"),
      [vm("b", 1, { affinity: [0] }), vm("a", 1, { htSharing: "none" })],
      { a: "1", b: "0" },
    ],
    ["affinity to what is not there is none", host("any"), [vm("a", 1, { affinity: [99] })], { a: "0,1,2,3,4,5,6,7" }],
  ])("%s", (_, of, vms, expected) => {
    expect(placed(of, ...vms)).toEqual({ ...expected, unplaced: 0 });
  });

  test.each<[string, HostCores, readonly PlacedVm[], object]>([
    ["more cores than there are", host("any"), [vm("a", 5, { htSharing: "none" })], { vm: "a", cores: 5, free: 4 }],
    ["the last core that others run on", host("any"), [vm("b"), vm("a", 4, { htSharing: "none" })], { vm: "a", cores: 4, free: 3 }],
    ["any core where all are others' own", host("oneVm"), [vm("a", 8), vm("b")], { vm: "b", cores: 1, free: 0 }],
    ["any processor where all are others' own", host("any"), [vm("a", 4, { htSharing: "none" }), vm("b")], { vm: "b", cores: 0, free: 0 }],
    ["the second thread where first ones serve", host("oneThread"), [vm("a", 1, { affinity: [5] })], { vm: "a", cores: 0, free: 4 }],
    [
      "the one processor of another's affinity",
      host("any"),
      [vm("b", 1, { affinity: [0] }), vm("a", 1, { affinity: [4], htSharing: "internal" })],
      { vm: "a", cores: 1, free: 0 },
    ],
  ])("it does not get %s", (_, of, vms, refused) => {
    expect(planPlacement(of, vms).unplaced).toEqual([refused]);
  });

  test("what runs keeps its cores when one comes before it in the list or goes", () => {
    const own = vm("b", 2, { held: [2, 6] });
    expect(placed(host("oneVm"), vm("a", 4), own)).toEqual({ a: "0,1,4,5", b: "2,6", unplaced: 0 });
    expect(placed(host("oneVm"), own)).toEqual({ b: "2,6", unplaced: 0 });
  });

  test("one whose processors became another's runs where nobody's cores are", () => {
    const own = vm("a", 1, { htSharing: "none", held: [0] });
    expect(placed(host("any"), own, vm("b", 1, { affinity: [0], held: [0] }))).toEqual({ a: "0", b: "1,2,3,5,6,7", unplaced: 0 });
  });
});

const topology = fc
  .record({
    sockets: fc.integer({ min: 1, max: 2 }),
    cores: fc.integer({ min: 1, max: 8 }),
    threads: fc.integer({ min: 1, max: 4 }),
    adjacent: fc.boolean(),
  })
  .map(({ sockets, cores, threads, adjacent }) => {
    const count = sockets * cores;
    return Array.from({ length: count }, (_, core) =>
      Array.from({ length: threads }, (__, thread) => (adjacent ? core * threads + thread : core + thread * count)),
    );
  });
const sharings = fc.constantFrom<CoreSharing>("any", "oneVm", "oneThread");
const requests = fc.array(
  fc.record({
    vcpus: fc.integer({ min: 1, max: 6 }),
    htSharing: fc.constantFrom("internal" as const, "none" as const, undefined, undefined),
    affinity: fc.option(fc.uniqueArray(fc.nat(31), { minLength: 1, maxLength: 6 }), { nil: undefined, freq: 4 }),
  }),
  { minLength: 1, maxLength: 12 },
);

/** As VMs come one after another: who is not placed does not start. */
function admitAll(of: HostCores, wanted: readonly Omit<PlacedVm, "vm">[]) {
  let running: readonly PlacedVm[] = [];
  let placements: ReadonlyMap<VmId, Placement> = new Map();
  for (const [index, request] of wanted.entries()) {
    const newcomer = { ...request, vm: id(String(index)) };
    const plan = planPlacement(of, [...running, newcomer]);
    if (plan.unplaced.length > 0) {
      expect(plan.unplaced.map((one) => one.vm)).toEqual([newcomer.vm]); // nobody who runs pays for it
      continue;
    }
    for (const { vm: name } of running) {
      const before = placements.get(name);
      if (before?.isExclusive === true) expect(plan.placements.get(name)).toEqual(before);
    }
    placements = plan.placements;
    running = [...running, newcomer].map((one) => ({ ...one, held: placements.get(one.vm)?.processors }));
  }
  return { running, placements };
}

const coresOf = (of: HostCores, { processors }: Placement): ReadonlySet<number> =>
  new Set(of.cores.flatMap((core, index) => (core.some((thread) => processors.includes(thread)) ? [index] : [])));

test("whatever the machine and whoever comes: nobody meets another on a core where that is not to be", () => {
  fc.assert(
    fc.property(topology, sharings, fc.boolean(), requests, (cores, sharing, hasCoreScheduling, wanted) => {
      const of = { cores, sharing, hasCoreScheduling };
      const hasThreads = cores.some(({ length }) => length > 1);
      const { running, placements } = admitAll(of, wanted);
      const rows = running.map((one) => ({ ...one, placement: placements.get(one.vm) as Placement }));
      if (sharing === "oneThread") {
        const used = new Set(rows.flatMap(({ placement }) => placement.processors));
        for (const core of cores) expect(core.filter((thread) => used.has(thread)).length).toBeLessThanOrEqual(1);
      }
      for (const [index, { placement, affinity, htSharing, vcpus }] of rows.entries()) {
        expect(placement.processors.length).toBeGreaterThan(0);
        expect(cores.flat()).toEqual(expect.arrayContaining([...placement.processors]));
        const there = affinity?.filter((number) => cores.flat().includes(number)) ?? [];
        if (there.length > 0 && placement.isExclusive) expect(there).toEqual(expect.arrayContaining([...placement.processors]));
        if (htSharing === "none" && hasThreads && sharing !== "oneThread") {
          expect(placement).toMatchObject({ isExclusive: true });
          expect(placement.processors).toHaveLength(vcpus);
          expect(coresOf(of, placement).size).toBe(vcpus);
        }
        for (const other of rows.slice(index + 1)) {
          const mustBeApart = sharing === "oneVm" || htSharing !== undefined || other.htSharing !== undefined;
          if (!mustBeApart || !hasThreads || sharing === "oneThread") continue;
          const meet = [...coresOf(of, placement)].some((core) => coresOf(of, other.placement).has(core));
          if (meet)
            expect(
              [placement, other.placement].some(({ isGroup }) => isGroup) && !placement.isExclusive && !other.placement.isExclusive,
            ).toBe(true);
          if (meet && sharing === "oneVm") expect([placement.isGroup, other.placement.isGroup]).toEqual([true, true]);
        }
      }
    }),
    { numRuns: 300 },
  );
});

test("nobody is refused while there are cores for it", () => {
  fc.assert(
    fc.property(topology, requests, (cores, wanted) => {
      const of = { cores, sharing: "oneVm" as const, hasCoreScheduling: false };
      const { running } = admitAll(
        of,
        wanted.map(({ affinity: _, htSharing: __, ...rest }) => rest),
      );
      const threads = Math.max(...cores.map(({ length }) => length));
      if (threads === 1) return void expect(running).toHaveLength(wanted.length);
      const taken = running.reduce((sum, { vcpus }) => sum + Math.ceil(vcpus / threads), 0);
      for (const [index, { vcpus }] of wanted.entries())
        if (running.every((one) => one.vm !== String(index))) expect(Math.ceil(vcpus / threads)).toBeGreaterThan(cores.length - taken);
    }),
  );
});
