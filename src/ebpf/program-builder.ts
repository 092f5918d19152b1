/** Writes a program instruction by instruction, with names for the places that it jumps to and for its maps. Pure. Source: RFC 9669. */
import { assert } from "../base/index.ts";
import { HELPERS, type HelperName } from "./helpers.ts";
import {
  type ArithmeticOperation,
  type Bits,
  type Condition,
  type InstructionTo,
  mapsOf,
  type Operand,
  type Program,
  type Register,
  type Width,
} from "./instruction.ts";
import { type LabelledProgram, placeOf, prune } from "./prune.ts";
import { resolveLabels } from "./resolve.ts";

/**
 *   new ProgramBuilder().load(4, "r2", "r1", SKB.len).jumpIf("gt", "r2", 1514, "large")
 *     .mov("r0", TC_ACT.ok).exit()
 *     .label("large").mov("r0", TC_ACT.shot).exit().build();
 */
export class ProgramBuilder {
  readonly #instructions: InstructionTo<string>[] = [];
  readonly #labels = new Map<string, number>();
  #freshLabels = 0;

  mov(dst: Register, src: Operand, bits: Bits = 64): this {
    return this.#arithmetic("mov", dst, src, bits);
  }

  add(dst: Register, src: Operand, bits: Bits = 64): this {
    return this.#arithmetic("add", dst, src, bits);
  }

  sub(dst: Register, src: Operand, bits: Bits = 64): this {
    return this.#arithmetic("sub", dst, src, bits);
  }

  mul(dst: Register, src: Operand, bits: Bits = 64): this {
    return this.#arithmetic("mul", dst, src, bits);
  }

  /** Unsigned; a division by a register that holds 0 gives 0. */
  div(dst: Register, src: Operand, bits: Bits = 64): this {
    return this.#arithmetic("div", dst, src, bits);
  }

  /** Unsigned. */
  mod(dst: Register, src: Operand, bits: Bits = 64): this {
    return this.#arithmetic("mod", dst, src, bits);
  }

  and(dst: Register, src: Operand, bits: Bits = 64): this {
    return this.#arithmetic("and", dst, src, bits);
  }

  or(dst: Register, src: Operand, bits: Bits = 64): this {
    return this.#arithmetic("or", dst, src, bits);
  }

  xor(dst: Register, src: Operand, bits: Bits = 64): this {
    return this.#arithmetic("xor", dst, src, bits);
  }

  lsh(dst: Register, src: Operand, bits: Bits = 64): this {
    return this.#arithmetic("lsh", dst, src, bits);
  }

  rsh(dst: Register, src: Operand, bits: Bits = 64): this {
    return this.#arithmetic("rsh", dst, src, bits);
  }

  /** Keeps the sign. */
  arsh(dst: Register, src: Operand, bits: Bits = 64): this {
    return this.#arithmetic("arsh", dst, src, bits);
  }

  neg(dst: Register, bits: Bits = 64): this {
    return this.#write({ kind: "negate", bits, dst });
  }

  /** The lower 16 bits to big endian; the others become 0. The same turns big endian into the machine's order. */
  be16(dst: Register): this {
    return this.#write({ kind: "toBigEndian", bits: 16, dst });
  }

  /** The lower 32 bits to big endian; the others become 0. */
  be32(dst: Register): this {
    return this.#write({ kind: "toBigEndian", bits: 32, dst });
  }

  be64(dst: Register): this {
    return this.#write({ kind: "toBigEndian", bits: 64, dst });
  }

  /** The bits of `dst` beyond the width become 0. */
  load(width: Width, dst: Register, base: Register, offset: number): this {
    return this.#write({ kind: "load", width, dst, base, offset: checkOffset(offset) });
  }

  store(width: Width, base: Register, offset: number, src: Register): this {
    return this.#write({ kind: "store", width, base, offset: checkOffset(offset), src });
  }

  /** A value of 8 bytes is one of 4 with its sign extended. @param constant its name, for templates */
  storeImmediate(width: Width, base: Register, offset: number, value: number, constant?: string): this {
    const checked = { offset: checkOffset(offset), value: immediate(value, width < 8 ? 32 : 64) };
    return this.#write({ kind: "storeImmediate", width, base, ...checked, ...(constant !== undefined && { constant }) });
  }

  atomicAdd(width: 4 | 8, base: Register, offset: number, src: Register): this {
    return this.#write({ kind: "atomicAdd", width, base, offset: checkOffset(offset), src });
  }

