/**
 * WebSocket frames as a server of one stream of bytes reads and writes them. Pure.
 * Messages mean nothing here but their bytes: a frame is passed on as it comes and never held back, so no client can make the host
 * keep more than a header of one. Source: RFC 6455 §5.
 */

export type FrameEvent =
  /** Bytes of the stream, unmasked: a message, or a piece of one. */
  | { readonly kind: "data"; readonly bytes: Buffer }
  | { readonly kind: "ping"; readonly bytes: Buffer }
  | { readonly kind: "pong" }
  | { readonly kind: "close" };

/** What the client sent is no frame, or none of those that it may send. The code is what it is told: RFC 6455 §7.4.1. */
export class FrameError extends Error {
  override readonly name = "FrameError";
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

export const CLOSE = { normal: 1000, goingAway: 1001, protocolError: 1002, notAccepted: 1003, tooBig: 1009 } as const;
const OPCODE = { continuation: 0x0, text: 0x1, binary: 0x2, close: 0x8, ping: 0x9, pong: 0xa } as const;

/** The longest that a viewer sends is a clipboard's text, which it sends in pieces of some kilobytes. */
const FRAME_BYTES_MAX = 64 * 1024;
/** A message in fragments is a message all the same: one without end is none. */
const MESSAGE_BYTES_MAX = 1024 * 1024;
const FRAGMENTS_MAX = 1024;
const CONTROL_BYTES_MAX = 125; // RFC 6455 §5.5

const FIN = 0x80;
const RESERVED = 0x70;
const MASKED = 0x80;
const MASK_BYTES = 4;

interface Frame {
  readonly opcode: number;
  readonly isLast: boolean;
  readonly mask: Buffer;
  readonly length: number;
  /** Of its payload, what has come. */
  taken: number;
  /** What has come of a control frame, which means something only when it is whole. */
  readonly control: Buffer[];
}

/** Reads what one client sends, however it arrives in pieces. */
export class FrameReader {
  #header: Buffer = Buffer.alloc(0);
  #frame: Frame | undefined;
  /** The message that a continuation goes on with. */
  #message: { bytes: number; fragments: number } | undefined;

