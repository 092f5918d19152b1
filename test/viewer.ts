/**
 * A console's viewer for tests: a WebSocket by hand, on a TLS connection, so that it can also send what no library would.
 * The well-behaved client of the tests is another's: rfb-client.mjs.
 */
import { once } from "node:events";
import { connect, type TLSSocket } from "node:tls";

export interface Viewer {
  /** Of the answer to the request: 101 when the console is open. */
  readonly status: number;
  /** All of the answer's head, and what came after it until now. */
  readonly said: () => Buffer;
  /** The code of the close frame that ended it, or undefined when there was none. */
  readonly closed: Promise<number | undefined>;
  send(bytes: Buffer): void;
  end(): void;
}

const OPENING_MS = 30_000;

export async function openViewer(port: number, path: string, headers: Readonly<Record<string, string>> = {}): Promise<Viewer> {
  const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false });
  await once(socket, "secureConnect");
  const all = {
    Host: "host",
    Connection: "Upgrade",
    Upgrade: "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`GET ${path} HTTP/1.1\r\n${lines.join("")}\r\n`);
  let said = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => {
    said = Buffer.concat([said, chunk]);
  });
  socket.on("error", () => {}); // "close" follows
  const closed = once(socket, "close").then(() => closeCodeIn(said));
  await Promise.race([headOf(socket, () => said), closed]);
  const status = Number(/^HTTP\/1\.1 (\d+)/.exec(said.toString("latin1"))?.[1] ?? 0);
  return { status, said: () => said, closed, send: (bytes) => void socket.write(bytes), end: () => socket.destroy() };
}

async function headOf(socket: TLSSocket, said: () => Buffer): Promise<void> {
  const late = AbortSignal.timeout(OPENING_MS);
  while (!said().includes("\r\n\r\n")) await once(socket, "data", { signal: late });
}

function closeCodeIn(said: Buffer): number | undefined {
  return said.length >= 4 && said.at(-4) === 0x88 && said.at(-3) === 2 ? said.readUInt16BE(said.length - 2) : undefined;
}

/** A frame as a client sends it: masked, unless a test says otherwise. */
export function clientFrame(first: number, payload: Buffer): Buffer {
  const { length } = payload;
  const header = length < 126 ? [first, 0x80 | length] : [first, 0x80 | 126, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(header), Buffer.alloc(4), payload]); // a mask of zeros changes nothing
}
