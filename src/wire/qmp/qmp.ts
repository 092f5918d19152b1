/**
 * The QEMU Machine Protocol: one JSON object a line. Pure.
 * Source: QEMU docs/interop/qmp-spec.txt §2. What comes from a monitor is hostile input: a guest may have broken out into it.
 */

export type QmpMessage =
  | { readonly kind: "greeting" }
  | { readonly kind: "return"; readonly id: number | undefined; readonly value: unknown }
  | { readonly kind: "error"; readonly id: number | undefined; readonly errorClass: string; readonly description: string }
  | { readonly kind: "event"; readonly name: string; readonly data: Readonly<Record<string, unknown>> };

/** Longest line taken from a monitor: `info qtree` of a VM with every device is about 100 KB. */
export const QMP_LINE_BYTES_MAX = 4 * 1024 * 1024;

/** A line that is no QMP message. */
export class QmpSyntaxError extends Error {
  override readonly name = "QmpSyntaxError";
}

export interface QmpCommand {
  readonly execute: string;
  /** QEMU answers with it. */
  readonly id?: number;
  readonly arguments?: object | undefined;
}

/** Without a line's end: QEMU reads a byte at a time, at 5 µs each, and carries a command out at its last bracket. */
export function encodeQmpCommand(command: QmpCommand): string {
  return JSON.stringify(command);
}

/** @throws {QmpSyntaxError} when the line is none of greeting, return, error and event */
export function decodeQmpMessage(line: string): QmpMessage {
  const message = parseObject(line);
  if ("QMP" in message) return { kind: "greeting" };
  const id = typeof message.id === "number" ? message.id : undefined;
  if ("return" in message) return { kind: "return", id, value: message.return };
  if (isObject(message.error)) {
    return { kind: "error", id, errorClass: text(message.error.class), description: text(message.error.desc) };
  }
  if (typeof message.event === "string") {
    return { kind: "event", name: message.event, data: isObject(message.data) ? message.data : {} };
  }
  throw new QmpSyntaxError(`not a QMP message: ${line.slice(0, 200)}`);
}

function parseObject(line: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw new QmpSyntaxError(`not JSON: ${line.slice(0, 200)}`, { cause });
  }
  if (!isObject(value)) throw new QmpSyntaxError(`not a JSON object: ${line.slice(0, 200)}`);
  return value;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
