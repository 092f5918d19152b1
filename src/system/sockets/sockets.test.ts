import { closeSync, existsSync, mkdtempSync, openSync, rmSync, statSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { tcpAddress, unixAddress } from "./address.ts";
import { listenTcp, listenUnix, PortTaken, peerOf } from "./index.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "bulkhead-sockets-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const fdOf = (socket: Socket) => (socket as unknown as { _handle: { fd: number } })._handle.fd;

test("a unix socket is bound with its mode and outlives the server that used its descriptor", async () => {
  const path = join(folder, "s");
  const fd = listenUnix(path, { mode: 0o640 });
  expect(statSync(path).mode & 0o777).toBe(0o640);
  const server = createServer();
  await new Promise<void>((resolve) => server.listen({ fd }, resolve));
  await new Promise((resolve) => server.close(resolve));
  expect(existsSync(path)).toBe(true);
});

test("the peer of a unix socket is the process that connected", async () => {
  const path = join(folder, "s");
  const server = createServer();
  server.listen({ fd: listenUnix(path, { mode: 0o600 }) });
  const accepted = new Promise<Socket>((resolve) => server.once("connection", resolve));
  const client = connect(path);
  try {
    const socket = await accepted;
    expect(peerOf(fdOf(socket))).toEqual({ pid: process.pid, uid: process.getuid?.(), gid: process.getgid?.() });
    socket.destroy();
  } finally {
    client.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
});

test("a descriptor that is no socket has no peer", () => {
  const fd = openSync("/dev/null", "r");
  try {
    expect(() => peerOf(fd)).toThrow(`asking who is connected to socket ${fd}`);
  } finally {
    closeSync(fd);
  }
});

test("a path that is in use is refused and left as it is", () => {
  const path = join(folder, "s");
  const fd = listenUnix(path, { mode: 0o600 });
  expect(() => listenUnix(path, { mode: 0o666 })).toThrow(`listening on the unix socket ${path}`);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  closeSync(fd);
});

test("a path of 108 bytes is refused by name and length, one of 107 is bound", () => {
  const path = (bytes: number) => join(folder, "x".repeat(bytes - folder.length - 1));
  expect(() => listenUnix(path(108), { mode: 0o600 })).toThrow("has 108 bytes, and a unix socket's has at most 107");
  closeSync(listenUnix(path(107), { mode: 0o600 }));
});

test.each([["127.0.0.1"], ["::1"]])("a TCP socket on %s accepts, and its port is taken by then", async (host) => {
  const server = createServer((socket) => socket.end("hello"));
  await new Promise<void>((resolve) => server.listen({ fd: listenTcp(host, 0) }, resolve));
  const { port } = server.address() as AddressInfo;
  try {
    const text = await new Promise((resolve) => connect(port, host).on("data", (data) => resolve(String(data))));
    expect(text).toBe("hello");
    expect(() => listenTcp(host, port)).toThrow(PortTaken);
    expect(() => listenTcp(host, port)).toThrow(`${port} is taken by another process`);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
});

test.each([
  ["127.0.0.1", 443, "0200 01bb 7f000001 0000000000000000"],
  ["::", 443, "0a00 01bb 00000000 00000000000000000000000000000000 00000000"],
  ["fe80::1:2", 1, "0a00 0001 00000000 fe800000000000000000000000010002 00000000"],
  ["::ffff:10.0.0.1", 1, "0a00 0001 00000000 00000000000000000000ffff0a000001 00000000"],
  ["1:2:3:4:5:6:7:8", 1, "0a00 0001 00000000 00010002000300040005000600070008 00000000"],
])("%s port %i has the kernel's form", (host, port, hex) => {
  expect(tcpAddress(host, port).bytes.toString("hex")).toBe(hex.replaceAll(" ", ""));
});

test.each([
  ["a name", "localhost", 1],
  ["nothing", "", 1],
  ["a scope", "fe80::1%lo", 1],
  ["port 65536", "127.0.0.1", 65536],
  ["a negative port", "127.0.0.1", -1],
])("%s is no address to listen on", (_, host, port) => {
  expect(() => tcpAddress(host, port)).toThrow();
});

test.each([
  ["an empty path", ""],
  ["a zero byte", "a\0b"],
])("%s is no path for a socket", (_, path) => {
  expect(() => unixAddress(path)).toThrow("is no path for a socket");
});