  /**
   * Takes the next piece of the connection (untrusted).
   * @throws {FrameError} and then nothing more can be read
   */
  *push(chunk: Buffer): Generator<FrameEvent> {
    let rest = chunk;
    while (rest.length > 0) {
      if (this.#frame === undefined) rest = this.#takeHeader(rest);
      if (this.#frame !== undefined) {
        const { events, left } = this.#takePayload(this.#frame, rest);
        yield* events;
        rest = left;
      }
    }
  }

  /** Takes what belongs to a header; the frame is there once it is whole. */
  #takeHeader(chunk: Buffer): Buffer {
    const all = Buffer.concat([this.#header, chunk.subarray(0, HEADER_BYTES_MAX)]);
    const header = parseHeader(all);
    if (header === undefined) {
      this.#header = all;
      return chunk.subarray(HEADER_BYTES_MAX);
    }
    const { bytes, ...frame } = header;
    const left = chunk.subarray(bytes - this.#header.length);
    this.#header = Buffer.alloc(0);
    this.#admit(frame);
    this.#frame = { ...frame, taken: 0, control: [] };
    return left;
  }

  /** Whether such a frame may stand here. */
  #admit({ opcode, isLast, length }: Pick<Frame, "opcode" | "isLast" | "length">): void {
    switch (opcode) {
      case OPCODE.close:
      case OPCODE.ping:
      case OPCODE.pong:
        if (!isLast || length > CONTROL_BYTES_MAX) throw new FrameError(CLOSE.protocolError, "a control frame in fragments or too long");
        return;
      case OPCODE.text:
        throw new FrameError(CLOSE.notAccepted, "text, where only bytes are understood");
      case OPCODE.binary:
        if (this.#message !== undefined) throw new FrameError(CLOSE.protocolError, "a message within a message");
        break;
      case OPCODE.continuation:
        if (this.#message === undefined) throw new FrameError(CLOSE.protocolError, "a continuation of nothing");
        break;
      default:
        throw new FrameError(CLOSE.protocolError, `opcode ${opcode}, which is reserved`);
    }
    if (length > FRAME_BYTES_MAX) throw new FrameError(CLOSE.tooBig, `a frame of ${length} bytes`);
    const message = { bytes: (this.#message?.bytes ?? 0) + length, fragments: (this.#message?.fragments ?? 0) + 1 };
    if (message.bytes > MESSAGE_BYTES_MAX || message.fragments > FRAGMENTS_MAX) {
      throw new FrameError(CLOSE.tooBig, `a message of ${message.bytes} bytes in ${message.fragments} fragments`);
    }
    this.#message = isLast ? undefined : message;
  }

  #takePayload(frame: Frame, chunk: Buffer): { readonly events: readonly FrameEvent[]; readonly left: Buffer } {
    const piece = unmask(chunk.subarray(0, frame.length - frame.taken), frame);
    frame.taken += piece.length;
    const isWhole = frame.taken === frame.length;
    if (isWhole) this.#frame = undefined;
    const left = chunk.subarray(piece.length);
    if (frame.opcode === OPCODE.binary || frame.opcode === OPCODE.continuation) {
      return { events: piece.length > 0 ? [{ kind: "data", bytes: piece }] : [], left };
    }
    frame.control.push(piece);
    return { events: isWhole ? [controlEvent(frame)] : [], left };
  }
}

/** The longest header: two bytes, a length in eight, the mask. */
const HEADER_BYTES_MAX = 14;
const LENGTH_IN_2_BYTES = 126;
const LENGTH_IN_8_BYTES = 127;

type Header = Pick<Frame, "opcode" | "isLast" | "mask" | "length"> & { readonly bytes: number };

/**
 * | FIN:1 RSV:3 opcode:4 | MASK:1 length:7 | length:16 or 64, after 126 or 127 | masking key:32 |
 * @returns undefined while it is not whole
 */
function parseHeader(bytes: Buffer): Header | undefined {
  const [first, second] = bytes;
  if (first === undefined || second === undefined) return undefined;
  if ((first & RESERVED) !== 0) throw new FrameError(CLOSE.protocolError, "reserved bits, of an extension that was not agreed on");
  if ((second & MASKED) === 0) throw new FrameError(CLOSE.protocolError, "a frame without a mask");
  const short = second & 0x7f;
  const lengthBytes = short === LENGTH_IN_8_BYTES ? 8 : short === LENGTH_IN_2_BYTES ? 2 : 0;
  const headerBytes = 2 + lengthBytes + MASK_BYTES;
  if (bytes.length < headerBytes) return undefined;
  const length = lengthBytes === 0 ? short : lengthBytes === 2 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  if ((lengthBytes === 2 && length < LENGTH_IN_2_BYTES) || (lengthBytes === 8 && length <= 0xffff)) {
    throw new FrameError(CLOSE.protocolError, "a length in more bytes than it needs");
  }
  const mask = Buffer.from(bytes.subarray(headerBytes - MASK_BYTES, headerBytes));
  return { opcode: first & 0x0f, isLast: (first & FIN) !== 0, mask, length, bytes: headerBytes };
}

function unmask(masked: Buffer, { mask, taken }: Pick<Frame, "mask" | "taken">): Buffer {
  const bytes = Buffer.allocUnsafe(masked.length);
  for (let at = 0; at < masked.length; at++) bytes[at] = (masked[at] ?? 0) ^ (mask[(taken + at) % MASK_BYTES] ?? 0);
  return bytes;
}

function controlEvent({ opcode, control }: Frame): FrameEvent {
  if (opcode === OPCODE.close) return { kind: "close" };
  return opcode === OPCODE.ping ? { kind: "ping", bytes: Buffer.concat(control) } : { kind: "pong" };
}

/** The header of a frame that a server sends, whole and unmasked; its payload follows. */
function headerOf(opcode: number, length: number): Buffer {
  if (length < LENGTH_IN_2_BYTES) return Buffer.from([FIN | opcode, length]);
  if (length <= 0xffff) return Buffer.from([FIN | opcode, LENGTH_IN_2_BYTES, length >> 8, length & 0xff]);
  const header = Buffer.alloc(10);
  header.writeUInt16BE(((FIN | opcode) << 8) | LENGTH_IN_8_BYTES, 0);
  header.writeBigUInt64BE(BigInt(length), 2);
  return header;
}

/** Bytes of the stream, as a message. */
export function encodeData(bytes: Buffer): Buffer {
  return Buffer.concat([headerOf(OPCODE.binary, bytes.length), bytes]);
}

export function encodePing(): Buffer {
  return headerOf(OPCODE.ping, 0);
}

/** @param bytes those of the ping that it answers */
export function encodePong(bytes: Buffer): Buffer {
  return Buffer.concat([headerOf(OPCODE.pong, bytes.length), bytes]);
}

export function encodeClose(code: number): Buffer {
  return Buffer.concat([headerOf(OPCODE.close, 2), Buffer.from([code >> 8, code & 0xff])]);
}
