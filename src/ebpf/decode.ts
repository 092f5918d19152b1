/**
 * Bytes of a program as instructions: of one that was assembled here, or of one that the kernel gives back, in which maps are named by
 * their ids, and where it has put instructions of its own in place of some. Pure. Source: RFC 9669 §3–5.
 */
import {
  ARITHMETIC,
  BYTE_SWAP,
  CALL,
  CLASS,
  CONDITION,
  CONSTANT,
  EXIT,
  encodeInstruction,
  MAY_JUMP,
  MODE,
  NEGATE,
  SLOT_BYTES,
  SOURCE_REGISTER,
  WIDTH,
} from "./encode.ts";
import {
  type ArithmeticOperation,
  type Bits,
  type Condition,
  type Instruction,
  REGISTERS,
  type Register,
  slotsOf,
  type Width,
} from "./instruction.ts";

/** Bytes that are no program, or hold an instruction that our programs never have. */
export class MalformedProgram extends Error {
  override readonly name = "MalformedProgram";
}

/** The names of maps by the numbers that stand for them in the bytes: descriptors or ids. A map without one is called "#7". */
export type MapNames = ReadonlyMap<number, string>;

/** An instruction, or where there is none that we know the bytes of the slot. */
export type Decoded = Instruction | { readonly kind: "unknown"; readonly bytes: Buffer };

/** @throws {MalformedProgram} at the first slot that holds no instruction of ours */
export function decodeInstructions(bytes: Uint8Array, mapNames: MapNames = new Map()): readonly Instruction[] {
  let slot = 0;
  return decodeLeniently(bytes, mapNames).map((decoded) => {
    if (decoded.kind === "unknown") throw new MalformedProgram(`slot ${slot} holds no known instruction: ${decoded.bytes.toString("hex")}`);
    slot += slotsOf(decoded);
    return decoded;
  });
}

/** @throws {MalformedProgram} only when the bytes are not whole slots */
export function decodeLeniently(bytes: Uint8Array, mapNames: MapNames): readonly Decoded[] {
  if (bytes.length % SLOT_BYTES !== 0) throw new MalformedProgram(`${bytes.length} bytes are not whole slots of ${SLOT_BYTES}`);
  const found: Decoded[] = [];
  for (let rest = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length); rest.length > 0; ) {
    const instruction = decodeFirst(rest, mapNames);
    found.push(instruction ?? { kind: "unknown", bytes: rest.subarray(0, SLOT_BYTES) });
    rest = rest.subarray(instruction === undefined ? SLOT_BYTES : slotsOf(instruction) * SLOT_BYTES);
  }
  return found;
}

/** The first instruction of `bytes`, if it is one of ours to the last bit: a field that it does not use must be 0. RFC 9669 §3. */
function decodeFirst(bytes: Buffer, mapNames: MapNames): Instruction | undefined {
  const read = readInstruction(readSlot(bytes), bytes, mapNames);
  if (read === undefined) return undefined;
  const again = encodeInstruction(read, () => bytes.readInt32LE(4));
  return again.equals(bytes.subarray(0, again.length)) ? read : undefined;
}

interface Slot {
  readonly opcode: number;
  readonly dst: Register;
  readonly src: Register;
  readonly offset: number;
  readonly immediate: number;
}

function readSlot(bytes: Buffer): Slot | undefined {
  const registers = bytes.readUInt8(1);
  const [dst, src] = [REGISTERS[registers & 0x0f], REGISTERS[registers >> 4]];
  if (dst === undefined || src === undefined) return undefined;
  return { opcode: bytes.readUInt8(0), dst, src, offset: bytes.readInt16LE(2), immediate: bytes.readInt32LE(4) };
}

function readInstruction(slot: Slot | undefined, bytes: Buffer, mapNames: MapNames): Instruction | undefined {
  if (slot === undefined) return undefined;
  const instructionClass = slot.opcode & 0x07;
  switch (instructionClass) {
    case CLASS.ld:
      return readConstant(slot, bytes, mapNames);
    case CLASS.ldx:
    case CLASS.st:
    case CLASS.stx:
      return readMemory(slot, instructionClass);
    case CLASS.alu:
    case CLASS.alu64:
      return readArithmetic(slot, instructionClass === CLASS.alu64 ? 64 : 32);
    default:
      return readJump(slot, instructionClass === CLASS.jmp ? 64 : 32);
  }
}

function readConstant({ dst, src, immediate }: Slot, bytes: Buffer, mapNames: MapNames): Instruction | undefined {
  if (bytes.length < 2 * SLOT_BYTES) return undefined;
  const high = bytes.readUInt32LE(SLOT_BYTES + 4);
  const map = mapNames.get(immediate) ?? `#${immediate}`;
  switch (REGISTERS.indexOf(src)) {
    case CONSTANT.number:
      return { kind: "load64", dst, value: (BigInt(high) << 32n) | BigInt(immediate >>> 0) };
    case CONSTANT.map:
      return { kind: "loadMap", dst, map };
    case CONSTANT.mapValue:
      return { kind: "loadMapValue", dst, map, offset: high };
    default:
      return undefined;
  }
}

function readMemory({ opcode, dst, src, offset, immediate }: Slot, instructionClass: number): Instruction | undefined {
  const width = WIDTHS.get(opcode & 0x18);
  if (width === undefined) return undefined;
  if (instructionClass === CLASS.ldx) return { kind: "load", width, dst, base: src, offset };
  if (instructionClass === CLASS.st) return { kind: "storeImmediate", width, base: dst, offset, value: immediate };
  if ((opcode & 0xe0) === MODE.memory) return { kind: "store", width, base: dst, offset, src };
  return width === 4 || width === 8 ? { kind: "atomicAdd", width, base: dst, offset, src } : undefined;
}

function readArithmetic(slot: Slot, bits: Bits): Instruction | undefined {
  const { opcode, dst, immediate } = slot;
  const operation = opcode & 0xf0;
  if (operation === NEGATE) return { kind: "negate", bits, dst };
  if (operation === BYTE_SWAP) return readByteSwap(slot);
  const name = OPERATIONS.get(operation);
  return name && { kind: "arithmetic", operation: name, bits, dst, src: opcode & SOURCE_REGISTER ? slot.src : immediate };
}

function readByteSwap({ dst, immediate }: Slot): Instruction | undefined {
  return immediate === 16 || immediate === 32 || immediate === 64 ? { kind: "toBigEndian", bits: immediate, dst } : undefined;
}

function readJump({ opcode, dst, src, offset, immediate }: Slot, bits: Bits): Instruction | undefined {
  const operation = opcode & 0xf0;
  if (operation === CALL) return { kind: "call", helper: immediate };
  if (operation === EXIT) return { kind: "exit" };
  if (operation === MAY_JUMP) return { kind: "mayJump", target: offset };
  const condition = CONDITIONS.get(operation);
  if (condition === undefined) return { kind: "jump", target: offset };
  return { kind: "jumpIf", condition, bits, dst, src: opcode & SOURCE_REGISTER ? src : immediate, target: offset };
}

const OPERATIONS = byCode<ArithmeticOperation>(ARITHMETIC);
const CONDITIONS = byCode<Condition>(CONDITION);
const WIDTHS: ReadonlyMap<number, Width> = new Map(([1, 2, 4, 8] as const).map((width) => [WIDTH[width], width]));

function byCode<Name extends string>(codes: Readonly<Record<Name, number>>): ReadonlyMap<number, Name> {
  return new Map((Object.keys(codes) as Name[]).map((name) => [codes[name], name]));
}
