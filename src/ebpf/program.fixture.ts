/** Arbitrary instructions and programs, for property tests. */
import fc from "fast-check";
import { ARITHMETIC, CONDITION } from "./encode.ts";
import { type ArithmeticOperation, type Condition, type Instruction, type Operand, REGISTERS } from "./instruction.ts";

export const MAPS = ["fdb", "counters", "members"] as const;

const register = fc.constantFrom(...REGISTERS);
const int16 = fc.integer({ min: -0x8000, max: 0x7fff });
const int32 = fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff });
const operand: fc.Arbitrary<Operand> = fc.oneof(register, int32);
const bits = fc.constantFrom<32 | 64>(32, 64);
const width = fc.constantFrom<1 | 2 | 4 | 8>(1, 2, 4, 8);
const map = fc.constantFrom(...MAPS);
const kind = <Kind extends Instruction["kind"]>(name: Kind) => fc.constant(name);

/** Every kind, with every value that its fields may have. */
export const anyInstruction: fc.Arbitrary<Instruction> = fc.oneof(
  fc.record({
    kind: kind("arithmetic"),
    operation: fc.constantFrom(...(Object.keys(ARITHMETIC) as ArithmeticOperation[])),
    bits,
    dst: register,
    src: operand,
  }),
  fc.record({ kind: kind("negate"), bits, dst: register }),
  fc.record({ kind: kind("toBigEndian"), bits: fc.constantFrom<16 | 32 | 64>(16, 32, 64), dst: register }),
  fc.record({ kind: kind("load"), width, dst: register, base: register, offset: int16 }),
  fc.record({ kind: kind("store"), width, base: register, offset: int16, src: register }),
  fc.record({ kind: kind("storeImmediate"), width, base: register, offset: int16, value: int32 }),
  fc.record({ kind: kind("atomicAdd"), width: fc.constantFrom<4 | 8>(4, 8), base: register, offset: int16, src: register }),
  fc.record({ kind: kind("load64"), dst: register, value: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) }),
  fc.record({ kind: kind("loadMap"), dst: register, map }),
  fc.record({ kind: kind("loadMapValue"), dst: register, map, offset: fc.integer({ min: 0, max: 0xffff_ffff }) }),
  fc.record({ kind: kind("jump"), target: int16 }),
  fc.record({ kind: kind("mayJump"), target: int16 }),
  fc.record({
    kind: kind("jumpIf"),
    condition: fc.constantFrom(...(Object.keys(CONDITION) as Condition[])),
    bits,
    dst: register,
    src: operand,
    target: int16,
  }),
  fc.record({ kind: kind("call"), helper: int32 }),
  fc.record({ kind: kind("exit") }),
);
