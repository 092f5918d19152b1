/**
 * Sends bytes of an open file as the body of an answer, as fast as the client takes them: while one piece is being encrypted and
 * sent, the next is read.
 */
import type { ServerResponse } from "node:http";
import { defer } from "../../base/index.ts";
import { readAt } from "../../system/index.ts";
import { Stall } from "./stall.ts";

/** Measured: smaller ones cost more turns of the event loop, larger ones no longer gain. A client that takes less than one in the time
 * that a stall has (4 kB/s) is stuck. */
const PIECE_BYTES = 256 * 1024;
const PIECES = 2;

export interface Sent {
  readonly bytes: number;
  /** Why it is not all: a sentence for the audit. */
  readonly broken?: string;
}

/** @param part both ends included; the headers announce as many bytes */
export async function sendFile(
  response: ServerResponse,
  fd: number,
  { first, last }: { readonly first: number; readonly last: number },
  stallMs: number,
): Promise<Sent> {
  const free = Array.from({ length: PIECES }, () => Buffer.allocUnsafeSlow(Math.min(PIECE_BYTES, last - first + 1)));
  let turn = defer<void>();
  const wake = () => turn.resolve();
  using stall = new Stall(stallMs, () => response.destroy());
  response.once("close", wake);
  const broken = (why: string): Sent => {
    response.destroy(); // what was announced does not come, and the client sees that by the end of the connection
    return { bytes: position - first, broken: stall.isOver ? `the client took nothing for ${stallMs / 1000} s` : why };
  };
  let position = first;
  while (position <= last) {
    const piece = free.pop();
    if (response.destroyed) return broken("the client went away");
    if (piece === undefined) {
      await turn.promise;
      turn = defer();
      continue;
    }
    const bytesRead = await readAt(fd, piece.subarray(0, Math.min(piece.length, last - position + 1)), position);
    if (bytesRead === 0) return broken("the file became shorter meanwhile");
    position += bytesRead;
    response.write(piece.subarray(0, bytesRead), () => {
      stall.progress();
      free.push(piece);
      wake();
    });
  }
  while (free.length < PIECES) {
    if (response.destroyed) return broken("the client went away");
    await turn.promise;
    turn = defer();
  }
  response.end();
  return { bytes: position - first };
}
