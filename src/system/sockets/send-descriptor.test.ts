import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { descriptorOf, sendWithDescriptor } from "./send-descriptor.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sockets-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

// Node itself cannot receive a descriptor: whatever it reads from a socket loses what is beside the bytes.
const RECEIVER = `
import array, os, socket, sys
s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(); print("listening", flush=True)
c, _ = s.accept(); text, beside, _, _ = c.recvmsg(100, 100)
fds = array.array("i"); fds.frombytes(beside[0][2][:4])
print(text.decode(), os.read(fds[0], 100).decode())
`;

const PYTHON = "/usr/bin/python3";

test.skipIf(!existsSync(PYTHON))("another process reads the file through the descriptor that it was passed", async () => {
  const path = join(folder, "socket");
  writeFileSync(join(folder, "file"), "inside");
  const receiver = spawn(PYTHON, ["-c", RECEIVER, path], { stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  receiver.stdout.on("data", (chunk) => {
    said += chunk;
  });
  while (!said.startsWith("listening")) await once(receiver.stdout, "data");
  const socket = connect(path);
  await once(socket, "connect");
  const fd = openSync(join(folder, "file"), "r");
  sendWithDescriptor(socket, "here:", fd);
  closeSync(fd);
  await once(receiver, "close");
  expect(said).toBe("listening\nhere: inside\n");
  socket.destroy();
});

test("a peer that has gone is an error, not the end of this process", async () => {
  const path = join(folder, "socket");
  const server = createServer((peer: Socket) => peer.destroy());
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const socket = connect(path);
  socket.on("error", () => {});
  await once(socket, "connect");
  const deadline = performance.now() + 5000;
  const sendUntilRefused = async () => {
    while (performance.now() < deadline) {
      sendWithDescriptor(socket, "x", 0);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  await expect(sendUntilRefused()).rejects.toThrow("passing");
  socket.destroy();
  expect(descriptorOf(socket)).toBeUndefined();
  expect(() => sendWithDescriptor(socket, "x", 0)).toThrow("closed");
  server.close();
});
