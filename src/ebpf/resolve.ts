/** Turns labels into distances, as jumps hold them: in slots, from the instruction behind the jump. Pure. Source: RFC 9669 §4.3. */
import { assert } from "../base/index.ts";
import { type Instruction, slotPositions } from "./instruction.ts";
import { type LabelledProgram, placeOf } from "./prune.ts";

const DISTANCE = { min: -0x8000, max: 0x7fff } as const; // a jump has 16 bits for it

export function resolveLabels(program: LabelledProgram): readonly Instruction[] {
  const positions = slotPositions(program.instructions);
  return program.instructions.map((instruction, index) => {
    if (!("target" in instruction)) return instruction;
    const [from, to] = [positions[index + 1], positions[placeOf(program, instruction.target)]];
    assert(from !== undefined && to !== undefined, `the label ${instruction.target} is within its program`);
    const distance = to - from;
    assert(distance >= DISTANCE.min && distance <= DISTANCE.max, `the jump to ${instruction.target} is within 16 bits: ${distance} slots`);
    return { ...instruction, target: distance };
  });
}
