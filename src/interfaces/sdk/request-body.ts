/**
 * Receives the body of a request within bounds: of one, and of all that are being received at a time, so that many clients
 * together can't fill the memory either.
 */
import type { IncomingMessage } from "node:http";
import type { Fault } from "../../base/index.ts";
import { fault, REQUEST_LIMITS } from "../../wire/index.ts";

const BODY_BYTES_MAX = REQUEST_LIMITS.bytesMax;
const ALL_BODIES_BYTES_MAX = 16 * BODY_BYTES_MAX; // real requests are a few kilobytes: this is hundreds of clients at once

/** Counts what is being received at the moment. One for a server. */
export class BodyBudget {
  #bytes = 0;

  /** @returns false when there is no room, and then nothing is taken */
  take(bytes: number): boolean {
    if (this.#bytes + bytes > ALL_BODIES_BYTES_MAX) return false;
    this.#bytes += bytes;
    return true;
  }

  giveBack(bytes: number): void {
    this.#bytes -= bytes;
  }
}

export type ReceivedBody =
  | { readonly kind: "whole"; readonly bytes: Uint8Array }
  | { readonly kind: "refused"; readonly fault: Fault }
  /** The client went away, or took too long. */
  | { readonly kind: "brokenOff" };

/**
 * Reads the whole body. What goes past a bound is read to its end and thrown away, because a client that is still sending does
 * not see an answer; the server's request timeout ends one that never does.
 */
export async function receiveBody(request: IncomingMessage, budget: BodyBudget): Promise<ReceivedBody> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  let refusal: Fault | undefined;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      refusal ??= refuseChunk(bytes, chunk.byteLength, budget);
      if (refusal === undefined) {
        bytes += chunk.byteLength;
        chunks.push(chunk);
      } else {
        chunks.length = 0;
        budget.giveBack(bytes);
        bytes = 0;
      }
    }
    return refusal === undefined ? { kind: "whole", bytes: Buffer.concat(chunks, bytes) } : { kind: "refused", fault: refusal };
  } catch {
    return { kind: "brokenOff" }; // there is nobody left to tell why
  } finally {
    budget.giveBack(bytes);
  }
}

/** Takes room for a chunk, or says why there is none. */
function refuseChunk(received: number, chunk: number, budget: BodyBudget): Fault | undefined {
  if (received + chunk > BODY_BYTES_MAX)
    return fault("InvalidRequest", `The request cannot be read: it has more than ${BODY_BYTES_MAX} bytes.`, {});
  if (!budget.take(chunk)) return fault("SystemError", "The host receives too many requests at a time.", { reason: "Too many requests" });
  return undefined;
}
