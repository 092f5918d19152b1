import {
  closeSync,
  fstatSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { askForDescriptor, sendWithDescriptor } from "./index.ts";

let folder: string;
let server: Server | undefined;
const path = () => join(folder, "socket");
const peers = new Set<Socket>();
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "bulkhead-ask-"));
});
afterEach(async () => {
  for (const peer of peers) peer.destroy();
  if (server !== undefined) await new Promise((resolve) => server?.close(resolve));
  server = undefined;
  rmSync(folder, { recursive: true });
});

/** Answers the first bytes of each connection. */
async function serve(answer: (peer: Socket, question: string) => void): Promise<void> {
  server = createServer((peer) => {
    peers.add(peer);
    peer.on("error", () => {});
    peer.once("data", (question) => answer(peer, String(question)));
  });
  await new Promise<void>((resolve) => server?.listen(path(), resolve));
}

const ask = (timeoutMs = 20_000) => askForDescriptor({ path: path(), line: "the file, please", bytesMax: 1000, timeoutMs });
const openPaths = () =>
  readdirSync("/proc/self/fd").map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return "";
    }
  });

test("the answer brings an open file, and the conversation goes on as Node's own", async () => {
  writeFileSync(join(folder, "file"), "inside");
  const questions: string[] = [];
  await serve((peer, question) => {
    questions.push(question);
    const fd = openSync(join(folder, "file"), "r");
    sendWithDescriptor(peer, "here\n", fd);
    closeSync(fd);
    peer.on("data", (more) => peer.write(`heard ${more}`));
  });
  const { line, fd = -1, socket } = await ask();
  const bytes = Buffer.alloc(10);
  expect([line, readSync(fd, bytes, 0, 10, 0), bytes.toString("utf8", 0, 6)]).toEqual(["here", 6, "inside"]);
  expect(flagsOf(fd) & O_CLOEXEC).toBe(O_CLOEXEC); // no child inherits it
  const reply = new Promise((resolve) => socket.once("data", (data) => resolve(String(data))));
  socket.write("thanks");
  expect(await reply).toBe("heard thanks");
  expect(questions).toEqual(["the file, please\n"]);
  closeSync(fd);
  socket.destroy();
});

const O_CLOEXEC = 0o2000000;
const flagsOf = (fd: number): number =>
  Number.parseInt(/^flags:\s+(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"))?.[1] ?? "0", 8);

test("an answer without a descriptor has none, also when it comes in pieces", async () => {
  await serve((peer) => {
    peer.write("n");
    setTimeout(() => peer.write("o\n"), 50);
  });
  const { line, fd, socket } = await ask();
  expect([line, fd]).toEqual(["no", undefined]);
  socket.destroy();
});

test.each<[string, (peer: Socket) => void]>([
  ["hangs up", (peer) => peer.end()],
  ["says nothing", () => {}],
  ["never ends its line", (peer) => peer.write("x".repeat(5000))],
  [
    "passes a file and hangs up in the middle of its line",
    (peer) => {
      sendWithDescriptor(peer, "half", fileToPass());
      peer.end();
    },
  ],
])("a peer that %s is an error, and nothing stays open", async (_, answer) => {
  await serve(answer);
  await expect(ask(300)).rejects.toThrow(`asking at ${path()} for a file`);
  expect(openPaths().filter((target) => target === join(folder, "passed"))).toHaveLength(passed.length);
  for (const fd of passed.splice(0)) closeSync(fd);
});

const passed: number[] = [];
function fileToPass(): number {
  writeFileSync(join(folder, "passed"), "x");
  const fd = openSync(join(folder, "passed"), "r");
  passed.push(fd);
  expect(fstatSync(fd).size).toBe(1);
  return fd;
}

test("nobody listens", async () => {
  await expect(ask()).rejects.toThrow(`asking at ${path()} for a file`);
});
