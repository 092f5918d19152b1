import fc from "fast-check";
import { expect, test } from "vitest";
import { type ChainDisk, type ChainFacts, type CleaningStep, chainOf, nameChild, nextStep } from "./plan-cleaning.ts";

const at = (name: string): string => `[ds] vm/${name}.vmdk`;
const number = (n: number): string => at(n === 0 ? "vm" : `vm-${String(n).padStart(6, "0")}`);

/** @param parents each disk's parent, by number; disk 0 is the base */
function facts(parents: Readonly<Record<number, number>>, wanted: readonly number[], others: readonly string[] = []): ChainFacts {
  const numbers = [0, ...Object.keys(parents).map(Number)];
  const disks = new Map<string, ChainDisk>(
    numbers.map((n) => [
      number(n),
      {
        parent: parents[n] === undefined ? undefined : number(parents[n]),
        children: numbers.filter((other) => parents[other] === n).map(number),
      },
    ]),
  );
  return { disks, wanted: new Set(wanted.map(number)), wantedByOthers: new Set(others) };
}

test.each<[string, ChainFacts, readonly number[], CleaningStep | undefined]>([
  ["a disk alone", facts({}, [0]), [], undefined],
  ["a snapshot's disk and its child", facts({ 1: 0 }, [0, 1]), [], undefined],
  ["a child whose parent nobody has", facts({ 1: 0 }, [1]), [], { kind: "commit", disk: number(1) }],
  ["the one nearest to the base first", facts({ 1: 0, 2: 1 }, [2]), [], { kind: "commit", disk: number(1) }],
  ["the one in the middle", facts({ 1: 0, 2: 1, 3: 2 }, [0, 3, 1]), [], { kind: "commit", disk: number(3) }],
  ["a parent of two stays", facts({ 1: 0, 2: 0 }, [1, 2]), [], undefined],
  ["a parent that another VM has stays", facts({ 1: 0 }, [1], [number(0)]), [], undefined],
  ["a child that was given up", facts({ 1: 0, 2: 0 }, [0, 2]), [1], { kind: "delete", disk: number(1) }],
  ["a child that nobody has, and nobody gave up", facts({ 1: 0, 2: 0 }, [0, 2]), [], undefined],
  ["a child that was given up, and has a child", facts({ 1: 0, 2: 1 }, [0, 2]), [1], { kind: "commit", disk: number(2) }],
  ["a child that was given up, and that a snapshot has", facts({ 1: 0, 2: 0 }, [0, 1, 2]), [1], undefined],
  ["a base that was given up", facts({}, []), [0], undefined],
])("%s", (_, given, doomed, step) => {
  expect(nextStep(given, new Set(doomed.map(number)))).toEqual(step);
});

test("another name of a disk goes before all", () => {
  const { disks, ...rest } = facts({ 1: 0, 2: 1 }, [2]);
  const named = new Map(disks).set(number(1), { aliasOf: number(0), children: [] });
  expect(nextStep({ ...rest, disks: named })).toEqual({ kind: "rename", disk: number(1), into: number(0) });
});

test("a linked clone is never put into the disk that it was made of", () => {
  const clone = "[ds] clone/clone.vmdk";
  const disks = new Map<string, ChainDisk>([
    [number(0), { children: [clone] }],
    [clone, { parent: number(0), children: [] }],
  ]);
  expect(nextStep({ disks, wanted: new Set([clone]), wantedByOthers: new Set() })).toBeUndefined();
});

test("step by step, whatever tree it was: what is wanted is there at every step, and in the end no more than needed", () => {
  const tree = fc
    .array(fc.nat(), { minLength: 1, maxLength: 12 })
    .chain((parents) =>
      fc.tuple(
        fc.constant(Object.fromEntries(parents.map((parent, index) => [index + 1, parent % (index + 1)]))),
        fc.subarray(parents.map((_, index) => index + 1)),
      ),
    );
  fc.assert(
    fc.property(tree, fc.nat(), ([parents, kept], current) => {
      const all = Object.keys(parents).map(Number);
      const wanted = [...new Set([...kept, (current % all.length) + 1])];
      let left: Record<number, number> = { ...parents };
      const doomed = new Set(all.filter((n) => !wanted.includes(n)).map(number));
      for (let steps = 0; steps < 100; steps++) {
        const given = facts(left, wanted);
        const step = nextStep(given, doomed);
        if (step === undefined) break;
        const n = all.find((candidate) => number(candidate) === step.disk) ?? 0;
        if (step.kind === "delete") {
          expect(wanted).not.toContain(n);
          expect(Object.values(left)).not.toContain(n);
          delete left[n];
        } else {
          // Its parent, which nobody has, takes all of it, and its number.
          const parent = left[n] ?? 0;
          expect(wanted).not.toContain(parent);
          expect(Object.values(left).filter((one) => one === parent)).toEqual([parent]);
          if (parent === 0) return; // the base has a number that the model does not give away
          left = { ...left, [n]: left[parent] ?? 0 };
          delete left[parent];
        }
      }
      const given = facts(left, wanted);
      for (const disk of given.wanted) expect(chainOf(given.disks, disk).at(-1)).toBe(number(0));
      expect(nextStep(given, doomed)).toBeUndefined();
    }),
  );
});

test("what comes after a disk has the first number that is free, beside it", () => {
  expect(nameChild(at("vm"), new Set())).toBe(number(1));
  expect(nameChild(number(1), new Set(["vm-000001.vmdk", "vm-000002-delta.vmdk"]))).toBe(number(3));
  expect(nameChild("[ds] top.vmdk", new Set())).toBe("[ds] top-000001.vmdk");
});
