/**
 * A program that is assembled once, for many that differ in nothing but their maps and in constants that have names. Pure.
 * What it gives is, byte for byte, what assembleProgram gives of the program with those constants in it.
 */
import { assert } from "../base/index.ts";
import { assembleProgram, SLOT_BYTES } from "./encode.ts";
import { type Program, slotPositions } from "./instruction.ts";

/** Where the immediate of a slot is; a constant of 64 bits has its upper half in the next slot's. */
const IMMEDIATE_AT = 4;

interface Place {
  readonly at: number;
  readonly name: string;
}

export class ProgramTemplate {
  /** As the program's. */
  readonly maps: readonly string[];
  readonly #code: Buffer;
  readonly #maps: readonly Place[];
  readonly #constants: readonly (Place & { readonly bits: 32 | 64 })[];

  constructor(program: Program) {
    const positions = slotPositions(program.instructions);
    const placeOf = (index: number): number => (positions[index] ?? 0) * SLOT_BYTES + IMMEDIATE_AT;
    this.maps = program.maps;
    this.#code = assembleProgram(program, new Map(program.maps.map((name, number) => [name, number])));
    this.#maps = program.instructions.flatMap((one, index) => ("map" in one ? [{ at: placeOf(index), name: one.map }] : []));
    this.#constants = program.instructions.flatMap((one, index) => {
      if (!("constant" in one) || one.constant === undefined) return [];
      return [{ at: placeOf(index), name: one.constant, bits: one.kind === "load64" ? (64 as const) : (32 as const) }];
    });
  }

  /**
   * @param constants a value for each name that the program has; others are nobody's
   * @param mapNumbers a number for each map: its descriptor where the program is loaded
   */
  assemble(constants: Readonly<Record<string, bigint>>, mapNumbers: ReadonlyMap<string, number>): Buffer {
    const code = Buffer.from(this.#code);
    for (const { at, name, bits } of this.#constants) {
      const value = constants[name];
      assert(value !== undefined, `the constant ${name} has a value`);
      code.writeInt32LE(Number(BigInt.asIntN(32, value)), at);
      if (bits === 64) code.writeInt32LE(Number(BigInt.asIntN(32, value >> 32n)), at + SLOT_BYTES);
    }
    for (const { at, name } of this.#maps) {
      const number = mapNumbers.get(name);
      assert(number !== undefined, `the map ${name} has a descriptor`);
      code.writeInt32LE(number, at);
    }
    return code;
  }
}
