/**
 * Files into and out of a guest: GET and PUT of /guestFile?id=VM&token=TOKEN. The token, from vim25's InitiateFileTransfer…Guest, is
 * all that opens it, once; who gave it to whom, and for what, is decided by hostd. Source: vim25 GuestFileManager.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { Fault, messageOf } from "../../base/index.ts";
import type { GuestFileBody, GuestFileContents, TransferRequest } from "../../hostd/index.ts";
import { drained } from "../files/drained.ts";
import { type HttpAnswer, startLingering } from "../files/refuse.ts";
import { Stall } from "../files/stall.ts";

export interface GuestFileDoorParts {
  /** Throws the Fault that says why not. */
  readonly open: (request: TransferRequest) => Promise<GuestFileContents>;
  /** Takes the whole body, or throws the Fault that says why not; then nothing of it is kept. */
  readonly take: (request: TransferRequest, body: GuestFileBody) => Promise<void>;
  /** Told of what is no Fault. */
  readonly onBug: (error: unknown) => void;
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly client: TransferRequest["client"];
}

export type GuestFileDoor = (exchange: Exchange) => Promise<void>;

export const GUEST_FILE_PATH = "/guestFile";
const ID = /^\d{1,9}$/;
const TOKEN = /^[A-Za-z0-9_-]{1,128}$/; // ours are 40 hex digits
/** Without a piece getting on: each takes up to a minute in a guest that is slow. */
const STALL_MS = 120_000;
const LINGER_MS = 5000;
/** What lies in a guest is nothing that a browser should run as this host's own. */
const SAFE_HEADERS = { "Content-Type": "application/octet-stream", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store" };

export function createGuestFileDoor(parts: GuestFileDoorParts): GuestFileDoor {
  return async (exchange) => {
    const { request, response } = exchange;
    using stall = new Stall(STALL_MS, () => request.socket.destroy());
    let thrown: unknown;
    try {
      return await serve(exchange, parts, stall);
    } catch (error) {
      thrown = error;
    }
    if (!(thrown instanceof Fault)) parts.onBug(thrown);
    // Half of a file has been sent, or the client is gone: the connection's end is all that can be said.
    if (response.headersSent || response.destroyed) request.socket.destroy();
    else await refuse(exchange, { status: statusOf(thrown), text: thrown instanceof Fault ? messageOf(thrown) : "Internal error." });
  };
}

async function serve(exchange: Exchange, { open, take }: GuestFileDoorParts, stall: Stall): Promise<void> {
  const { request, response, client } = exchange;
  const query = new URLSearchParams(request.url?.split("?")[1] ?? "");
  const [vm, token] = [query.get("id") ?? "", query.get("token") ?? ""];
  if (!ID.test(vm) || !TOKEN.test(token)) {
    return refuse(exchange, { status: 400, text: "A file of a guest is named by an id and a token." });
  }
  switch (request.method) {
    case "GET":
      return sendFile(response, await open({ vm, token, client }), stall);
    case "PUT":
      await take({ vm, token, client }, { sizeBytes: promisedBytes(request), chunks: watched(request, stall) });
      response.writeHead(200, { "Content-Length": 0 }).end();
      return;
    default:
      return refuse(exchange, { status: 405, text: "Only GET and PUT are answered here.", headers: { Allow: "GET, PUT" } });
  }
}

/** Undefined for a body that does not say; Node has refused what is no number. */
function promisedBytes({ headers }: IncomingMessage): number | undefined {
  const length = headers["content-length"];
  return length === undefined ? undefined : Number(length);
}

async function* watched(body: AsyncIterable<Uint8Array>, stall: Stall): AsyncGenerator<Uint8Array> {
  for await (const chunk of body) {
    stall.progress();
    yield chunk;
  }
}

async function sendFile(response: ServerResponse, { sizeBytes, pieces }: GuestFileContents, stall: Stall): Promise<void> {
  response.writeHead(200, { ...SAFE_HEADERS, "Content-Length": sizeBytes });
  for await (const piece of pieces) {
    if (response.destroyed) return;
    if (!response.write(piece)) await drained(response);
    stall.progress();
  }
  response.end();
}

function refuse({ request, response }: Exchange, answer: HttpAnswer): Promise<void> {
  return startLingering({ request, response, answer, lingerMs: LINGER_MS });
}

function statusOf(error: unknown): number {
  switch (error instanceof Fault ? error.fault : "") {
    case "NotAuthenticated":
    case "InvalidGuestLogin":
      return 401;
    case "NoPermission":
    case "GuestPermissionDenied":
      return 403;
    case "ManagedObjectNotFound":
    case "FileNotFound":
      return 404;
    case "InvalidPowerState":
    case "FileAlreadyExists":
      return 409;
    case "ResourceInUse":
    case "TooManyGuestLogons":
    case "GuestOperationsUnavailable":
      return 503;
    default:
      return 500;
  }
}