  /** Any constant of 64 bits, signed or not. @param constant its name, for templates */
  load64(dst: Register, value: bigint, constant?: string): this {
    const wrapped = BigInt.asUintN(64, value);
    assert(wrapped === value || BigInt.asIntN(64, value) === value, `${value} is of 64 bits`);
    return this.#write({ kind: "load64", dst, value: wrapped, ...(constant !== undefined && { constant }) });
  }

  /** The map itself, for a helper. */
  loadMap(dst: Register, map: string): this {
    return this.#write({ kind: "loadMap", dst, map });
  }

  /** The address of a byte in the value of an array map of one entry, without a look-up. The kernel refuses it of any other map. */
  loadMapValue(dst: Register, map: string, offset = 0): this {
    assert(Number.isInteger(offset) && offset >= 0 && offset <= MAP_OFFSET_MAX, `the offset ${offset} into a map is of 32 bits`);
    return this.#write({ kind: "loadMapValue", dst, map, offset });
  }

  jump(label: string): this {
    return this.#write({ kind: "jump", target: label });
  }

  /**
   * In a loop whose end the verifier cannot see: the kernel goes on here some million times, for a quarter of a second at most, and
   * jumps then. Linux 6.9 and later.
   */
  mayJump(label: string): this {
    return this.#write({ kind: "mayJump", target: label });
  }

  jumpIf(condition: Condition, dst: Register, src: Operand, label: string, bits: Bits = 64): this {
    return this.#write({ kind: "jumpIf", condition, bits, dst, src: operand(src, bits), target: label });
  }

  /** The arguments are in r1–r5, the result in r0; r1–r5 hold nothing afterwards. */
  call(helper: HelperName): this {
    return this.#write({ kind: "call", helper: HELPERS[helper] });
  }

  /** Ends the program with r0 as its verdict. */
  exit(): this {
    return this.#write({ kind: "exit" });
  }

  /** Names the place of the next instruction. */
  label(name: string): this {
    assert(!this.#labels.has(name), `the label ${name} is in one place`);
    this.#labels.set(name, this.#instructions.length);
    return this;
  }

  /** A name for a place that nothing else has. */
  freshLabel(prefix: string): string {
    this.#freshLabels += 1;
    return `${prefix}$${this.#freshLabels}`;
  }

  /** The program without what can't be reached. A missing label, a jump too far, or an end that does not exit is a bug of the caller's. */
  build(): Program {
    const written: LabelledProgram = { instructions: this.#instructions, labels: this.#labels };
    for (const one of written.instructions) if ("target" in one) placeOf(written, one.target);
    const instructions = resolveLabels(prune(written));
    return { instructions, maps: mapsOf(instructions) };
  }

  #arithmetic(operation: ArithmeticOperation, dst: Register, src: Operand, bits: Bits): this {
    checkDefined(operation, src, bits);
    return this.#write({ kind: "arithmetic", operation, bits, dst, src: operand(src, bits) });
  }

  #write(instruction: InstructionTo<string>): this {
    this.#instructions.push(instruction);
    return this;
  }
}

const OFFSET = { min: -0x8000, max: 0x7fff } as const;
const MAP_OFFSET_MAX = 0xffff_ffff;
const IMMEDIATE = { min: -0x8000_0000, max: 0x7fff_ffff } as const;

function checkOffset(offset: number): number {
  assert(Number.isInteger(offset) && offset >= OFFSET.min && offset <= OFFSET.max, `the offset ${offset} is of 16 bits`);
  return offset;
}

function operand(src: Operand, bits: Bits): Operand {
  return typeof src === "number" ? immediate(src, bits) : src;
}

/**
 * An immediate has 32 bits, and an operation of 64 bits extends its sign: 0xffffffff would silently be −1 there, so it is refused.
 * @returns it as a signed number
 */
function immediate(value: number, bits: Bits): number {
  const max = bits === 32 ? 2 * IMMEDIATE.max + 1 : IMMEDIATE.max;
  assert(Number.isInteger(value) && value >= IMMEDIATE.min && value <= max, `${value} is an immediate for ${bits} bits`);
  return value | 0;
}

/** What the verifier refuses of immediates: a division by 0, a shift by more than there are bits. */
function checkDefined(operation: ArithmeticOperation, src: Operand, bits: Bits): void {
  if (typeof src !== "number") return;
  if (operation === "div" || operation === "mod") assert(src !== 0, `${operation} is not by 0`);
  if (operation === "lsh" || operation === "rsh" || operation === "arsh") {
    assert(src >= 0 && src < bits, `${operation} by ${src} is within ${bits} bits`);
  }
}
