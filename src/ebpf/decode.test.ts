import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeInstructions, MalformedProgram } from "./decode.ts";
import { disassemble } from "./disassemble.ts";
import { assembleProgram } from "./encode.ts";
import { mapsOf } from "./instruction.ts";
import { anyInstruction, MAPS } from "./program.fixture.ts";

const FDS: ReadonlyMap<string, number> = new Map(MAPS.map((name, index) => [name, index + 3]));
const NAMES = new Map([...FDS].map(([name, fd]) => [fd, name]));

test("whatever instructions are assembled, the same are decoded, and listed as they were", () => {
  fc.assert(
    fc.property(fc.array(anyInstruction, { maxLength: 40 }), (instructions) => {
      const program = { instructions, maps: mapsOf(instructions) };
      const bytes = assembleProgram(program, FDS);
      expect(decodeInstructions(bytes, NAMES)).toEqual(instructions);
      expect(disassemble(bytes, NAMES)).toEqual(disassemble(program));
    }),
  );
});

test("whatever bytes are decoded, they are refused or assemble to the same bytes again", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 8, maxLength: 8 }), (bytes) => {
      try {
        const instructions = decodeInstructions(bytes);
        const maps = new Map(mapsOf(instructions).map((name) => [name, Number(name.slice(1))]));
        expect(assembleProgram({ instructions, maps: [] }, maps)).toEqual(Buffer.from(bytes));
      } catch (error) {
        expect(error).toBeInstanceOf(MalformedProgram);
      }
    }),
    { numRuns: 2000 },
  );
});

test.each([
  ["half an instruction", "95 00 00 00"],
  ["one and a half", "95 00 00 00 00 00 00 00 95"],
  ["a constant of 64 bits without its second half", "18 01 00 00 01 00 00 00"],
  ["a second half that says more than a number", "18 01 00 00 01 00 00 00 07 00 00 00 00 00 00 00"],
  ["a kind of constant that is none", "18 71 00 00 01 00 00 00 00 00 00 00 00 00 00 00"],
  ["a map with an offset that has no value", "18 11 00 00 01 00 00 00 00 00 00 00 04 00 00 00"],
  ["the register 11", "bf 1b 00 00 00 00 00 00"],
  ["the register 15 as source", "bf f1 00 00 00 00 00 00"],
  ["an operation that is none", "e7 01 00 00 00 00 00 00"],
  ["a condition that is none", "e5 01 00 00 00 00 00 00"],
  ["a swap to little endian", "d4 01 00 00 10 00 00 00"],
  ["a swap of 24 bits", "dc 01 00 00 18 00 00 00"],
  ["an exchange instead of an atomic addition", "db 21 00 00 e1 00 00 00"],
  ["an atomic addition of 2 bytes", "cb 21 00 00 00 00 00 00"],
  ["a load that extends the sign", "81 72 00 00 00 00 00 00"],
  ["a call of a function of its own", "85 10 00 00 01 00 00 00"],
  ["an exit with a number", "95 00 00 00 01 00 00 00"],
  ["a register move with an immediate beside it", "bf 21 00 00 01 00 00 00"],
])("the decoder refuses %s", (_, hex) => {
  expect(() => decodeInstructions(Buffer.from(hex.replaceAll(" ", ""), "hex"))).toThrow(MalformedProgram);
});

test("the refusal says in which slot, counting both of a constant of 64 bits", () => {
  const bytes = Buffer.from("180100000100000000000000000000009500000001000000", "hex");
  expect(() => decodeInstructions(bytes)).toThrow("slot 2 holds no known instruction: 9500000001000000");
});

test("a map that no name is known for is called by its number", () => {
  const bytes = Buffer.from("18110000090000000000000000000000182200000a0000000000000008000000", "hex");
  expect(decodeInstructions(bytes)).toEqual([
    { kind: "loadMap", dst: "r1", map: "#9" },
    { kind: "loadMapValue", dst: "r2", map: "#10", offset: 8 },
  ]);
});
