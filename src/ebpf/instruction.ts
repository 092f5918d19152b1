/**
 * The instructions of eBPF that our programs are made of. Pure.
 * Maps are called by name: their descriptors exist only where a program is loaded. How each looks in bytes is encode.ts.
 * Source: RFC 9669.
 */

/** r0 is the result, r1–r5 are arguments and lost at every call, r6–r9 last, r10 is the end of the stack and read-only. RFC 9669 §2. */
export const REGISTERS = ["r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10"] as const;
export type Register = (typeof REGISTERS)[number];

/** A register, or an immediate of 32 bits that an operation of 64 bits extends by its sign. */
export type Operand = Register | number;
/** Of a value in memory, in bytes. */
export type Width = 1 | 2 | 4 | 8;
/** Of an operation: one of 32 bits sets the upper half of its register to 0. */
export type Bits = 32 | 64;

export type ArithmeticOperation = "add" | "sub" | "mul" | "div" | "or" | "and" | "lsh" | "rsh" | "mod" | "xor" | "mov" | "arsh";
/** The "s" ones compare as signed numbers; "set" asks whether they have a bit in common. */
export type Condition = "eq" | "ne" | "gt" | "ge" | "lt" | "le" | "sgt" | "sge" | "slt" | "sle" | "set";

/** @typeParam Target where a jump leads: a label while a program is built, then the distance in slots from the next instruction */
export type InstructionTo<Target> =
  | {
      readonly kind: "arithmetic";
      readonly operation: ArithmeticOperation;
      readonly bits: Bits;
      readonly dst: Register;
      readonly src: Operand;
    }
  | { readonly kind: "negate"; readonly bits: Bits; readonly dst: Register }
  | { readonly kind: "toBigEndian"; readonly bits: 16 | 32 | 64; readonly dst: Register }
  | { readonly kind: "load"; readonly width: Width; readonly dst: Register; readonly base: Register; readonly offset: number }
  | { readonly kind: "store"; readonly width: Width; readonly base: Register; readonly offset: number; readonly src: Register }
  | {
      readonly kind: "storeImmediate";
      readonly width: Width;
      readonly base: Register;
      readonly offset: number;
      readonly value: number;
      /** What the value is, where programs that are otherwise alike have others: see `template.ts`. */
      readonly constant?: string;
    }
  | { readonly kind: "atomicAdd"; readonly width: 4 | 8; readonly base: Register; readonly offset: number; readonly src: Register }
  | { readonly kind: "load64"; readonly dst: Register; readonly value: bigint; readonly constant?: string }
  | { readonly kind: "loadMap"; readonly dst: Register; readonly map: string }
  | { readonly kind: "loadMapValue"; readonly dst: Register; readonly map: string; readonly offset: number }
  | { readonly kind: "jump"; readonly target: Target }
  /** Not in the RFC: goes on, until the kernel has seen it too often and jumps. Linux include/uapi/linux/bpf.h, BPF_MAY_GOTO. */
  | { readonly kind: "mayJump"; readonly target: Target }
  | {
      readonly kind: "jumpIf";
      readonly condition: Condition;
      readonly bits: Bits;
      readonly dst: Register;
      readonly src: Operand;
      readonly target: Target;
    }
  | { readonly kind: "call"; readonly helper: number }
  | { readonly kind: "exit" };

export type Instruction = InstructionTo<number>;

/** What the kernel can be given once the maps have descriptors. */
export interface Program {
  readonly instructions: readonly Instruction[];
  /** The names of the maps that it uses, in the order of their first use. */
  readonly maps: readonly string[];
}

/** How many slots of 8 bytes an instruction takes: those that hold 64 bits of constant take two. RFC 9669 §3. */
export function slotsOf({ kind }: InstructionTo<unknown>): 1 | 2 {
  return kind === "load64" || kind === "loadMap" || kind === "loadMapValue" ? 2 : 1;
}

/** The slot that each instruction begins in, and behind the last one the number of slots of them all. */
export function slotPositions(instructions: readonly InstructionTo<unknown>[]): readonly number[] {
  const positions = [0];
  for (const instruction of instructions) positions.push((positions.at(-1) ?? 0) + slotsOf(instruction));
  return positions;
}

export function mapsOf(instructions: readonly InstructionTo<unknown>[]): readonly string[] {
  return [...new Set(instructions.flatMap((one) => ("map" in one ? [one.map] : [])))];
}
