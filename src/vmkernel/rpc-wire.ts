/**
 * vmkernel's RPC as it stands on the wire: one JSON object a line. Pure.
 * Here alone a fault becomes text and a fault again: its vim25 name, its fields, its message.
 */
import { Fault, type FaultFields, messageOf } from "../base/index.ts";
import { fault } from "../wire/index.ts";
import type { FileRequest } from "./file-door.ts";
import type { StreamRequest, VmkernelEvent, VmkernelRequest } from "./rpc.ts";
import { asShape, readInteger, readShape, readText } from "./shape.ts";

/** Longest line either way: a text file in full (TEXT_LENGTH_MAX, escaped) and the qtree of a VM with every device fit. */
export const RPC_LINE_BYTES_MAX = 8 * 1024 * 1024;

interface WireFault {
  readonly name: string;
  readonly message: string;
  readonly fields: FaultFields;
}

/** What vmkernel reads. */
export type RpcLine =
  /** As it came (untrusted): `parseRequest` reads it. */
  { readonly kind: "request"; readonly id: number; readonly request: unknown } | { readonly kind: "cancel"; readonly id: number };

/** What vmkernel writes. */
export type RpcMessage =
  | { readonly kind: "progress"; readonly id: number; readonly percent: number }
  | { readonly kind: "result"; readonly id: number; readonly result: unknown }
  | { readonly kind: "fault"; readonly id: number; readonly fault: Fault }
  | { readonly kind: "event"; readonly event: VmkernelEvent };

const ID = { min: 0, max: Number.MAX_SAFE_INTEGER };
const PERCENT = { min: 0, max: 100 };

export function encodeRequest(id: number, request: VmkernelRequest | StreamRequest | FileRequest): string {
  return `${JSON.stringify({ id, request })}\n`;
}

/** Asks for the end of a request of this connection. It is answered all the same: by RequestCanceled, unless it was done before. */
export function encodeCancel(id: number): string {
  return `${JSON.stringify({ cancel: id })}\n`;
}

/** @throws {Fault} InvalidArgument when there is no id to answer to */
export function decodeLine(line: string): RpcLine {
  const shape = asShape(parseJson(line), "line");
  if (Object.hasOwn(shape.fields, "cancel")) return { kind: "cancel", id: readInteger(shape, "cancel", ID) };
  return { kind: "request", id: readInteger(shape, "id", ID), request: shape.fields.request };
}

export function encodeProgress(id: number, percent: number): string {
  return `${JSON.stringify({ id, progress: percent })}\n`;
}

export function encodeResult(id: number, result: unknown): string {
  return `${JSON.stringify({ id, result })}\n`;
}

/** What is no fault by name is one of the system's own: its message goes along, its stack does not. */
export function encodeFault(id: number, error: unknown): string {
  const { fault: name, message, fields } = asFault(error);
  return `${JSON.stringify({ id, fault: { name, message, fields } satisfies WireFault })}\n`;
}

export function encodeEvent(event: VmkernelEvent): string {
  return `${JSON.stringify({ event })}\n`;
}

/** @throws {Fault} InvalidArgument when vmkernel wrote something else than it should */
export function decodeMessage(line: string): RpcMessage {
  const shape = asShape(parseJson(line), "line");
  if (Object.hasOwn(shape.fields, "event")) return { kind: "event", event: readShape(shape, "event").fields as unknown as VmkernelEvent };
  const id = readInteger(shape, "id", ID);
  if (Object.hasOwn(shape.fields, "progress")) return { kind: "progress", id, percent: readInteger(shape, "progress", PERCENT) };
  if (!Object.hasOwn(shape.fields, "fault")) return { kind: "result", id, result: shape.fields.result };
  const wire = readShape(shape, "fault");
  const name = readText(wire, "name", { max: 200 });
  return {
    kind: "fault",
    id,
    fault: new Fault(name, readText(wire, "message", { max: RPC_LINE_BYTES_MAX }), readShape(wire, "fields").fields),
  };
}

function asFault(error: unknown): Fault {
  if (error instanceof Fault) return error;
  return fault("SystemError", withCauses(error), { reason: messageOf(error) });
}

/** "what we were doing: why it failed: why that failed". */
function withCauses(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause === undefined ? messageOf(error) : `${messageOf(error)}: ${withCauses(cause)}`;
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (cause) {
    throw fault("InvalidArgument", "The line is not JSON.", { invalidProperty: "line" }, { cause });
  }
}
