/** The door for files of guests, before hostd is asked and after it has answered. What a real guest does: test/guest-operations.test.ts. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { fault } from "../../wire/index.ts";
import { createGuestFileDoor, type GuestFileDoorParts } from "./guest-file-door.ts";

let server: Server;
let bugs: unknown[];
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

async function* pieces(...given: readonly (string | Error)[]): AsyncGenerator<Buffer> {
  for (const piece of given) {
    if (piece instanceof Error) throw piece;
    yield Buffer.from(piece);
  }
}

const asked: string[] = [];
const taken: string[] = [];
const whole: Pick<GuestFileDoorParts, "open" | "take"> = {
  open: async ({ vm, token }) => {
    asked.push(`${vm} ${token}`);
    return { sizeBytes: 6, pieces: pieces("abc", "def") };
  },
  take: async (_, { sizeBytes, chunks }) => {
    let text = "";
    for await (const chunk of chunks) text += Buffer.from(chunk).toString();
    taken.push(`${sizeBytes} ${text}`);
  },
};

async function start(parts: Partial<GuestFileDoorParts> = {}): Promise<string> {
  bugs = [];
  const door = createGuestFileDoor({ ...whole, onBug: (error) => bugs.push(error), ...parts });
  server = createServer((request, response) => void door({ request, response, client: { address: "::1", userAgent: "" } }));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/guestFile`;
}

test("a file comes out whole, as nothing that a browser would run, and one goes in with the size that was promised", async () => {
  const url = `${await start()}?id=7&token=abc`;
  const answer = await fetch(url);
  expect(await answer.text()).toBe("abcdef");
  expect(Object.fromEntries(answer.headers)).toMatchObject({ "content-type": "application/octet-stream", "content-length": "6" });
  expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
  expect((await fetch(url, { method: "PUT", body: "hello" })).status).toBe(200);
  expect([asked, taken]).toEqual([["7 abc"], ["5 hello"]]);
});

test.each([
  ["", 400],
  ["?id=7", 400],
  ["?id=7&token=", 400],
  ["?id=7&token=../../x", 400],
  ["?id=../7&token=abc", 400],
  ["?id=9999999999&token=abc", 400],
  [`?id=7&token=${"a".repeat(129)}`, 400],
])("what is no ticket (%s) is not asked about", async (query, status) => {
  asked.length = 0;
  expect((await fetch(`${await start()}${query}`)).status).toBe(status);
  expect(asked).toEqual([]);
});

test("only GET and PUT are answered", async () => {
  const answer = await fetch(`${await start()}?id=7&token=abc`, { method: "DELETE" });
  expect([answer.status, answer.headers.get("allow")]).toEqual([405, "GET, PUT"]);
});

test("a refusal has its status and its reason; a failure that is none of those tells nothing of the host", async () => {
  const file = "/tmp/x";
  const refused = await start({ open: () => Promise.reject(fault("FileNotFound", "File /tmp/x was not found.", { file })) });
  const answer = await fetch(`${refused}?id=7&token=abc`);
  expect([answer.status, await answer.text()]).toEqual([404, "File /tmp/x was not found.\n"]);
  server.close();
  const broken = await start({ take: () => Promise.reject(new Error("/var/lib/secret")) });
  const other = await fetch(`${broken}?id=7&token=abc`, { method: "PUT", body: "x".repeat(3_000_000) });
  expect([other.status, await other.text()]).toEqual([500, "Internal error.\n"]);
  expect(bugs).toHaveLength(1);
});

test("a file that breaks off in the middle does not look whole", async () => {
  const failure = fault("FileFault", "/tmp/x became shorter", { file: "/tmp/x" });
  const url = await start({ open: async () => ({ sizeBytes: 6, pieces: pieces("abc", failure) }) });
  await expect(fetch(`${url}?id=7&token=abc`).then((answer) => answer.text())).rejects.toThrow();
  expect(bugs).toEqual([]);
});
