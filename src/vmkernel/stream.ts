/**
 * The client's side of a stream: a connection to vmkernel on which one request is put, and that is then the stream.
 * A fault is a line of JSON; a stream never begins as one does: RFB with "RFB ", a PNG with 0x89.
 */
import type { Socket } from "node:net";
import type { StreamRequest } from "./rpc.ts";
import { decodeMessage, encodeRequest, RPC_LINE_BYTES_MAX } from "./rpc-wire.ts";

const OPENING_BRACE = 0x7b;
const NEWLINE = 0x0a;

/**
 * Puts the request and waits for the first byte of the stream.
 * @param socket connected to vmkernel, and nothing put on it yet
 * @returns nothing: the socket is then the stream, from its first byte
 * @throws {Fault} as vmkernel answered it
 */
export async function beginStream(socket: Socket, request: StreamRequest): Promise<void> {
  socket.write(encodeRequest(1, request));
  let held: Buffer = Buffer.alloc(0);
  for await (const chunk of readableOnce(socket)) {
    held = Buffer.concat([held, chunk]);
    while (held.length > 0) {
      if (held[0] !== OPENING_BRACE) return void socket.unshift(held);
      const end = held.indexOf(NEWLINE);
      if (end < 0) break;
      const message = decodeMessage(held.subarray(0, end).toString("utf8"));
      if (message.kind === "fault") throw message.fault;
      held = held.subarray(end + 1); // an event from before the request was read: others hear of it
    }
    if (held.length > RPC_LINE_BYTES_MAX) throw new Error(`${request.kind}: vmkernel sends a line without end`);
  }
  throw new Error(`${request.kind}: the connection ended before the stream began`);
}

/** What the socket has to read, a piece at a time, without ending or losing the socket when the reader stops. */
async function* readableOnce(socket: Socket): AsyncGenerator<Buffer> {
  for (;;) {
    const chunk: Buffer | null = socket.read();
    if (chunk !== null) yield chunk;
    else if (socket.readableEnded || socket.destroyed) return;
    else await nextSign(socket);
  }
}

function nextSign(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const signs = ["readable", "end", "close"] as const;
    const stop = () => {
      for (const sign of signs) socket.off(sign, stop);
      resolve();
    };
    for (const sign of signs) socket.on(sign, stop);
  });
}
