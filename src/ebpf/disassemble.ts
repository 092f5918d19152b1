/**
 * A program as lines of text that people read, in the notation of the kernel's own listings: w1 is the lower half of r1, s> compares
 * as signed numbers. Pure. A line begins with the number of its slot, which is also what a goto names.
 */
import { assertNever } from "../base/index.ts";
import { type Decoded, decodeLeniently, type MapNames } from "./decode.ts";
import { helperName } from "./helpers.ts";
import type { ArithmeticOperation, Bits, Condition, Instruction, Operand, Program, Register, Width } from "./instruction.ts";
import { slotsOf } from "./instruction.ts";

const LINE_NUMBER_WIDTH = 5;

/**
 * @param program one that was built, or bytes: assembled ones, or those that the kernel gives back
 * @param mapNames names for the numbers that stand for maps in bytes
 */
export function disassemble(program: Program | Uint8Array, mapNames: MapNames = new Map()): readonly string[] {
  const decoded: readonly Decoded[] = program instanceof Uint8Array ? decodeLeniently(program, mapNames) : program.instructions;
  let slot = 0;
  return decoded.map((one) => {
    const at = slot;
    slot += one.kind === "unknown" ? 1 : slotsOf(one);
    return `${String(at).padStart(LINE_NUMBER_WIDTH)}: ${one.kind === "unknown" ? unknown(one.bytes) : describe(one, slot)}`;
  });
}

/** The kernel has instructions of its own that no program may hold when it is loaded. */
function unknown(bytes: Buffer): string {
  return `?? ${bytes.toString("hex").replace(/..(?!$)/g, "$& ")}`;
}

/** @param next the slot behind the instruction, which jumps are counted from */
function describe(instruction: Instruction, next: number): string {
  switch (instruction.kind) {
    case "arithmetic": {
      const { operation, bits, dst, src } = instruction;
      return `${named(dst, bits)} ${OPERATORS[operation]} ${operandText(src, bits)}`;
    }
    case "negate":
      return `${named(instruction.dst, instruction.bits)} = -${named(instruction.dst, instruction.bits)}`;
    case "toBigEndian":
      return `${instruction.dst} = be${instruction.bits} ${instruction.dst}`;
    case "load":
      return `${instruction.dst} = ${memory(instruction)}`;
    case "store":
      return `${memory(instruction)} = ${instruction.src}`;
    case "storeImmediate":
      return `${memory(instruction)} = ${instruction.value}`;
    case "atomicAdd":
      return `lock ${memory(instruction)} += ${instruction.src}`;
    case "load64":
      return `${instruction.dst} = 0x${instruction.value.toString(16)} ll`;
    case "loadMap":
      return `${instruction.dst} = map ${instruction.map}`;
    case "loadMapValue":
      return `${instruction.dst} = map ${instruction.map}[0] + ${instruction.offset}`;
    case "jump":
      return `goto ${next + instruction.target}`;
    case "mayJump":
      return `may goto ${next + instruction.target}`;
    case "jumpIf": {
      const { condition, bits, dst, src, target } = instruction;
      return `if ${named(dst, bits)} ${COMPARISONS[condition]} ${operandText(src, bits)} goto ${next + target}`;
    }
    case "call":
      return `call ${helperName(instruction.helper) ?? `#${instruction.helper}`}`;
    case "exit":
      return "exit";
    default:
      return assertNever(instruction);
  }
}

const OPERATORS = {
  add: "+=",
  sub: "-=",
  mul: "*=",
  div: "/=",
  or: "|=",
  and: "&=",
  lsh: "<<=",
  rsh: ">>=",
  mod: "%=",
  xor: "^=",
  mov: "=",
  arsh: "s>>=",
} as const satisfies Record<ArithmeticOperation, string>;

const COMPARISONS = {
  eq: "==",
  ne: "!=",
  gt: ">",
  ge: ">=",
  lt: "<",
  le: "<=",
  sgt: "s>",
  sge: "s>=",
  slt: "s<",
  sle: "s<=",
  set: "&",
} as const satisfies Record<Condition, string>;

function named(register: Register, bits: Bits): string {
  return bits === 64 ? register : register.replace("r", "w");
}

function operandText(operand: Operand, bits: Bits): string {
  return typeof operand === "number" ? String(operand) : named(operand, bits);
}

function memory({ width, base, offset }: { readonly width: Width; readonly base: Register; readonly offset: number }): string {
  return `*(u${width * 8} *)(${base} ${offset < 0 ? "-" : "+"} ${Math.abs(offset)})`;
}
