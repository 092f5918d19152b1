import fc from "fast-check";
import { expect, test } from "vitest";
import type { InstructionTo } from "./instruction.ts";
import { type LabelledProgram, prune } from "./prune.ts";

const mark = (value: number): InstructionTo<string> => ({ kind: "arithmetic", operation: "mov", bits: 64, dst: "r0", src: value });
const jump = (target: string): InstructionTo<string> => ({ kind: "jump", target });
const jumpIf = (target: string): InstructionTo<string> => ({ kind: "jumpIf", condition: "eq", bits: 64, dst: "r1", src: 0, target });
const exit: InstructionTo<string> = { kind: "exit" };

const program = (labels: Readonly<Record<string, number>>, ...instructions: InstructionTo<string>[]): LabelledProgram => ({
  instructions,
  labels: new Map(Object.entries(labels)),
});

test("what stands behind an exit and is jumped to by nobody goes", () => {
  expect(prune(program({}, mark(1), exit, mark(2), exit)).instructions).toEqual([mark(1), exit]);
});

test("what only unreachable instructions jump to goes with them", () => {
  const pruned = prune(program({ cold: 4 }, mark(1), exit, jumpIf("cold"), exit, mark(2), exit));
  expect(pruned.instructions).toEqual([mark(1), exit]);
});

test("a jump over nothing but unreachable instructions goes, also one over such a jump", () => {
  const pruned = prune(program({ a: 4, b: 4 }, mark(1), jump("a"), mark(2), jump("b"), mark(3), exit));
  expect(pruned.instructions).toEqual([mark(1), mark(3), exit]);
  expect(prune(program({ a: 2, b: 2 }, jump("b"), jump("a"), mark(3), exit)).instructions).toEqual([mark(3), exit]);
});

test("a jump to itself stays, for it is no jump to the next instruction", () => {
  expect(prune(program({ a: 0 }, jump("a"), exit)).instructions).toEqual([jump("a")]);
});

test("a label moves with the instruction that it stands before", () => {
  const pruned = prune(program({ there: 4 }, jumpIf("there"), exit, mark(1), mark(2), mark(3), exit));
  expect(pruned.instructions).toEqual([jumpIf("there"), exit, mark(3), exit]);
  expect(pruned.labels.get("there")).toBe(2);
});

test("a program that runs past its end is a bug of the caller's", () => {
  expect(() => prune(program({}, mark(1)))).toThrow("does not run past its last instruction");
  expect(() => prune(program({ end: 2 }, jumpIf("end"), exit))).toThrow("does not run past its last instruction");
  expect(() => prune(program({}))).toThrow("does not run past its last instruction");
});

const LENGTH_MAX = 30;
/** Jumps everywhere, forwards and back, and an exit as the last instruction so that nothing runs past the end. */
const anyProgram = fc.array(fc.record({ what: fc.constantFrom("mark", "mark", "jump", "jumpIf", "exit"), to: fc.nat(LENGTH_MAX) }), {
  minLength: 1,
  maxLength: LENGTH_MAX,
});

function made(rows: readonly { readonly what: string; readonly to: number }[]): LabelledProgram {
  const instructions = rows.map(({ what, to }, index) => {
    const target = `l${to % (rows.length + 1)}`;
    return what === "mark" ? mark(index) : what === "jump" ? jump(target) : what === "jumpIf" ? jumpIf(target) : exit;
  });
  const labels = new Map(rows.map((_, index) => [`l${index}`, index]));
  return { instructions: [...instructions, exit], labels: labels.set(`l${rows.length}`, rows.length) };
}

/** What a run does that takes the branches as `choices` says: its marks, in order. Jumps themselves are not seen. */
function run({ instructions, labels }: LabelledProgram, choices: readonly boolean[]): readonly unknown[] {
  const seen: unknown[] = [];
  const ahead = [...choices];
  for (let at = 0, steps = 0; steps < 500; steps++) {
    const instruction = instructions[at];
    if (instruction === undefined) return [...seen, "past the end"];
    if (instruction.kind === "exit") return [...seen, "exit"];
    if (instruction.kind === "arithmetic") seen.push(instruction.src);
    if (instruction.kind === "jumpIf" && ahead.length === 0) return seen;
    const taken = instruction.kind === "jump" || (instruction.kind === "jumpIf" && ahead.shift() === true);
    at = taken ? (labels.get(taken && "target" in instruction ? instruction.target : "") ?? -1) : at + 1;
    if (seen.length > 50) return seen.slice(0, 50);
  }
  return seen;
}

test("whatever is pruned, every run does the same as before", () => {
  fc.assert(
    fc.property(anyProgram, fc.array(fc.boolean(), { maxLength: 20 }), (rows, choices) => {
      const whole = made(rows);
      expect(run(prune(whole), choices)).toEqual(run(whole, choices));
    }),
    { numRuns: 2000 },
  );
});

test("whatever is pruned, nothing that can run is lost or changed, and nothing else is left", () => {
  fc.assert(
    fc.property(anyProgram, (rows) => {
      const whole = made(rows);
      const before = reachableByHand(whole);
      const after = reachableByHand(prune(whole));
      expect(after).toEqual(new Set(prune(whole).instructions.keys())); // all of it can run
      const others = (program: LabelledProgram, places: ReadonlySet<number>) =>
        program.instructions.filter((one, index) => places.has(index) && one.kind !== "jump");
      expect(others(prune(whole), after)).toEqual(others(whole, before));
    }),
    { numRuns: 2000 },
  );
});

/** By widening until nothing is added any more. */
function reachableByHand({ instructions, labels }: LabelledProgram): ReadonlySet<number> {
  const found = new Set([0]);
  for (let size = 0; size !== found.size; ) {
    size = found.size;
    for (const at of [...found]) {
      const one = instructions[at];
      if (one !== undefined && "target" in one) found.add(labels.get(one.target) ?? -1);
      if (one?.kind !== "jump" && one?.kind !== "exit") found.add(at + 1);
    }
  }
  return found;
}
