import { readFileSync } from "node:fs";
import { connect, type TLSSocket } from "node:tls";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startHost, type TestHost, waitFor } from "./harness.ts";
import { read } from "./vm.ts";

/** Clients that open connections and do not behave: the host agent's memory stays bounded, and the next client is served. */
const CONNECTIONS = 1000;
const HEADER_BYTES = 100 * 1024 * 1024;
const MEMORY_GROWTH_MAX_MIB = 150;
const HOST = { type: "HostSystem", value: "ha-host" } as const;

let host: TestHost;
let hostd: number;
beforeAll(async () => {
  host = await startHost();
  hostd = (await host.pids()).hostd;
});
afterAll(() => host?.stop());

const memoryMiB = (): number => Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${hostd}/status`, "utf8"))?.[1]) / 1024;

/** The next client is served, and by the same process. */
async function expectService(before: number, growthMaxMiB = MEMORY_GROWTH_MAX_MIB): Promise<void> {
  await using client = await host.login();
  expect(String(await read(client, HOST, "name"))).not.toBe("");
  expect((await host.pids()).hostd, "hostd was restarted").toBe(hostd);
  expect(memoryMiB() - before).toBeLessThan(growthMaxMiB);
}

function open(): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port: host.port, rejectUnauthorized: false }, () => resolve(socket));
    socket.once("error", reject).resume();
    socket.on("error", () => {}); // the host may end it at any time
  });
}

const HEAD = "POST /sdk HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\n";

test(`${CONNECTIONS} connections that ask nothing hold no other client up`, async () => {
  const before = memoryMiB();
  const sockets = await Promise.all(Array.from({ length: CONNECTIONS }, open));
  try {
    expect(sockets.filter((socket) => !socket.destroyed)).toHaveLength(CONNECTIONS);
    await expectService(before);
  } finally {
    for (const socket of sockets) socket.destroy();
  }
});

test("100 MB of headers are cut off where they pass the bound", async () => {
  const before = memoryMiB();
  const socket = await open();
  let sentBytes = 0;
  let answer = "";
  socket.on("data", (chunk: Buffer) => (answer += chunk));
  socket.write(HEAD);
  const chunk = `X-Long: ${"x".repeat(64 * 1024)}\r\n`;
  const isOver = (): boolean => socket.destroyed || socket.readableEnded;
  while (sentBytes < HEADER_BYTES && !isOver()) {
    socket.write(chunk);
    sentBytes += chunk.length;
    await waitFor(() => isOver() || !socket.writableNeedDrain, 30_000, 1);
  }
  await waitFor(isOver, 30_000);
  socket.destroy();
  expect(sentBytes).toBeLessThan(HEADER_BYTES);
  expect(answer).toMatch(/^(HTTP\/1\.1 431 |$)/); // the refusal may be lost with the connection that it is written to
  await expectService(before);
});

test.each([
  ["inside its headers", HEAD],
  ["before its body", `${HEAD}Content-Length: 1000\r\n\r\n`],
  ["inside its body", `${HEAD}Content-Length: 1000\r\n\r\n<?xml`],
  ["inside a chunk", `${HEAD}Transfer-Encoding: chunked\r\n\r\nffff\r\nabc`],
])("a client that stops %s and closes its half is let go", async (_, text) => {
  const before = memoryMiB();
  const socket = await open();
  socket.end(text);
  await waitFor(() => socket.destroyed || socket.readableEnded, 90_000);
  socket.destroy();
  await expectService(before);
});

test("200 clients that stall inside a request hold no other client up", async () => {
  const before = memoryMiB();
  const sockets = await Promise.all(Array.from({ length: 200 }, open));
  try {
    for (const socket of sockets) socket.write(`${HEAD}Content-Length: 100000\r\n\r\n<?xml version="1.0"?>`);
    await expectService(before);
  } finally {
    for (const socket of sockets) socket.destroy();
  }
});

test("a hundred large answers that nobody takes are not kept", async () => {
  const before = memoryMiB();
  const sockets = await Promise.all(Array.from({ length: 100 }, open));
  try {
    for (const socket of sockets) {
      socket.pause();
      // The WSDL is the largest answer that one gets without a session; ten are asked for at once.
      socket.write("GET /sdk/vimService.wsdl HTTP/1.1\r\nHost: x\r\n\r\n".repeat(10));
    }
    await expectService(before, 400); // of 1.5 GB that were asked for
  } finally {
    for (const socket of sockets) socket.destroy();
  }
});
