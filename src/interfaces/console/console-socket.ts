/**
 * A VM's console as a browser reaches it: wss://host/ticket/<ticket>, a WebSocket that carries RFB as it is, both ways.
 * The ticket is all that opens it; who gave it to whom is decided by hostd. A viewer that does not take what it is sent, or sends
 * what it may not, ends its own connection and nothing else. Source: RFC 6455; the vSphere Web Services API, «WebMKS».
 */
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { Fault } from "../../base/index.ts";
import { CLOSE, encodeClose, encodeData, encodePing, encodePong, FrameError, FrameReader, planHandshake } from "../../wire/index.ts";
import { answerTo } from "../files/status-of.ts";

export interface ConsoleRequest {
  /** Untrusted. */
  readonly ticket: string;
  readonly clientAddress: string;
  readonly userAgent: string;
}

export interface ConsoleHandlers {
  /** Opens the console that the ticket is for, or throws the Fault that says why not. Whoever gets the stream ends it. */
  readonly openConsole: (request: ConsoleRequest) => Promise<Duplex>;
  /** Told of what is no Fault. */
  readonly onBug: (error: unknown) => void;
}

const TICKET_PATH = /^\/ticket\/([A-Za-z0-9_-]{1,128})$/; // ours are 40 hex digits
/** A viewer that has gone without a word, and one that hangs, is found out in twice this time. */
const PING_INTERVAL_MS = 30_000;
/** For the last words of a refusal or a close to be taken. */
const LINGER_MS = 2000;

/** Answers a request to upgrade. Never throws: whatever goes wrong ends this one connection. */
export async function serveConsole(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  client: Omit<ConsoleRequest, "ticket">,
  { openConsole, onBug }: ConsoleHandlers,
): Promise<void> {
  socket.on("error", () => socket.destroy()); // the viewer is gone, and with it whoever would be told
  const ticket = TICKET_PATH.exec(request.url ?? "")?.[1];
  if (ticket === undefined) return refuse(socket, 404, "No WebSocket is served here.");
  const handshake = planHandshake(request);
  if (handshake.kind === "refused") return refuse(socket, handshake.status, handshake.because);
  try {
    const console = await openConsole({ ...client, ticket });
    socket.write(handshake.answer);
    carry(console, socket, head);
  } catch (error) {
    if (!(error instanceof Fault)) onBug(error);
    const { status, text } = answerTo(error);
    refuse(socket, status, text);
  }
}

function refuse(socket: Duplex, status: number, because: string): void {
  const body = `${because}\n`;
  const head = ["Content-Type: text/plain; charset=utf-8", `Content-Length: ${Buffer.byteLength(body)}`, "Connection: close"];
  end(socket, Buffer.from(`HTTP/1.1 ${status} Refused\r\n${head.join("\r\n")}\r\n\r\n${body}`));
}

function end(socket: Duplex, last: Buffer): void {
  socket.end(last);
  setTimeout(() => socket.destroy(), LINGER_MS).unref();
}

/** Carries the console's bytes to the viewer and back until either ends. Neither side is read faster than the other takes. */
function carry(console: Duplex, socket: Duplex, head: Buffer): void {
  const reader = new FrameReader();
  let isClosing = false;
  let wasHeard = true;
  const close = (code: number) => {
    if (isClosing) return;
    isClosing = true;
    console.destroy();
    end(socket, encodeClose(code));
  };
  const take = (chunk: Buffer) => {
    wasHeard = true;
    if (isClosing) return;
    try {
      for (const event of reader.push(chunk)) {
        if (event.kind === "data" && !console.write(event.bytes)) socket.pause();
        // One who pings and takes no answer would have the answers pile up: it gets none until it has taken the others.
        else if (event.kind === "ping" && !socket.writableNeedDrain) socket.write(encodePong(event.bytes));
        else if (event.kind === "close") return close(CLOSE.normal);
      }
    } catch (error) {
      close(error instanceof FrameError ? error.code : CLOSE.protocolError);
    }
  };
  const ping = setInterval(() => {
    if (!wasHeard) return void socket.destroy();
    wasHeard = false;
    if (!socket.writableNeedDrain) socket.write(encodePing());
  }, PING_INTERVAL_MS);
  socket.on("close", () => {
    clearInterval(ping);
    console.destroy();
  });
  socket.on("end", () => socket.destroy());
  socket.on("drain", () => console.resume());
  console.on("drain", () => socket.resume());
  console.on("error", () => close(CLOSE.goingAway));
  console.on("close", () => close(CLOSE.goingAway));
  console.on("data", (chunk: Buffer) => {
    if (!isClosing && !socket.write(encodeData(chunk))) console.pause();
  });
  if (socket.destroyed) return void console.destroy();
  if (head.length > 0) take(head);
  socket.on("data", take);
}
