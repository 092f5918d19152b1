/**
 * Removes what can never run: the kernel's verifier refuses a program that holds an unreachable instruction. Pure.
 * A unit may so write its code without knowing what stands before and behind it.
 */
import { assert } from "../base/index.ts";
import type { InstructionTo } from "./instruction.ts";

/** A program with names for places: a label stands before the instruction with its index, or behind the last one. */
export interface LabelledProgram {
  readonly instructions: readonly InstructionTo<string>[];
  readonly labels: ReadonlyMap<string, number>;
}

/** Without the instructions that no way from the first one leads to, and without jumps over nothing but those. */
export function prune(program: LabelledProgram): LabelledProgram {
  const { instructions, labels } = program;
  const kept = reachable(program);
  dropIdleJumps(program, kept);
  const position = [0];
  for (const isKept of kept) position.push((position.at(-1) ?? 0) + (isKept ? 1 : 0));
  return {
    instructions: instructions.filter((_, index) => kept[index]),
    labels: new Map([...labels].map(([label, index]) => [label, position[index] ?? 0])),
  };
}

/** @returns for each instruction whether a way leads there */
function reachable(program: LabelledProgram): boolean[] {
  const { instructions } = program;
  const found = instructions.map(() => false);
  const starts = [0];
  for (let at = starts.pop(); at !== undefined; at = starts.pop()) {
    if (found[at] === true) continue;
    const instruction = instructions[at];
    assert(instruction !== undefined, "a program does not run past its last instruction");
    found[at] = true;
    if ("target" in instruction) starts.push(placeOf(program, instruction.target));
    if (instruction.kind !== "jump" && instruction.kind !== "exit") starts.push(at + 1);
  }
  return found;
}

/** From the end, so that a jump over nothing but another that was dropped is seen. */
function dropIdleJumps(program: LabelledProgram, kept: boolean[]): void {
  for (const [at, instruction] of [...program.instructions.entries()].reverse()) {
    if (instruction.kind !== "jump" || kept[at] !== true) continue;
    const target = placeOf(program, instruction.target);
    if (target > at && !kept.slice(at + 1, target).includes(true)) kept[at] = false;
  }
}

export function placeOf({ labels }: LabelledProgram, label: string): number {
  const place = labels.get(label);
  assert(place !== undefined, `the label ${label} is somewhere`);
  return place;
}
