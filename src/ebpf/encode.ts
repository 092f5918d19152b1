/**
 * Instructions as the bytes that the kernel takes. Pure. Each slot is 8 bytes; this is how they lie on a little-endian machine:
 *
 *   | opcode:8 | src:4 dst:4 | offset:16 | immediate:32 |
 *
 * and the opcode is, by its lowest three bits,
 *
 *   arithmetic and jumps  | operation:4 | source:1 | class:3 |      source: 0 the immediate, 1 the register src
 *   loads and stores      | mode:3 | width:2 | class:3 |
 *
 * Source: RFC 9669 §3–5.
 */
import { assert, assertNever } from "../base/index.ts";
import {
  type ArithmeticOperation,
  type Bits,
  type Condition,
  type Instruction,
  type Operand,
  type Program,
  REGISTERS,
  type Register,
  slotsOf,
  type Width,
} from "./instruction.ts";

export const SLOT_BYTES = 8;

/** RFC 9669 §3.2, table 3. */
export const CLASS = { ld: 0, ldx: 1, st: 2, stx: 3, alu: 4, jmp: 5, jmp32: 6, alu64: 7 } as const;
/** RFC 9669 §4, table 9. */
export const SOURCE_REGISTER = 0x08;
/** RFC 9669 §5, tables 10 and 11. */
export const MODE = { immediate: 0x00, memory: 0x60, atomic: 0xc0 } as const;
export const WIDTH = { 4: 0x00, 2: 0x08, 1: 0x10, 8: 0x18 } as const satisfies Record<Width, number>;

/** RFC 9669 §4.1, table 10. */
export const ARITHMETIC = {
  add: 0x00,
  sub: 0x10,
  mul: 0x20,
  div: 0x30,
  or: 0x40,
  and: 0x50,
  lsh: 0x60,
  rsh: 0x70,
  mod: 0x90,
  xor: 0xa0,
  mov: 0xb0,
  arsh: 0xc0,
} as const satisfies Record<ArithmeticOperation, number>;
export const NEGATE = 0x80;
export const BYTE_SWAP = 0xd0;

/** RFC 9669 §4.3. */
export const CONDITION = {
  eq: 0x10,
  gt: 0x20,
  ge: 0x30,
  set: 0x40,
  ne: 0x50,
  sgt: 0x60,
  sge: 0x70,
  lt: 0xa0,
  le: 0xb0,
  slt: 0xc0,
  sle: 0xd0,
} as const satisfies Record<Condition, number>;
export const JUMP = 0x00;
/** Linux's own: BPF_JCOND, of which BPF_MAY_GOTO is the one with src 0. */
export const MAY_JUMP = 0xe0;
export const CALL = 0x80;
export const EXIT = 0x90;

/** What src says of a constant of 64 bits: the number itself, a map, or the address of a map's first value plus an offset. RFC 9669 §5.4. */
export const CONSTANT = { number: 0, map: 1, mapValue: 2 } as const;

interface Slot {
  readonly opcode: number;
  readonly dst?: Register;
  readonly src?: number;
  readonly offset?: number;
  readonly immediate?: number;
}

/**
 * @param mapFds the descriptor of each map by its name
 * @returns what loadProgram takes
 */
export function assembleProgram({ instructions }: Program, mapFds: ReadonlyMap<string, number>): Buffer {
  const mapNumber = (map: string): number => {
    const fd = mapFds.get(map);
    assert(fd !== undefined, `the map ${map} has a descriptor`);
    return fd;
  };
  const bytes = Buffer.alloc(instructions.reduce((slots, instruction) => slots + slotsOf(instruction), 0) * SLOT_BYTES);
  let at = 0;
  for (const instruction of instructions) at = writeInstruction(bytes, at, slotsFor(instruction, mapNumber));
  return bytes;
}

/** @param mapNumber the number that stands for a map: its descriptor where a program is loaded, its id where one is read back */
export function encodeInstruction(instruction: Instruction, mapNumber: (map: string) => number): Buffer {
  const bytes = Buffer.alloc(slotsOf(instruction) * SLOT_BYTES);
  writeInstruction(bytes, 0, slotsFor(instruction, mapNumber));
  return bytes;
}

