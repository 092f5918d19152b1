/**
 * bpf(2): one call for everything, with a block of attributes whose layout depends on what is asked.
 * Source: Linux include/uapi/linux/bpf.h, enum bpf_cmd and union bpf_attr.
 */
import { assert, SystemError } from "../../base/index.ts";
import { errnoCode, systemCall } from "../libc.ts";

const COMMANDS = {
  createMap: 0,
  lookup: 1,
  update: 2,
  delete: 3,
  nextKey: 4,
  loadProgram: 5,
  pin: 6,
  openPinned: 7,
  testRun: 10,
  programById: 13,
  mapById: 14,
  info: 15,
  queryPrograms: 16,
  updateBatch: 26,
  createLink: 28,
  updateLink: 29,
  detachLink: 34,
} as const;

export type Command = keyof typeof COMMANDS;

/** Where a field begins, and what is in it: a number of 32 bits, a bigint of 64 (also an address), or a name of at most 15 letters. */
export type Field = readonly [offset: number, value: number | bigint | string];

/** As long as any command that is used here needs; what an older kernel does not know must be zero, which it then is. */
const ATTRIBUTE_BYTES = 144;
const SYS_BPF = process.arch === "arm64" ? 280 : 321;

const call = systemCall<[command: number, attributes: Buffer, length: number]>(SYS_BPF, "int command, void *attributes, uint32_t length");

export interface Answer {
  /** A new descriptor, closed on exec, where the command makes one. */
  readonly result: number;
  /** Some commands answer in them. */
  readonly attributes: Buffer;
}

/** @throws an error with the `code` that the kernel refused with */
export function bpf(command: Command, fields: readonly Field[]): Answer {
  const attributes = Buffer.alloc(ATTRIBUTE_BYTES);
  for (const field of fields) write(attributes, field);
  return { result: call(COMMANDS[command], attributes, attributes.length), attributes };
}

/** Does something, and when the system refuses says what it was. A bug of ours stays what it is. */
export function attempt<T>(what: string, deed: () => T): T {
  try {
    return deed();
  } catch (cause) {
    throw errnoCode(cause) === undefined ? cause : new SystemError(what, { cause });
  }
}

function write(attributes: Buffer, [offset, value]: Field): void {
  if (typeof value === "bigint") attributes.writeBigUInt64LE(value, offset);
  else if (typeof value === "number") attributes.writeUInt32LE(value, offset);
  else attributes.write(checkName(value), offset, "latin1");
}

/** What bpf(2) takes as a name, with the zero byte behind it. */
function checkName(name: string): string {
  assert(/^[\w.]{1,15}$/.test(name), `${name} is a name for a BPF object: 1 to 15 letters, digits, "_" and "."`);
  return name;
}
