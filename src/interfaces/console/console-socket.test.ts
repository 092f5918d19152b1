import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Duplex } from "node:stream";
import { connect, type TLSSocket } from "node:tls";
import { afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { type HostCertificate, loadOrCreateCertificate } from "../../management/index.ts";
import { fault } from "../../wire/index.ts";
import { type SdkServer, startSdkServer } from "../sdk/server.ts";

/** The door itself, on a real TLS connection, with a console of the test's making behind it. */
let certificate: HostCertificate;
beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), "console-socket-"));
  certificate = await loadOrCreateCertificate(folder, { hostName: "host1", addresses: ["127.0.0.1"] });
  await rm(folder, { recursive: true });
});

/** A console that counts what is taken from it and given to it. */
class TestConsole extends Duplex {
  taken = 0;
  readonly given: Buffer[] = [];
  /** Has this much to say at every time that it is asked; nothing when it is 0. */
  saysBytes = 0;
  /** Takes what it is given only when it does. */
  takes = true;

  override _read(): void {
    if (this.saysBytes === 0) return;
    this.taken += this.saysBytes;
    setImmediate(() => this.push(Buffer.alloc(this.saysBytes, 7)));
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: () => void): void {
    this.given.push(chunk);
    if (this.takes) done();
  }
}

let server: SdkServer;
let console: TestConsole;
let asked: string[];
let bugs: unknown[];
let opening: () => Promise<Duplex>;
beforeEach(async () => {
  console = new TestConsole();
  asked = [];
  bugs = [];
  opening = async () => console;
  server = await startSdkServer({
    listen: { host: "127.0.0.1", port: 0 },
    tls: certificate,
    invoke: () => Promise.reject(new Error("no calls here")),
    onBug: (bug) => void bugs.push(bug),
    openConsole({ ticket }) {
      asked.push(ticket);
      return opening();
    },
  });
});
afterEach(async () => {
  vi.useRealTimers();
  await server.close();
});

const KEY = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";

async function request(path: string, after: Buffer = Buffer.alloc(0)): Promise<TLSSocket> {
  const socket = connect({ port: server.port, host: "127.0.0.1", rejectUnauthorized: false });
  await once(socket, "secureConnect");
  const head = `GET ${path} HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n${KEY}\r\n\r\n`;
  socket.write(Buffer.concat([Buffer.from(head), after]));
  socket.on("error", () => {});
  return socket;
}

async function answerOf(socket: TLSSocket): Promise<string> {
  const [chunk] = await once(socket, "data");
  return String(chunk).split("\r\n", 1)[0] ?? "";
}

/** A binary frame with a mask of zeros. */
const frame = (payload: Buffer) =>
  Buffer.concat([Buffer.from([0x82, 0xfe, payload.length >> 8, payload.length & 0xff, 0, 0, 0, 0]), payload]);
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

test("what a viewer sends with its request, before the answer, is the console's too", async () => {
  const socket = await request("/ticket/abc", frame(Buffer.alloc(200, 1)));
  expect(await answerOf(socket)).toBe("HTTP/1.1 101 Switching Protocols");
  while (Buffer.concat(console.given).length < 200) await sleep(5);
  expect(Buffer.concat(console.given)).toEqual(Buffer.alloc(200, 1));
  expect(asked).toEqual(["abc"]);
  socket.destroy();
  await once(console, "close");
});

test("a viewer that does not take its screen has the console wait, not the host's memory grow", async () => {
  console.saysBytes = 64 * 1024;
  const socket = await request("/ticket/abc");
  await answerOf(socket);
  socket.pause();
  let before = -1;
  while (console.taken !== before) {
    before = console.taken;
    await sleep(300);
  }
  expect(console.taken).toBeLessThan(16 * 2 ** 20); // what the kernel's buffers hold between the two, and no more
  socket.resume();
  await sleep(100);
  expect(console.taken).toBeGreaterThan(before);
  socket.destroy();
});

test("a console that does not take keys has its viewer wait", async () => {
  console.takes = false;
  const socket = await request("/ticket/abc");
  await answerOf(socket);
  const piece = frame(Buffer.alloc(60_000, 1));
  let sent = 0;
  while (socket.write(piece) || (await Promise.race([once(socket, "drain").then(() => true), sleep(1000).then(() => false)]))) {
    sent += piece.length;
    if (sent > 64 * 2 ** 20) break;
  }
  expect(sent).toBeLessThan(32 * 2 ** 20);
  expect(console.writableLength).toBeLessThan(2 ** 20);
  socket.destroy();
});

test("a viewer that has gone without a word is found out", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  const socket = await request("/ticket/abc");
  await answerOf(socket);
  vi.advanceTimersByTime(30_000);
  const [ping] = await once(socket, "data");
  expect(ping.toString("hex")).toBe("8900");
  vi.advanceTimersByTime(30_000); // it did not answer
  await once(console, "close");
  await once(socket, "close");
});

test("a viewer that answers is let be", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  const socket = await request("/ticket/abc");
  await answerOf(socket);
  for (let round = 0; round < 4; round++) {
    vi.advanceTimersByTime(30_000);
    await once(socket, "data");
    socket.write(Buffer.from("8a8000000000", "hex"));
    await sleep(50);
  }
  expect(console.destroyed).toBe(false);
  socket.destroy();
});

test.each<[string, () => Promise<Duplex>, string, number]>([
  [
    "a ticket that is none",
    () => Promise.reject(fault("NotAuthenticated", "no", { object: { type: "T", value: "v" }, privilegeId: "p" })),
    "401",
    0,
  ],
  ["a VM with all its viewers", () => Promise.reject(fault("MksConnectionLimitReached", "no", { connectionLimit: 1 })), "503", 0],
  ["a bug of ours", () => Promise.reject(new TypeError("secret")), "500", 1],
])("%s is told by a status, and nothing of ours is told", async (_, open, status, bugCount) => {
  opening = open;
  const socket = await request("/ticket/abc");
  let text = "";
  socket.on("data", (chunk) => (text += chunk));
  await once(socket, "close");
  expect(text).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  expect(text).not.toContain("secret");
  expect(bugs).toHaveLength(bugCount);
});

test("a viewer that leaves while its console is being opened leaves no console behind", async () => {
  let give = (_: Duplex) => {};
  opening = () =>
    new Promise((resolve) => {
      give = resolve;
    });
  const socket = await request("/ticket/abc");
  while (asked.length === 0) await sleep(5);
  socket.destroy();
  await sleep(50);
  give(console);
  await once(console, "close");
});
