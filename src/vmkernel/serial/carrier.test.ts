import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { SerialCarrier } from "./carrier.ts";

let folder: string;
let servers: { readonly server: Server; readonly sockets: Socket[] }[];
let carrier: SerialCarrier | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "carrier-"));
  servers = [];
});
afterEach(() => {
  carrier?.close();
  for (const { server, sockets } of servers) {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
  rmSync(folder, { recursive: true, force: true });
});

/** A unix socket that remembers what it heard. */
async function peer(name: string) {
  const heard: string[] = [];
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    heard.push("");
    const at = heard.length - 1;
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      heard[at] += chunk.toString("latin1");
    });
  });
  servers.push({ server, sockets });
  await new Promise<void>((resolve) => server.listen(join(folder, name), resolve));
  return { heard, sockets, server };
}
const vm = { name: "db", vcUuid: "", biosUuid: "" };
const until = (condition: () => boolean) => vi.waitFor(() => expect(condition()).toBe(true), { timeout: 20_000 });
const carry = (log: (line: string) => void = () => {}) =>
  new SerialCarrier({
    monitor: join(folder, "monitor"),
    wire: { kind: "pipe", name: "far", endpoint: "client" },
    vm,
    pipes: folder,
    mayConnect: () => false, // a pipe is no network
    log,
  });

test("bytes go both ways unchanged, and a connection that is lost is made again", async () => {
  const monitor = await peer("monitor");
  const far = await peer("far");
  carrier = carry();
  await until(() => monitor.sockets.length === 1);
  monitor.sockets[0]?.write(Buffer.from([1, 255, 255, 240, 10]));
  far.sockets[0]?.write("input");
  await until(() => far.heard[0] === "\u0001ÿÿð\n" && monitor.heard[0] === "input");
  far.sockets[0]?.destroy();
  await until(() => far.sockets.length === 2 && monitor.sockets.length === 2);
  monitor.sockets[1]?.write("again");
  await until(() => far.heard[1] === "again");
});

test("while nobody is at the other end the monitor is left alone, and that is said once", async () => {
  const monitor = await peer("monitor");
  const lines: string[] = [];
  carrier = carry((line) => lines.push(line));
  await until(() => lines.length === 1);
  await new Promise((resolve) => setTimeout(resolve, 1200));
  expect(lines).toEqual([expect.stringContaining("serial port of db: the pipe far")]);
  expect(monitor.sockets).toEqual([]);
  await peer("far");
  await until(() => monitor.sockets.length === 1);
});

test("a port connects to nobody on the network that the host's firewall does not let it connect to, and says so", async () => {
  const said: string[] = [];
  const asked: string[] = [];
  const mayConnect = (address: string, port: number) => asked.push(`${address} ${port}`) === 0;
  const wire = { kind: "connect", host: "192.0.2.1", port: 2001, telnet: false } as const;
  carrier = new SerialCarrier({ monitor: join(folder, "monitor"), wire, vm, pipes: folder, mayConnect, log: (line) => said.push(line) });
  await until(() => said.length > 0);
  expect(said[0]).toContain("192.0.2.1:2001: no enabled rule set");
  expect(new Set(asked)).toEqual(new Set(["192.0.2.1 2001"]));
});