/** @returns where the next one is written */
function writeInstruction(bytes: Buffer, at: number, slots: readonly Slot[]): number {
  let next = at;
  for (const { opcode, dst, src = 0, offset = 0, immediate = 0 } of slots) {
    bytes.writeUInt8(opcode, next);
    bytes.writeUInt8((src << 4) | (dst === undefined ? 0 : registerNumber(dst)), next + 1);
    bytes.writeInt16LE(offset, next + 2);
    bytes.writeInt32LE(immediate, next + 4);
    next += SLOT_BYTES;
  }
  return next;
}

function slotsFor(instruction: Instruction, mapNumber: (map: string) => number): readonly Slot[] {
  switch (instruction.kind) {
    case "arithmetic": {
      const { operation, bits, dst, src } = instruction;
      return [withOperand(ARITHMETIC[operation] | (bits === 64 ? CLASS.alu64 : CLASS.alu), src, { dst })];
    }
    case "negate":
      return [{ opcode: NEGATE | (instruction.bits === 64 ? CLASS.alu64 : CLASS.alu), dst: instruction.dst }];
    case "toBigEndian": // the source bit says to big endian, the immediate how wide: RFC 9669 §4.2
      return [{ opcode: BYTE_SWAP | SOURCE_REGISTER | CLASS.alu, dst: instruction.dst, immediate: instruction.bits }];
    case "load": {
      const { width, dst, base, offset } = instruction;
      return [{ opcode: MODE.memory | WIDTH[width] | CLASS.ldx, dst, src: registerNumber(base), offset }];
    }
    case "store":
    case "atomicAdd": {
      const { kind, width, base, offset, src } = instruction;
      const mode = kind === "store" ? MODE.memory : MODE.atomic;
      return [{ opcode: mode | WIDTH[width] | CLASS.stx, dst: base, src: registerNumber(src), offset, immediate: ARITHMETIC.add }];
    }
    case "storeImmediate": {
      const { width, base, offset, value } = instruction;
      return [{ opcode: MODE.memory | WIDTH[width] | CLASS.st, dst: base, offset, immediate: value }];
    }
    case "load64":
      return constant(instruction.dst, CONSTANT.number, instruction.value);
    case "loadMap":
      return constant(instruction.dst, CONSTANT.map, BigInt(mapNumber(instruction.map)));
    case "loadMapValue": {
      const { dst, map, offset } = instruction;
      return constant(dst, CONSTANT.mapValue, (BigInt(offset) << 32n) | BigInt(mapNumber(map)));
    }
    case "jump":
      return [{ opcode: JUMP | CLASS.jmp, offset: instruction.target }];
    case "mayJump":
      return [{ opcode: MAY_JUMP | CLASS.jmp, offset: instruction.target }];
    case "jumpIf":
      return [conditionalJump(instruction)];
    case "call":
      return [{ opcode: CALL | CLASS.jmp, immediate: instruction.helper }];
    case "exit":
      return [{ opcode: EXIT | CLASS.jmp }];
    default:
      return assertNever(instruction);
  }
}

function conditionalJump({ condition, bits, dst, src, target }: Extract<Instruction, { kind: "jumpIf" }>): Slot {
  return withOperand(CONDITION[condition] | jumpClass(bits), src, { dst, offset: target });
}

function jumpClass(bits: Bits): number {
  return bits === 64 ? CLASS.jmp : CLASS.jmp32;
}

function withOperand(opcode: number, src: Operand, rest: Omit<Slot, "opcode">): Slot {
  if (typeof src === "number") return { opcode, immediate: src, ...rest };
  return { opcode: opcode | SOURCE_REGISTER, src: registerNumber(src), ...rest };
}

/** Two slots, each with half of the constant: the lower first. RFC 9669 §5.4. */
function constant(dst: Register, what: number, value: bigint): readonly Slot[] {
  const [low, high] = [Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n))];
  return [
    { opcode: MODE.immediate | WIDTH[8] | CLASS.ld, dst, src: what, immediate: low },
    { opcode: 0, immediate: high },
  ];
}

function registerNumber(register: Register): number {
  return REGISTERS.indexOf(register);
}
